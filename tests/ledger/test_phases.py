"""States and phases as the product names them: every row of the mappings, as a table."""

import pytest

from huleedu_pipeline.ledger import BatchStatus, SpellCheckStatus
from huleedu_pipeline.ledger.phases import (
    CJ_STAGE,
    CLIENT_STATUS,
    PIPELINE_STATUS,
    ClientStatus,
    EssayStage,
    PipelineStatus,
    client_status,
    current_phase,
    phase_of,
)

PENDING, INITIALIZED, PROCESSING, COMPLETED, FAILED, CANCELLED = EssayStage
RUNNING = PipelineStatus.PROCESSING_PIPELINES


@pytest.mark.parametrize(
    ("internal", "shown"),
    [
        ("awaiting_content_validation", "pending_content"),
        ("content_ingestion_failed", "failed"),
        ("awaiting_pipeline_configuration", "pending_content"),
        ("ready_for_pipeline_execution", "ready"),
        ("processing_pipelines", "processing"),
        ("awaiting_student_validation", "processing"),
        ("student_validation_completed", "processing"),
        ("validation_timeout_processed", "processing"),
        ("completed_successfully", "completed_successfully"),
        ("completed_with_failures", "completed_with_failures"),
        ("failed_critically", "failed"),
        ("cancelled", "cancelled"),
    ],
)
def test_twelve_internal_states_are_shown_as_seven(internal: str, shown: str) -> None:
    assert CLIENT_STATUS[PipelineStatus(internal)] is ClientStatus(shown)


def test_the_mappings_are_total() -> None:
    assert (set(CLIENT_STATUS), set(CLIENT_STATUS.values())) == (set(PipelineStatus), set(ClientStatus))
    assert (len(PipelineStatus), len(ClientStatus)) == (12, 7)
    assert set(PIPELINE_STATUS) == set(CJ_STAGE) == set(BatchStatus)


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ("pending", "ready"),
        ("awaiting_judgements", "processing"),
        ("scoring", "processing"),
        ("completed_stable", "completed_successfully"),
        ("completed_max_comparisons", "completed_successfully"),
        ("completed_insufficient_essays", "completed_successfully"),
        ("completed_forced_recovery", "completed_with_failures"),
        ("failed", "failed"),
        ("cancelled", "cancelled"),
    ],
)
def test_every_state_of_a_batch_is_shown_as_one(status: str, shown: str) -> None:
    assert client_status(BatchStatus(status), []) == shown


@pytest.mark.parametrize(
    ("status", "spellcheck", "cj", "metadata", "phase"),
    [
        (PipelineStatus.READY_FOR_PIPELINE_EXECUTION, [PENDING], [PENDING], "SPELLCHECK", None),
        (PipelineStatus.AWAITING_STUDENT_VALIDATION, [PROCESSING], [None], None, None),
        (PipelineStatus.COMPLETED_SUCCESSFULLY, [PROCESSING], [PROCESSING], None, None),
        (RUNNING, [COMPLETED, None], [COMPLETED, COMPLETED], None, "spellcheck"),
        (RUNNING, [COMPLETED, INITIALIZED], [None, None], None, "spellcheck"),
        (RUNNING, [COMPLETED, FAILED], [None, COMPLETED], None, "cj_assessment"),
        (RUNNING, [COMPLETED, CANCELLED], [PROCESSING, COMPLETED], None, "cj_assessment"),
        (RUNNING, [COMPLETED, FAILED], [CANCELLED, FAILED], "CJ_ASSESSMENT", None),
        (RUNNING, [], [PENDING], None, "cj_assessment"),
        (RUNNING, [], [], "CJ_ASSESSMENT", "cj_assessment"),
        (RUNNING, [], [], "cj_assessment", None),
        (RUNNING, [], [], "NO_PHASE", None),
        (RUNNING, [], [], None, None),
    ],
)
def test_the_current_phase_by_its_rule(
    status: PipelineStatus,
    spellcheck: list[EssayStage | None],
    cj: list[EssayStage | None],
    metadata: str | None,
    phase: str | None,
) -> None:
    assert current_phase(status, spellcheck=spellcheck, cj_assessment=cj, metadata_phase=metadata) == phase


@pytest.mark.parametrize("status", list(BatchStatus))
def test_a_batch_of_comparisons_is_in_a_phase_while_it_is_judged_or_scored(status: BatchStatus) -> None:
    is_processed = status in (BatchStatus.AWAITING_JUDGEMENTS, BatchStatus.SCORING)
    assert phase_of(status, 5, []) == ("cj_assessment" if is_processed else None)


CHECKING, CHECKED, SKIPPED = SpellCheckStatus


@pytest.mark.parametrize(
    ("status", "spellcheck", "phase", "shown"),
    [
        ("pending", [], None, "ready"),
        ("pending", [CHECKING, CHECKING], "spellcheck", "processing"),
        ("pending", [CHECKED, CHECKING], "spellcheck", "processing"),
        ("pending", [CHECKED, CHECKED], "cj_assessment", "processing"),
        ("pending", [SKIPPED, SKIPPED], None, "ready"),
        ("awaiting_judgements", [CHECKED, CHECKED], "cj_assessment", "processing"),
        ("awaiting_judgements", [SKIPPED, SKIPPED], "cj_assessment", "processing"),
        ("scoring", [CHECKED, CHECKED], "cj_assessment", "processing"),
        ("completed_max_comparisons", [CHECKED, CHECKED], None, "completed_successfully"),
        ("cancelled", [CHECKING, CHECKING], None, "cancelled"),
    ],
)
def test_a_batch_passes_from_its_spell_check_to_its_comparisons(
    status: str, spellcheck: list[SpellCheckStatus], phase: str | None, shown: str
) -> None:
    assert phase_of(BatchStatus(status), 2, spellcheck) == phase
    assert client_status(BatchStatus(status), spellcheck) == shown
