"""A sample of the concurrency drill; `make drill-concurrency` runs all of it."""

from pathlib import Path

from tests.drills.concurrency import Drill, drill


def test_many_workers_on_one_ledger_buy_nothing_twice_and_lose_nothing(postgres_server: str, tmp_path: Path) -> None:
    audit = drill(Drill("postgres", 3, 3, n_killed=1, kind="hands"), tmp_path, postgres_server)
    assert audit.is_clean, audit
