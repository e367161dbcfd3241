"""The night on a real instance: one run for each batch that waits, under the limit on its cost, on every night of the year."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from unittest.mock import patch

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator

from huleedu_pipeline.essays import read_batch
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.orchestration.decisions import MAX_FAILED_RUNS
from huleedu_pipeline.orchestration.nightly import build_nightly_schedules
from huleedu_pipeline.providers.estimates import estimate_batch
from huleedu_pipeline.providers.nights import Night
from huleedu_pipeline.providers.planning import register
from huleedu_pipeline.settings import Settings
from tests.graph.kit import Installation
from tests.graph.test_sensors import age, requests, says
from tests.graph.test_sensors import tick as sensor_tick
from tests.kit import emulator_books, write_batch

WAITS = "waits for the night (02:00 Europe/Stockholm)"


def with_settings(installation: Installation, **values: Any) -> Installation:
    return Installation(installation.settings.model_copy(update=values), installation.instance, installation.folder)


@pytest.fixture
def on_disk(settings: Settings, tmp_path: Path) -> Iterator[Installation]:
    """An installation with an instance that a schedule's tick can open for itself, as the daemon's can."""
    (tmp_path / "dagster").mkdir()
    quiet = {"telemetry": {"enabled": False}}
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster"), overrides=quiet) as instance:
        yield with_settings(Installation(settings, instance, tmp_path / "batches"), batch_api_mode="nightly")


@pytest.fixture
def nightly(installation: Installation) -> Installation:
    return with_settings(installation, batch_api_mode="nightly")


def schedule_of(installation: Installation, name: str = "nightly_submission") -> dg.ScheduleDefinition:
    return installation.definitions.get_repository_def().get_schedule_def(name)


@dataclass(frozen=True)
class Tick:
    """What a tick of the night's schedule came to."""

    run_requests: list[dg.RunRequest]
    skip_message: str


def tick(installation: Installation) -> Tick:
    """Ask the schedule what it wants, without the daemon's part, which needs an instance on disk."""
    with patch.object(dg.ScheduleEvaluationContext, "instance", installation.instance):
        asked: Any = schedule_of(installation)(dg.build_schedule_context())
    if isinstance(asked, dg.SkipReason):
        return Tick([], asked.skip_message or "")
    return Tick(list(asked), "")


def run_requested(installation: Installation, asked: Tick) -> None:
    for request in asked.run_requests:
        installation.run("submit_batch", request.partition_key)


@pytest.mark.parametrize("start", ["2026-10-23 12:00", "2027-03-26 12:00"])
@pytest.mark.parametrize("name", ["nightly_submission", "morning_publication"])
def test_there_is_one_tick_each_day_where_clocks_are_changed(tmp_path: Path, name: str, start: str) -> None:
    settings = Settings(home=tmp_path)
    schedule = next(one for one in build_nightly_schedules(settings) if one.name == name)
    began = datetime.fromisoformat(start).replace(tzinfo=UTC)
    ticks = schedule_execution_time_iterator(began.timestamp(), schedule.cron_schedule, schedule.execution_timezone)
    found = list(islice(ticks, 5))
    assert [at.date() for at in found] == [began.date() + timedelta(days=n) for n in range(1, 6)]
    if name == "nightly_submission":
        # The limit on a night's cost begins anew with the tick, on those days too.
        instants = [at.astimezone(UTC) for at in found]
        assert [Night.of(settings).began_at(at) for at in instants] == instants
        assert [at.hour for at in found] == ([2] * 5 if start.startswith("2026") else [2, 3, 2, 2, 2])


def test_the_night_is_when_the_settings_say(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, nightly_at="22:30", nightly_time_zone="America/New_York")
    night, morning = build_nightly_schedules(settings)
    assert (night.cron_schedule, night.execution_timezone) == ("30 22 * * *", "America/New_York")
    assert morning.cron_schedule == "30 2 * * *"


def test_by_default_batches_go_as_they_arrive_and_the_night_leaves_them_alone(installation: Installation) -> None:
    age(installation.drop("b1"))
    asked = tick(installation)
    assert not asked.run_requests
    assert asked.skip_message == "HULEEDU_BATCH_API_MODE is disabled: the inbox_sensor submits batches as they arrive"
    assert [batch_id for batch_id, _ in requests(sensor_tick(installation, "inbox_sensor"))] == ["b1"]


def test_the_night_submits_each_waiting_batch_in_a_run_of_its_own(nightly: Installation) -> None:
    for batch_id in ("b1", "b2"):
        age(nightly.drop(batch_id, max_comparisons=12, assignment="Someone who matters"))
    age(nightly.drop("live", llm_batching_mode="per_request"))
    by_day = sensor_tick(nightly, "inbox_sensor")
    assert [batch_id for batch_id, _ in requests(by_day)] == ["live"]
    asked = tick(nightly)
    assert [request.partition_key for request in asked.run_requests] == ["b1", "b2"]
    for request in asked.run_requests:
        assert request.tags["huleedu/batch"] == request.partition_key
        assert request.tags["huleedu/assignment"] == "Someone who matters"
        assert "huleedu/provider_job_id" not in request.tags
    assert nightly.instance.has_dynamic_partition("cj_batch", "b2")
    assert not nightly.settings.emulator_dir.exists()
    run_requested(nightly, asked)
    assert emulator_books(nightly.settings.emulator_dir)["batch_jobs_created"]["openai"] == 2
    again = tick(nightly)
    assert (not again.run_requests, again.skip_message) == (True, "no batch waits for the night")


def test_the_daemon_takes_a_ticks_runs_as_they_are_asked_for(on_disk: Installation) -> None:
    age(on_disk.drop("b1"))
    repository = on_disk.definitions.get_repository_def()
    at = datetime(2026, 11, 21, 1, tzinfo=UTC)
    context = dg.build_schedule_context(on_disk.instance, scheduled_execution_time=at, repository_def=repository)
    (request,) = schedule_of(on_disk).evaluate_tick(context).run_requests or []
    assert (request.partition_key, request.tags["dagster/partition"]) == ("b1", "b1")
    assert request.tags["huleedu/batch"] == "b1"


def test_what_waits_says_so_in_the_sensors_status_line(nightly: Installation) -> None:
    age(nightly.drop("b1"))
    assert says(sensor_tick(nightly, "inbox_sensor")) == f"b1: {WAITS}"


def test_enough_requests_go_by_day(installation: Installation) -> None:
    waits = with_settings(installation, batch_api_mode="opportunistic", opportunistic_requests=20)
    age(waits.drop("b1", max_comparisons=12))
    assert says(sensor_tick(waits, "inbox_sensor")) == (
        "b1: waits until 20 requests do (now 12), or for the night (02:00 Europe/Stockholm)"
    )
    assert [request.partition_key for request in tick(waits).run_requests] == ["b1"]
    age(waits.drop("b2", max_comparisons=12))
    assert [batch_id for batch_id, _ in requests(sensor_tick(waits, "inbox_sensor"))] == ["b1", "b2"]


def test_a_nights_limit_leaves_batches_to_the_next_night_without_a_failed_run(nightly: Installation) -> None:
    first = nightly.drop("b1", max_comparisons=12)
    age(first)
    age(nightly.drop("b2", max_comparisons=12))
    cost = estimate_batch(read_batch(first), "provider_batch_api").cost_usd
    assert cost is not None
    capped = with_settings(nightly, max_cost_usd_per_night=1.5 * cost)
    asked = tick(capped)
    assert [request.partition_key for request in asked.run_requests] == ["b1"]
    run_requested(capped, asked)
    rest = tick(capped)
    assert not rest.run_requests
    assert rest.skip_message.startswith("b2: waits for the next night: it may cost ")
    assert emulator_books(capped.settings.emulator_dir)["batch_jobs_created"]["openai"] == 1
    # By hand it goes at once, and the gate is what holds it.
    failed = capped.run("submit_batch", "b2", raise_on_error=False)
    assert not failed.success


def test_a_run_that_is_waiting_for_its_turn_is_not_asked_for_again(nightly: Installation) -> None:
    age(nightly.drop("b1"))
    asked = tick(nightly)
    nightly.instance.create_run_for_job(
        nightly.definitions.resolve_job_def("submit_batch"),
        status=dg.DagsterRunStatus.NOT_STARTED,
        tags={"dagster/partition": "b1", **asked.run_requests[0].tags},
    )
    again = tick(nightly)
    assert (not again.run_requests, again.skip_message) == (True, "b1: a run is in progress")


def test_runs_that_fail_before_anything_is_sent_are_asked_for_each_night_and_then_named(nightly: Installation) -> None:
    folder = nightly.drop("b1")
    keys = []
    for _ in range(MAX_FAILED_RUNS):
        age(folder)
        asked = tick(nightly)
        keys += [request.run_key for request in asked.run_requests]
        (folder / "rubric.md").rename(folder / "rubric.gone")
        nightly.run("submit_batch", "b1", raise_on_error=False)
        (folder / "rubric.gone").rename(folder / "rubric.md")
    age(folder)
    assert len(set(keys)) == MAX_FAILED_RUNS
    assert f"STUCK after {MAX_FAILED_RUNS} failed runs" in tick(nightly).skip_message


def test_a_batch_keeps_the_mode_that_it_was_recorded_with(nightly: Installation) -> None:
    folder = nightly.drop("b1")
    age(folder)
    ledger = Ledger(nightly.settings.ledger_url)
    try:
        register(ledger, nightly.settings, read_batch(folder))
    finally:
        ledger.close()
    live = with_settings(nightly, llm_batching_mode="per_request")
    assert says(sensor_tick(live, "inbox_sensor")) == f"b1: {WAITS}"


def test_a_batch_without_its_assignment_is_blocked_by_night_and_day_and_counted_once(nightly: Installation) -> None:
    folder = write_batch(nightly.settings.inbox_dir / "b1")
    (folder / "prompt.md").unlink()
    age(folder)
    for _ in range(2):
        assert "b1: blocked: prompt_not_attached" in says(sensor_tick(nightly, "inbox_sensor"))
        assert "b1: blocked: prompt_not_attached" in tick(nightly).skip_message
    assert not nightly.run("submit_batch", "b1", raise_on_error=False).success
    ledger = Ledger(nightly.settings.ledger_url)
    try:
        assert ledger.count_blocks("prompt_not_attached") == {"cj_assessment": 1}
        assert ledger.batches() == []
    finally:
        ledger.close()
    assert not nightly.settings.emulator_dir.exists()


def test_the_warehouse_is_fresh_as_long_as_the_daemon_publishes_each_morning(installation: Installation) -> None:
    spec = next(s for s in installation.definitions.resolve_all_asset_specs() if s.key.to_user_string() == "warehouse")
    policy: Any = spec.freshness_policy
    assert policy.fail_window.to_timedelta() > policy.warn_window.to_timedelta() > timedelta(hours=25)
    morning = schedule_of(installation, "morning_publication")
    assert morning.job_name == "rebuild_warehouse"
    for schedule in (morning, schedule_of(installation)):
        assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
        assert len(schedule.description or "") > 40
