"""An installation in which batches were really judged in all three modes, with faults, shared by the tests that read it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import httpx2
import pytest

from huleedu_pipeline.context import AssessmentContext, ConflictError
from huleedu_pipeline.context.models import AssignmentInput
from huleedu_pipeline.essays import IntakeError
from huleedu_pipeline.ledger import BatchStatus, Ledger
from huleedu_pipeline.ledger.moves import now
from huleedu_pipeline.providers.admission import admit
from huleedu_pipeline.providers.backend import emulator_config
from huleedu_pipeline.providers.emulator.launcher import ensure_emulator, stop_emulator
from huleedu_pipeline.providers.recovery import JOBS_DEADLINE, recover_batch
from huleedu_pipeline.settings import Settings
from tests.graph.kit import Installation
from tests.kit import write_batch
from tests.postgres import GIVEN, drop_database, make_database, without_password

SERVER = without_password(os.environ[GIVEN]) if GIVEN in os.environ else None
N_PAIRS = 28  # all pairs of the small batch
FAULTS: dict[str, list[dict[str, Any]]] = {
    "jobs": [
        {"endpoint": "POST /v1/batches", "nth": 1, "fault": {"kind": "expire", "at": 0.5}},
        {"endpoint": "POST /v1/batches", "nth": 1, "fault": {"kind": "winner_text", "text": "both", "lines": [2]}},
        {"endpoint": "POST /v1/batches", "nth": 1, "fault": {"kind": "refusal", "lines": [3]}},
        {"endpoint": "POST /v1/batches", "nth": 1, "fault": {"kind": "cached_tokens", "tokens": 64, "lines": [4, 5]}},
    ],
    "bundles": [
        {"endpoint": "POST /v1/responses", "nth": 4, "fault": "refusal"},
        {"endpoint": "POST /v1/responses", "nth": 6, "fault": {"kind": "winner_text", "text": "both"}},
        {"endpoint": "POST /v1/responses", "nth": 9, "fault": {"kind": "cached_tokens", "tokens": 128}},
    ],
    "calls": [
        {"endpoint": "POST /v1/messages", "nth": 3, "fault": "lose_answer"},
        {"endpoint": "POST /v1/messages", "nth": 5, "fault": "refusal"},
    ],
}
SPECS: dict[str, dict[str, Any]] = {
    "jobs": {"llm_batching_mode": "provider_batch_api", "judge": {"provider": "openai"}},
    "bundles": {"llm_batching_mode": "serial_bundle", "judge": {"provider": "openai"}, "waves": 2},
    "calls": {"llm_batching_mode": "per_request", "judge": {"provider": "anthropic"}, "max_comparisons": 20},
}


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, Ledger]]:
    """That installation; its ledger is in Postgres where HULEEDU_TEST_DATABASE_URL names a server."""
    folder = tmp_path_factory.mktemp("judged")
    server = make_database(SERVER) if SERVER else None
    settings = Settings(
        home=folder / "home",
        database_url=server,
        emulator_seconds_per_job=0.2,
        emulator_idle_exit_seconds=600,
        reconcile_settle_seconds=0.0,
        preferred_bundle_size=8,
        patience_seconds=5.0,
        live_concurrency=2,
    )
    address = ensure_emulator(emulator_config(settings))
    ledger = Ledger(settings.ledger_url)
    try:
        with dg.DagsterInstance.ephemeral() as instance:
            installation = Installation(settings, instance, folder / "batches")
            for batch_id, spec in SPECS.items():
                reply = httpx2.put(f"{address}/admin/faults", json={"rules": FAULTS[batch_id]}, trust_env=False)
                assert reply.status_code == 200, reply.text
                _judge(installation, ledger, batch_id, spec)
        _end_one_that_is_stuck(ledger, settings, folder)
        _be_refused(ledger, folder)
        yield settings, ledger
    finally:
        ledger.close()
        stop_emulator(settings.emulator_dir)
        if SERVER and server:
            drop_database(SERVER, server)


@pytest.fixture(scope="session")
def judged(installed: tuple[Settings, Ledger]) -> Ledger:
    """Its ledger."""
    return installed[1]


def _judge(installation: Installation, ledger: Ledger, batch_id: str, spec: dict[str, Any]) -> None:
    installation.drop(batch_id, **spec)
    installation.run("submit_batch", batch_id)
    for _ in range(5):
        installation.wait_for_provider(batch_id)
        installation.run("collect_batch", batch_id)
        if ledger.batch(batch_id).status.is_final:
            return
    raise AssertionError(f"{batch_id}: {ledger.tally(batch_id)}")


def _end_one_that_is_stuck(ledger: Ledger, settings: Settings, folder: Path) -> None:
    from tests.providers.kit import BATCH, plan

    plan(ledger, settings, folder / "stuck")
    assert recover_batch(ledger, settings, BATCH, now() + JOBS_DEADLINE * 2).ends_as is BatchStatus.FAILED


def _be_refused(ledger: Ledger, folder: Path) -> None:
    blocked = write_batch(folder / "blocked")
    (blocked / "prompt.md").write_text(" \n", encoding="utf-8")
    unknown = write_batch(folder / "unknown", anchors={}, assignment_id="nowhere", grade_scale=None)
    for name in ("prompt.md", "rubric.md"):
        (unknown / name).unlink()
    for refused in (blocked, blocked, unknown):
        with pytest.raises(IntakeError):
            admit(ledger, refused)
    context = AssessmentContext(ledger)
    wanted = {
        "assignment_id": "friends",
        "instructions": "Judge content and language together.",
        "context_origin": "research_experiment",
    }
    made = AssignmentInput.model_validate({**wanted, "grade_scale": "eng5_np_legacy_9_step"})
    context.put_assignment(made, by="anna")
    with pytest.raises(ConflictError):
        context.put_assignment(made.model_copy(update={"context_origin": "canonical_national"}), by="anna")
    context.delete_assignment("friends", by="anna")
