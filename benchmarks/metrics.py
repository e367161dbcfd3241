"""How long a scrape of a large ledger takes beside counting all its rows, and what keeping the sums costs the writers.

``python benchmarks/metrics.py`` builds a ledger of a million requests in 2 000 invented batches, and prints the times of a
scrape in this process and in a fresh one, of a full recount by the same views, and of recording attempts with and without the
triggers that keep the sums. Judgements are invented. Nothing here asserts how long something takes.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy.engine import Connection

from huleedu_pipeline.judging.outcome import Usage, success
from huleedu_pipeline.judging.verdict import Verdict
from huleedu_pipeline.ledger import Answer, FrameRecord, Ledger, RequestRecord
from huleedu_pipeline.ledger.attempts import batched
from huleedu_pipeline.ledger.totalling import drop_totals, make_totals, recounted
from huleedu_pipeline.ledger.totals import ALL_TOTALS
from huleedu_pipeline.metrics import exposition

REQUESTS_PER_BATCH = 500
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
JUDGES = (("openai", "gpt-6-luna"), ("anthropic", "claude-sonnet-5"), ("openai", "emulated-gpt-6-luna"))
MODES = ("provider_batch_api", "serial_bundle", "per_request")
N_REPEATS = 5
FRAME = FrameRecord("f", "openai", "/v1/responses", "{", ",", "}")


def instant(seconds: float) -> str:
    """Return an instant as the ledger stores it."""
    return (FIRST + timedelta(seconds=seconds)).isoformat(timespec="microseconds")


def insert(connection: Connection, table: str, columns: str, rows: Iterator[tuple[Any, ...]]) -> None:
    """Insert rows, many at once."""
    marks = ", ".join("?" for _ in columns.split(", "))
    for chunk in batched(rows, 20_000):
        connection.exec_driver_sql(f"INSERT INTO {table} ({columns}) VALUES ({marks})", chunk)


def build(ledger: Ledger, n_requests: int) -> float:
    """Fill a ledger; return the seconds that inserting the attempts took, the sums being kept meanwhile."""
    n_batches = n_requests // REQUESTS_PER_BATCH
    batches = range(n_batches)
    with ledger.engine.begin() as connection:
        insert(connection, "frames", "frame_id, provider, path, head, middle, tail", iter([("f", "openai", "/", "", "", "")]))
        insert(connection, "fragments", "fragment_id, body", iter([("a", "one"), ("b", "two")]))
        columns = (
            "batch_id, status, llm_batching_mode, judge_backend, content_sha256, original_request, n_essays, n_anchors, "
            "created_at, updated_at, completed_at"
        )
        essays = '{"batch": {}, "judge": {}}' + " " * 2_000
        insert(
            connection,
            "batches",
            columns,
            (
                (
                    f"b{b}",
                    "completed_stable",
                    MODES[b % 3],
                    "provider",
                    "c",
                    essays,
                    40,
                    9,
                    *[instant(b * 600)] * 2,
                    instant(b * 600 + 9e3),
                )
                for b in batches
            ),
        )
        insert(
            connection,
            "planned_waves",
            "batch_id, wave, at, provider, model, n_requests",
            ((f"b{b}", 1, instant(b * 600), *JUDGES[b % 3], REQUESTS_PER_BATCH) for b in batches),
        )
        insert(
            connection,
            "batch_moves",
            "batch_id, at, to_status",
            ((f"b{b}", instant(b * 600), status) for b in batches for status in ("pending", "completed_stable")),
        )
        columns = (
            "custom_id, batch_id, position, pair_id, essay_a_id, essay_b_id, wave, replicate, judge_id, provider, model, "
            "prompt_sha256, frame_id, fragment_a_id, fragment_b_id, n_bytes"
        )
        insert(
            connection,
            "requests",
            columns,
            (
                (
                    *(f"cj1_{n:032x}", f"b{n // REQUESTS_PER_BATCH}", n, f"p{n}", "a", "b", 1, 1, "j"),
                    *(*JUDGES[n // REQUESTS_PER_BATCH % 3], "0" * 64, "f", "a", "b", 3000),
                )
                for n in range(n_requests)
            ),
        )
    columns = (
        "custom_id, attempt, accepted_at, sent_at, ended_at, is_final, was_final, outcome, winner, confidence, error_code, "
        "input_tokens, cached_input_tokens, output_tokens, cost_usd, cache_result"
    )
    started = time.process_time()
    with ledger.engine.begin() as connection:
        insert(connection, "attempts", columns, (attempt(n) for n in range(n_requests)))
    return time.process_time() - started


def attempt(n: int) -> tuple[Any, ...]:
    """Return the row of an invented attempt; one in fifty failed."""
    began = n // REQUESTS_PER_BATCH * 600 + n % 97
    instants = (instant(began), instant(began + n % 13 * 7), instant(began + n % 13 * 7 + n % 29))
    name = (f"cj1_{n:032x}", 1, *instants, True, True)
    if n % 50 == 7:
        return (*name, "failure", None, None, "refusal", 1400, 0, 9, 0.0002, "bypass")
    return (*name, "success", "Essay A", 4.0, None, 1400, 1024 * (n % 2), 60, 0.0003, ("miss", "hit")[n % 2])


def seconds(work: Callable[[], object]) -> float:
    """Return the median time of some repetitions."""
    found = []
    for _ in range(N_REPEATS):
        started = time.process_time()
        work()
        found.append(time.process_time() - started)
    return statistics.median(found)


def count_all(ledger: Ledger) -> None:
    """Count all rows anew, by the views that the sums are defined by."""
    with ledger.read() as connection:
        for totals in ALL_TOTALS:
            connection.exec_driver_sql(recounted(totals)).all()


def recording_seconds(folder: Path, n: int, *, has_sums: bool) -> float:
    """Return how long it takes to record so many live answers in transactions of 500, through the ledger's own methods."""
    ledger = Ledger(f"sqlite:///{folder}/{has_sums}.sqlite")
    ledger.register_batch(
        batch_id="b",
        llm_batching_mode="per_request",
        judge_backend="emulator",
        content_sha256="c",
        original_request="{}",
        n_essays=2,
        n_anchors=0,
    )
    names = [f"r{number}" for number in range(n)]
    same = ("a", "b", 1, 1, "j", "openai", "gpt-6-luna", "0" * 64, "f", "a", "b", 2)
    planned = [RequestRecord(name, "b", place, name, *same) for place, name in enumerate(names)]
    ledger.plan_requests(planned, [FRAME], {"a": "one", "b": "two"})
    if not has_sums:
        with ledger.engine.begin() as connection:
            drop_totals(connection)
    verdict = success(Verdict("Essay A", "It says more.", 3.0), Usage(1400, output_tokens=60), "gpt-6-luna")
    started = time.process_time()
    for chunk in batched(names, 500):
        ledger.begin_live(chunk)
        at = datetime.now(UTC)
        ledger.end_live([Answer(name, verdict, 0.0003, "{}", at, at) for name in chunk], max_attempts=3)
    elapsed = time.process_time() - started
    if not has_sums:
        with ledger.engine.begin() as connection:
            make_totals(connection)
    ledger.close()
    return elapsed


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=1_000_000)
    n_requests = parser.parse_args().requests
    table = Table("what", "CPU seconds", "beside it", title=f"{n_requests:,} requests, invented")
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(f"sqlite:///{folder}/ledger.sqlite")
        with_sums = build(ledger, n_requests)
        scrape, recount = seconds(lambda: exposition(ledger)), seconds(lambda: count_all(ledger))
        table.add_row("scrape, this process", f"{scrape:.4f}", f"{recount / scrape:.0f} times as quick as a full recount")
        table.add_row("full recount by the same views", f"{recount:.2f}", "")
        ledger.close()
        inside = (
            "import sys, time; from huleedu_pipeline.ledger import Ledger; from huleedu_pipeline.metrics import exposition; "
            "started = time.process_time(); exposition(Ledger(sys.argv[1])); print(time.process_time() - started)"
        )
        command = [sys.executable, "-c", inside, f"sqlite:///{folder}/ledger.sqlite"]
        fresh = [float(subprocess.run(command, capture_output=True, check=True, text=True).stdout) for _ in range(3)]
        table.add_row("opening and scrape, fresh process", f"{statistics.median(fresh):.4f}", "without the time of imports")
        table.add_row("inserting ended attempts in bulk", f"{with_sums:.1f}", f"{with_sums / n_requests * 1e6:.1f} µs each")
        n = min(n_requests, 20_000)
        plain, kept = (recording_seconds(Path(folder), n, has_sums=has_sums) for has_sums in (False, True))
        table.add_row(f"recording {n:,} answers, no sums kept", f"{plain:.2f}", f"{plain / n * 1e6:.0f} µs each")
        table.add_row(f"recording {n:,} answers, sums kept", f"{kept:.2f}", f"{kept / plain:.2f} times that")
    Console().print(table)


if __name__ == "__main__":
    main()
