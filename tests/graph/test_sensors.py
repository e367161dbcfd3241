"""The sensors on a real instance: they ask for each run once, say what they wait for, and never spend anything."""

import os
import time
from pathlib import Path

import dagster as dg
import pytest

from huleedu_pipeline.orchestration import decisions
from huleedu_pipeline.orchestration.decisions import MAX_FAILED_RUNS
from huleedu_pipeline.providers.emulator.launcher import stop_emulator
from huleedu_pipeline.providers.protocols import ProviderError
from tests.graph.kit import Installation
from tests.kit import emulator_books, write_batch


def tick(installation: Installation, name: str) -> dg.SensorResult:
    repository = installation.definitions.get_repository_def()
    context = dg.build_sensor_context(instance=installation.instance, repository_def=repository, sensor_name=name)
    result = repository.get_sensor_def(name)(context)
    assert isinstance(result, dg.SensorResult)
    return result


def requests(result: dg.SensorResult) -> list[tuple[str | None, str | None]]:
    return [(request.partition_key, request.run_key) for request in result.run_requests or []]


def says(result: dg.SensorResult) -> str:
    reason = result.skip_reason
    return reason.skip_message or "" if isinstance(reason, dg.SkipReason) else reason or ""


def age(folder: Path) -> None:
    """Make a folder look as if it had lain there for a minute."""
    before = time.time() - 60
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, (before, before))


def run_requested(installation: Installation, result: dg.SensorResult) -> None:
    """Do what the daemon does with the sensor's requests."""
    for added in result.dynamic_partitions_requests or []:
        installation.instance.add_dynamic_partitions(added.partitions_def_name, list(added.partition_keys))
    for request in result.run_requests or []:
        installation.run(request.job_name or "submit_batch", request.partition_key, raise_on_error=False)


def test_an_empty_inbox_is_said_to_be_empty(installation: Installation) -> None:
    assert says(tick(installation, "inbox_sensor")) == "the inbox holds nothing new"


def test_a_new_folder_is_submitted_once(installation: Installation) -> None:
    age(installation.drop("b1"))
    result = tick(installation, "inbox_sensor")
    ((partition, run_key),) = requests(result)
    assert partition == "b1"
    assert str(run_key).startswith("submit_batch:b1:")
    (added,) = result.dynamic_partitions_requests or []
    assert list(added.partition_keys) == ["b1"]
    run_requested(installation, result)
    assert requests(tick(installation, "inbox_sensor")) == []


def test_a_folder_that_is_still_being_copied_is_left_alone(installation: Installation) -> None:
    installation.drop("b1")
    assert says(tick(installation, "inbox_sensor")) == "b1: still being copied"


def test_a_broken_folder_is_named_with_its_remedy_and_hides_no_other(installation: Installation) -> None:
    inbox = installation.settings.inbox_dir
    (write_batch(inbox / "bad") / "essays" / "anna.txt").write_text("", encoding="utf-8")
    (write_batch(inbox / "worse") / "batch.yaml").write_text("batchid: x", encoding="utf-8")
    age(inbox / "bad")
    assert says(tick(installation, "inbox_sensor")) == (
        "batch bad: essays/anna.txt: file is empty (remove it, or add text); "
        "worse: batch.yaml: unknown key 'batchid' (did you mean 'batch_id'?)"
    )
    age(installation.drop("good"))
    assert [partition for partition, _ in requests(tick(installation, "inbox_sensor"))] == ["good"]


def test_a_judge_that_the_manifest_does_not_know_starts_no_run(installation: Installation) -> None:
    age(installation.drop("b1", judge={"provider": "openai", "model": "gpt-6-lunar"}))
    result = tick(installation, "inbox_sensor")
    assert requests(result) == []
    assert "b1: batch.yaml: judge: model 'gpt-6-lunar' is not in the manifest" in says(result)


def test_a_failed_submission_is_tried_again_under_a_new_key_and_not_for_ever(installation: Installation) -> None:
    folder = installation.drop("b1")
    age(folder)
    keys = []
    for _ in range(MAX_FAILED_RUNS):
        result = tick(installation, "inbox_sensor")
        keys += [run_key for _, run_key in requests(result)]
        (folder / "rubric.md").rename(folder / "rubric.gone")  # breaks between the look and the run
        run_requested(installation, result)
        (folder / "rubric.gone").rename(folder / "rubric.md")
        age(folder)
    assert len(set(keys)) == MAX_FAILED_RUNS
    assert f"STUCK after {MAX_FAILED_RUNS} failed runs" in says(tick(installation, "inbox_sensor"))


def test_a_submitted_batch_is_waited_for_collected_once_and_then_left_alone(installation: Installation) -> None:
    installation.drop("b1")
    installation.run("submit_batch", "b1")
    waiting = tick(installation, "provider_jobs_sensor")
    assert requests(waiting) == [] or requests(waiting)[0][0] == "b1"
    if not requests(waiting):
        assert says(waiting).startswith("b1: 1 of 1 jobs at openai for ")
    installation.wait_for_provider("b1")
    result = tick(installation, "provider_jobs_sensor")
    ((partition, run_key),) = requests(result)
    job_id = emulator_books(installation.settings.emulator_dir)["jobs"][0]["id"]
    assert (partition, run_key) == ("b1", f"collect_batch:{job_id}:0")
    tags = (result.run_requests or [])[0].tags
    assert {name: tags[name] for name in tags if name.startswith("huleedu/")} == {
        "huleedu/batch": "b1",
        "huleedu/assignment": "A person who matters to me",
        "huleedu/provider_job_id": job_id,
    }
    run_requested(installation, result)
    assert says(tick(installation, "provider_jobs_sensor")) == "no batch is waiting"


def test_a_failed_collection_is_asked_for_again_later_under_a_new_key_and_then_named_as_stuck(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.drop("b1")
    installation.run("submit_batch", "b1")
    installation.wait_for_provider("b1")
    installation.settings.warehouse_path.mkdir(parents=True)  # a publication can not replace a folder
    keys = []
    for n in range(MAX_FAILED_RUNS):
        monkeypatch.setattr(decisions, "PAUSES_SECONDS", (60.0,) * 3)
        if n:
            assert f"b1: {n} of 4 runs have failed (the last one says why); the next is asked for in" in says(
                tick(installation, "provider_jobs_sensor")
            )
        monkeypatch.setattr(decisions, "PAUSES_SECONDS", (0.0,) * 3)
        result = tick(installation, "provider_jobs_sensor")
        keys += [str(run_key).rpartition(":")[2] for _, run_key in requests(result)]
        run_requested(installation, result)
    assert keys == [str(n) for n in range(MAX_FAILED_RUNS)]
    assert f"b1: STUCK after {MAX_FAILED_RUNS} failed runs" in says(tick(installation, "provider_jobs_sensor"))
    assert emulator_books(installation.settings.emulator_dir)["batch_jobs_created"]["openai"] == 1


def test_looking_spends_nothing(installation: Installation) -> None:
    age(installation.drop("b1"))
    tick(installation, "inbox_sensor")
    tick(installation, "provider_jobs_sensor")
    assert not installation.settings.emulator_dir.exists()
    installation.run("submit_batch", "b1")
    before = emulator_books(installation.settings.emulator_dir)["calls"]
    tick(installation, "provider_jobs_sensor")
    after = emulator_books(installation.settings.emulator_dir)["calls"]
    assert {call: n for call, n in after.items() if n != before.get(call)} == {"GET /v1/batches": after["GET /v1/batches"]}


def test_a_provider_that_can_not_be_seen_fails_the_tick(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    installation.drop("b1")
    installation.run("submit_batch", "b1")
    stop_emulator(installation.settings.emulator_dir)
    from huleedu_pipeline.providers import backend

    monkeypatch.setattr(backend, "ensure_emulator", lambda _: "http://127.0.0.1:9")
    with pytest.raises(ProviderError, match="openai: listing batch jobs: the provider can not be reached"):
        tick(installation, "provider_jobs_sensor")
