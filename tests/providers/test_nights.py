"""When a night begins, what it has room for, and what waits for it."""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huleedu_pipeline.essays import Batch, read_batch
from huleedu_pipeline.ledger import JobState, Ledger
from huleedu_pipeline.providers.estimates import estimate_batch
from huleedu_pipeline.providers.nights import Night, usd_left
from huleedu_pipeline.providers.planning import register
from huleedu_pipeline.providers.waiting import Release, let_go, may_wait, n_requests, not_before_the_night, within_limit
from huleedu_pipeline.settings import Settings
from tests.kit import write_batch
from tests.providers.kit import NIGHT, plan
from tests.providers.test_budget import spend

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "began"),
    [
        ("2026-11-20 00:59:59", "2026-11-19 01:00:00"),
        ("2026-11-20 01:00:00", "2026-11-20 01:00:00"),
        ("2026-07-01 00:00:00", "2026-07-01 00:00:00"),
        # Clocks go back on 25 October 2026: 02:00 comes twice, and the second begins the night; the one before has 25 hours.
        ("2026-10-25 00:00:00", "2026-10-24 00:00:00"),
        ("2026-10-25 00:59:59", "2026-10-24 00:00:00"),
        ("2026-10-25 01:00:00", "2026-10-25 01:00:00"),
        ("2026-10-26 00:59:59", "2026-10-25 01:00:00"),
        # Clocks go forward on 28 March 2027: there is no 02:00, and the night begins at 03:00; it has 23 hours.
        ("2027-03-28 00:59:59", "2027-03-27 01:00:00"),
        ("2027-03-28 01:00:00", "2027-03-28 01:00:00"),
        ("2027-03-29 00:00:00", "2027-03-29 00:00:00"),
    ],
)
def test_a_night_begins_at_two_by_the_clock_on_the_wall(now: str, began: str) -> None:
    assert NIGHT.began_at(utc(now)) == utc(began)


@given(
    now=st.integers(0, 2 * 365 * 24 * 60).map(lambda minutes: utc("2026-01-01") + timedelta(minutes=minutes)),
    at=st.times(timezones=st.none()).map(lambda t: t.replace(second=0, microsecond=0, fold=0)),
    zone=st.sampled_from(["Europe/Stockholm", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia", "UTC"]),
)
def test_every_instant_is_in_the_night_that_began_last(now: datetime, at: time, zone: str) -> None:
    night = Night(at, zone)
    began = night.began_at(now)
    assert began <= now < began + timedelta(hours=25, seconds=1)
    assert night.began_at(began) == began
    assert night.began_at(began - timedelta(seconds=1)) < began


def test_a_night_has_what_was_not_spent_or_ordered_in_it(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    plan(ledger, settings, tmp_path)
    assert usd_left(ledger, settings, NOW) is None
    capped = settings.model_copy(update={"max_cost_usd_per_night": 5.0})
    spend(ledger, 3.0, NIGHT.began_at(NOW) - timedelta(seconds=1))
    assert usd_left(ledger, capped, NOW) == 5.0
    spend(ledger, 2.0, NIGHT.began_at(NOW))
    ledger.move_job(ledger.plan_job(ledger.requests("small")[5:7], estimated_cost_usd=0.5), JobState.INTENT)
    assert usd_left(ledger, capped, NOW) == pytest.approx(2.5)


@pytest.mark.parametrize(
    ("most_usd", "left", "goes", "stays"),
    [
        ({}, 5.0, (), {}),
        ({"a": 2.0, "b": 3.0}, 5.0, ("a", "b"), {}),
        (
            {"a": 2.0, "b": 3.5, "c": 3.0},
            5.0,
            ("a", "c"),
            {"b": "waits for the next night: it may cost 3.5000 USD, and 3.0000 are"},
        ),
        ({"a": 5.5, "b": 1.0}, 5.0, ("b",), {"a": "never goes by itself: it may cost 5.5000 USD, more than HULEEDU_MAX_COST"}),
        (
            {"a": None, "b": 1.0},
            5.0,
            ("b",),
            {"a": "never goes by itself: with HULEEDU_MAX_COST_USD_PER_NIGHT (5 USD) set, its"},
        ),
        ({"a": 1.0}, -0.5, (), {"a": "waits for the next night: it may cost 1.0000 USD, and -0.5000 are left of"}),
    ],
)
def test_a_limit_has_room_for_the_first_that_fit(
    most_usd: dict[str, float | None], left: float, goes: tuple[str, ...], stays: dict[str, str]
) -> None:
    found = within_limit(most_usd, limit=5.0, left=left)
    assert found.goes == goes
    assert found.stays.keys() == stays.keys()
    assert all(found.stays[batch_id].startswith(why) for batch_id, why in stays.items())


@given(st.dictionaries(st.text("abc", max_size=3), st.none() | st.floats(0, 10)), st.floats(0, 10))
def test_what_goes_is_never_more_than_is_left(most_usd: dict[str, float | None], left: float) -> None:
    found = within_limit(most_usd, limit=10.0, left=left)
    assert sum(most_usd[batch_id] or 0.0 for batch_id in found.goes) <= left + 1e-9
    assert {*found.goes, *found.stays} == most_usd.keys()
    assert not {*found.goes} & found.stays.keys()


def installation(settings: Settings, **values: Any) -> Settings:
    return settings.model_copy(update={"batch_api_mode": "nightly", **values})


def batches(folder: Path, **spec: Any) -> list[Batch]:
    return [read_batch(write_batch(folder / name, max_comparisons=12, **spec)) for name in ("b1", "b2")]


@pytest.mark.parametrize(
    ("mode", "n_waiting", "why"),
    [
        ("nightly", 10_000, "waits for the night (02:00 Europe/Stockholm)"),
        ("opportunistic", 23, "waits until 24 requests do (now 23), or for the night (02:00 Europe/Stockholm)"),
        ("opportunistic", 24, None),
    ],
)
def test_by_day_only_enough_requests_go(settings: Settings, mode: str, n_waiting: int, why: str | None) -> None:
    rules = installation(settings, batch_api_mode=mode, opportunistic_requests=24)
    assert not_before_the_night(rules, n_waiting) == why


def test_in_the_night_all_go_that_the_limit_has_room_for(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    waiting = batches(tmp_path)
    assert let_go(ledger, installation(settings), waiting, now=NOW, is_night=True) == Release(("b1", "b2"), {})
    cost = estimate_batch(waiting[0], "provider_batch_api").cost_usd
    assert cost is not None
    capped = installation(settings, max_cost_usd_per_night=1.5 * cost)
    found = let_go(ledger, capped, waiting, now=NOW, is_night=True)
    assert (found.goes, list(found.stays)) == (("b1",), ["b2"])


def test_by_day_enough_requests_go_together_and_the_limit_holds(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    waiting = batches(tmp_path)
    assert [n_requests(batch) for batch in waiting] == [12, 12]
    rules = installation(settings, batch_api_mode="opportunistic", opportunistic_requests=24)
    assert let_go(ledger, rules, waiting, now=NOW, is_night=False).goes == ("b1", "b2")
    assert let_go(ledger, rules, waiting[:1], now=NOW, is_night=False).goes == ()
    broke = rules.model_copy(update={"max_cost_usd_per_night": 0.0})
    assert let_go(ledger, broke, waiting, now=NOW, is_night=False).goes == ()


def test_only_batch_jobs_of_a_provider_wait(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    jobs = read_batch(write_batch(tmp_path / "jobs"))
    live = read_batch(write_batch(tmp_path / "live", llm_batching_mode="per_request"))
    people = read_batch(write_batch(tmp_path / "people", judge={"provider": "human"}))
    nightly = installation(settings)
    assert [may_wait(ledger, nightly, batch) for batch in (jobs, live, people)] == [True, False, False]
    assert not may_wait(ledger, settings, jobs)
    # What was recorded with another mode keeps it, whatever the settings say now.
    register(ledger, installation(settings, llm_batching_mode="per_request"), jobs)
    assert not may_wait(ledger, nightly, jobs)
