"""Alarms: what stands still or failed is told once, to the log and to a webhook, a real server; no tick fails for it."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import dagster as dg
import pytest

from huleedu_pipeline.essays import read_batch
from huleedu_pipeline.ledger import BatchRecord, BatchStatus, JobRecord, JobState, Ledger
from huleedu_pipeline.orchestration.alarms import build_alarms
from huleedu_pipeline.orchestration.decisions import MAX_FAILED_RUNS, Situation
from huleedu_pipeline.orchestration.health import MOST_TRIES, failed_batches, left_alone, overdue_jobs, untold
from huleedu_pipeline.orchestration.health_checks import CHECK_UP
from huleedu_pipeline.orchestration.jobs import NO_BATCH_LEFT, NO_JOB_OVERDUE
from huleedu_pipeline.orchestration.notify import Message, WebhookNotifier, notifiers_of
from huleedu_pipeline.providers.advance import close_batch
from huleedu_pipeline.providers.planning import register
from huleedu_pipeline.settings import Settings, SettingsError
from tests.graph.kit import Installation
from tests.graph.test_decisions import NOW, batch, job
from tests.graph.test_main_job import MORE_ANCHORS, RefusesAnna, with_work

HOUR = timedelta(hours=1)
SECRET = "T0-secret"


class Webhook(HTTPServer):
    """A server of its own that keeps what is posted to it, and answers as it is told."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self.status = 200
        super().__init__(("127.0.0.1", 0), _Posts)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hooks/{SECRET}"


class _Posts(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        self.server.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Print nothing."""


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    server = Webhook()
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def told_to(installation: Installation, webhook: Webhook) -> Settings:
    return Settings(**installation.settings.model_dump(), notify_webhook=webhook.url)


def alarm(settings: Settings, name: str) -> dg.SensorDefinition:
    return next(sensor for sensor in build_alarms(settings) if sensor.name == name)


def health(installation: Installation, settings: Settings, cursor: str | None = None) -> dg.SensorResult:
    context = dg.build_sensor_context(instance=installation.instance, cursor=cursor, sensor_name="health_sensor")
    result = alarm(settings, "health_sensor")(context)
    assert isinstance(result, dg.SensorResult)
    return result


def tell_of_failed_run(installation: Installation, settings: Settings, result: dg.ExecuteInProcessResult) -> None:
    context = dg.build_run_status_sensor_context(
        sensor_name="run_failure_sensor",
        dagster_event=result.get_run_failure_event(),
        dagster_instance=installation.instance,
        dagster_run=result.dagster_run,
    ).for_run_failure()
    alarm(settings, "run_failure_sensor")(context)


def test_a_failed_run_is_told_with_its_batch_its_reason_and_what_happens_next(
    installation: Installation, webhook: Webhook
) -> None:
    (installation.drop("b1") / "essays" / "anna.txt").write_text("", encoding="utf-8")
    settings = told_to(installation, webhook)
    for _ in range(MAX_FAILED_RUNS):
        tell_of_failed_run(installation, settings, installation.run("submit_batch", "b1", raise_on_error=False))
    first, *_, last = webhook.received
    assert (first["event"], first["batch_id"]) == ("run_failed", "b1")
    assert first["reason"] == "submit_batch: batch b1: essays/anna.txt: file is empty (remove it, or add text)"
    assert first["next_step"] == "it is tried again by itself (1 of 4 runs have failed)"
    assert first["text"].startswith("batch b1: run failed: submit_batch: batch b1: essays/anna.txt")
    assert last["next_step"] == (
        "nothing is tried by itself any more (4 runs have failed): mend the cause, and start submit_batch by hand"
    )
    assert set(first) == {"text", "event", "batch_id", "reason", "next_step", "run_id"}


def test_failures_from_before_a_batch_was_brought_back_do_not_count(
    installation: Installation, webhook: Webhook, ledger: Ledger
) -> None:
    settings, folder = told_to(installation, webhook), installation.drop("b1")
    register(ledger, settings, read_batch(folder))
    (folder / "rubric.md").unlink()
    for _ in range(MAX_FAILED_RUNS):
        assert not installation.run("submit_batch", "b1", raise_on_error=False).success
    close_batch(ledger, settings, "b1", BatchStatus.CANCELLED, "for a test")
    ledger.reopen_batch("b1", "for a test")
    tell_of_failed_run(installation, settings, installation.run("submit_batch", "b1", raise_on_error=False))
    (message,) = webhook.received
    assert message["next_step"] == "it is tried again by itself (1 of 4 runs have failed)"


def test_the_words_of_an_unforeseen_error_are_not_passed_on(
    installation: Installation, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    from resources import PaidWorkResource

    def breaks(self: PaidWorkResource, ledger: Ledger, batch_id: str) -> None:
        raise ValueError("My best friend is a boy from my street")

    monkeypatch.setattr(PaidWorkResource, "take_in", breaks)
    installation.drop("b1")
    result = installation.run("submit_batch", "b1", raise_on_error=False)
    tell_of_failed_run(installation, told_to(installation, webhook), result)
    (message,) = webhook.received
    assert message["reason"] == "submit_batch: ValueError in step intake (the run's log says more)"


def test_a_blocking_check_that_failed_is_named(installation: Installation, webhook: Webhook) -> None:
    with_work(installation, RefusesAnna, anchors=MORE_ANCHORS)
    result = installation.run("collect_batch", "b1", raise_on_error=False)
    tell_of_failed_run(installation, told_to(installation, webhook), result)
    reason = "collect_batch: 1 blocking asset check failed with ERROR severity: llm_judgements: comparison_graph_connected"
    assert webhook.received[0]["reason"] == reason


def test_a_batch_that_failed_in_a_run_that_did_not_is_told_once_and_the_checks_are_brought_up_to_date(
    installation: Installation, webhook: Webhook, ledger: Ledger
) -> None:
    settings = told_to(installation, webhook)
    calm = health(installation, settings)
    assert calm.skip_reason == dg.SkipReason("nothing stands still")
    installation.drop("b1")
    installation.run("submit_batch", "b1")
    close_batch(ledger, settings, "b1", BatchStatus.FAILED, "the judge refused most of it")
    alarmed = health(installation, settings, calm.cursor)
    assert len(alarmed.run_requests or []) == 1
    (message,) = webhook.received
    assert (message["event"], message["batch_id"]) == ("batch_failed", "b1")
    assert message["reason"] == "the judge refused most of it"
    assert "huleedu retry b1" in message["next_step"]
    again = health(installation, settings, alarmed.cursor)
    assert not again.run_requests
    assert again.skip_reason == dg.SkipReason("b1: batch failed (the judge refused most of it)")
    ledger.reopen_batch("b1", "for a test")
    assert len(health(installation, settings, again.cursor).run_requests or []) == 1, "the checks are to be green again"
    assert len(webhook.received) == 1


def test_a_webhook_that_fails_is_tried_again_a_few_times_and_fails_no_tick(
    installation: Installation, webhook: Webhook, ledger: Ledger
) -> None:
    settings = told_to(installation, webhook)
    installation.drop("b1")
    installation.run("submit_batch", "b1")
    close_batch(ledger, settings, "b1", BatchStatus.FAILED, "for a test")
    webhook.status = 503
    cursor = None
    for _ in range(MOST_TRIES + 2):
        cursor = health(installation, settings, cursor).cursor
    assert len(webhook.received) == MOST_TRIES


@pytest.mark.parametrize("cursor", ["not json", "[]", '{"gone": 3}'])
def test_a_cursor_that_says_nothing_useful_is_begun_anew(installation: Installation, cursor: str) -> None:
    assert health(installation, installation.settings, cursor).cursor == "{}"


def test_the_webhook_is_logged_when_it_fails_and_its_address_is_not(webhook: Webhook, caplog: pytest.LogCaptureFixture) -> None:
    message = Message("batch_failed", "b1", "for a test", "look")
    log = logging.getLogger("tests.alarms")
    caplog.set_level(logging.DEBUG)
    assert WebhookNotifier(webhook.url, log).tell(message)
    webhook.status = 500
    assert not WebhookNotifier(webhook.url, log).tell(message)
    assert not WebhookNotifier(f"http://127.0.0.1:9/{SECRET}", log).tell(message)
    said = [record.getMessage() for record in caplog.records if record.name == "tests.alarms"]
    assert said == [
        "HULEEDU_NOTIFY_WEBHOOK: answered 500, and the message may be lost",
        "HULEEDU_NOTIFY_WEBHOOK: can not be reached (ConnectError)",
    ]
    assert SECRET not in caplog.text


def test_the_log_is_always_told(caplog: pytest.LogCaptureFixture) -> None:
    (only,) = notifiers_of(Settings(), logging.getLogger("tests.alarms"))
    assert only.tell(Message("needs_a_person", "b1", "STUCK", "start it by hand"))
    assert caplog.messages == ["batch b1: needs a person: STUCK. Next: start it by hand", "alarm_raised"]


def test_the_webhooks_address_is_a_secret_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HULEEDU_NOTIFY_WEBHOOK", f"https://chat.example/{SECRET}")
    settings = Settings.load()
    assert SECRET not in repr(settings)
    assert SECRET not in json.dumps(settings.model_dump(mode="json"))
    monkeypatch.setenv("HULEEDU_NOTIFY_WEBHOOK", SECRET)
    with pytest.raises(SettingsError, match="HULEEDU_NOTIFY_WEBHOOK: is no http or https address") as error:
        Settings.load()
    assert SECRET not in str(error.value)


def failed(hours_ago: int, batch_id: str = "b1") -> BatchRecord:
    return replace(
        batch(BatchStatus.FAILED), batch_id=batch_id, completed_at=NOW - hours_ago * HOUR, status_reason="too few verdicts"
    )


def test_failed_batches_are_remembered_for_a_month_newest_first() -> None:
    found = failed_batches([failed(720, "b1"), failed(721, "b2"), failed(1, "b3"), batch(BatchStatus.CANCELLED)], NOW)
    assert [(finding.batch_id, finding.is_severe) for finding in found] == [("b3", False), ("b1", False)]


def test_what_is_stuck_or_quarantined_needs_a_person_and_what_waits_does_not() -> None:
    awaiting = batch(BatchStatus.AWAITING_JUDGEMENTS)
    lost = replace(job(JobState.QUARANTINED), last_error="not in its list; perhaps deleted")
    found = left_alone(
        [
            Situation(awaiting, [job(JobState.SUBMITTED)]),
            Situation(awaiting, [job(JobState.ENDED)], n_failed_collect_runs=MAX_FAILED_RUNS),
            Situation(awaiting, [lost]),
            Situation(batch(BatchStatus.COMPLETED_STABLE, is_published=True), []),
        ]
    )
    assert [finding.is_severe for finding in found] == [True, True]
    assert found[0].reason == "STUCK after 4 failed runs (every job has finished)"
    assert found[0].next_step == "mend the cause, then start the run by hand"
    assert found[1].reason == "QUARANTINED: not in its list; perhaps deleted"
    assert found[1].next_step == "decide with: huleedu reconcile b1"


@pytest.mark.parametrize(("hours", "severities"), [(24, []), (25, [False]), (27, [True])])
def test_a_job_is_overdue_after_a_day_and_an_error_two_hours_later(hours: int, severities: list[bool]) -> None:
    def taken(state: JobState, n: int) -> JobRecord:
        return replace(job(state, n, "in_progress"), submitted_at=NOW - hours * HOUR)

    jobs = [taken(JobState.SUBMITTED, 1), taken(JobState.COLLECTED, 2)]
    found = overdue_jobs([Situation(batch(BatchStatus.AWAITING_JUDGEMENTS), jobs)], NOW)
    assert [finding.is_severe for finding in found] == severities
    assert all(finding.reason.startswith("job_1 is at openai (in_progress) since") for finding in found)


def test_two_findings_have_two_keys_and_the_same_one_keeps_its_own() -> None:
    one, other = failed_batches([failed(1, "b1"), failed(1, "b2")], NOW)
    (again,) = failed_batches([failed(1, one.batch_id)], NOW + HOUR)
    assert one.key == again.key != other.key
    assert untold([one, other], {one.key: 0}) == [other]
    assert untold([one, other], {one.key: 1, other.key: 0}) == [one]


def test_the_check_up_shows_what_is_overdue_with_its_next_step(installation: Installation, ledger: Ledger) -> None:
    installation.drop("b1")
    installation.run("submit_batch", "b1")
    past = (datetime.now(UTC) - 27 * HOUR).isoformat(timespec="microseconds")
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE provider_jobs SET state = 'submitted', submitted_at = '{past}'")
    result = installation.run(CHECK_UP, None)
    seen = {one.check_name: one for one in result.get_asset_check_evaluations()}
    assert seen.keys() == {NO_JOB_OVERDUE, NO_BATCH_LEFT}
    overdue = seen[NO_JOB_OVERDUE]
    assert (overdue.passed, overdue.severity) == (False, dg.AssetCheckSeverity.ERROR)
    table = overdue.metadata["evidence"]
    assert isinstance(table, dg.TableMetadataValue)
    (row,) = [dict(record.data) for record in table.records]
    assert list(row) == ["batch", "what", "since (UTC)", "why", "next step"]
    assert (row["batch"], row["what"]) == ("b1", "job overdue")
    assert seen[NO_BATCH_LEFT].passed
