"""Every outcome carries exactly one of verdict and error."""

from itertools import product

import pytest

from huleedu_pipeline.judging.outcome import (
    PERHAPS_BILLED,
    RETRYABLE,
    UNCOUNTED,
    ErrorCode,
    Outcome,
    OutcomeKind,
    Usage,
    failure,
    read_answer,
    success,
)
from huleedu_pipeline.judging.verdict import Verdict

VERDICT = Verdict(winner="Essay B", justification="Clearer.", confidence=3)
COMBINATIONS = list(product(OutcomeKind, (None, VERDICT), (None, ErrorCode.REFUSAL), (None, "It refused.")))
WHOLE = [
    (OutcomeKind.SUCCESS, VERDICT, None, None),
    (OutcomeKind.FAILURE, None, ErrorCode.REFUSAL, "It refused."),
    (OutcomeKind.EXPIRED, None, ErrorCode.REFUSAL, "It refused."),
]


@pytest.mark.parametrize(("kind", "verdict", "code", "message"), WHOLE)
def test_a_verdict_or_an_error_makes_an_outcome(
    kind: OutcomeKind, verdict: Verdict | None, code: ErrorCode | None, message: str | None
) -> None:
    outcome = Outcome(kind, verdict=verdict, error_code=code, error_message=message)
    assert (outcome.verdict is None) != (outcome.error_code is None)


@pytest.mark.parametrize(("kind", "verdict", "code", "message"), [case for case in COMBINATIONS if case not in WHOLE])
def test_anything_between_is_refused(
    kind: OutcomeKind, verdict: Verdict | None, code: ErrorCode | None, message: str | None
) -> None:
    with pytest.raises(ValueError, match=f"^an outcome of kind {kind} needs (a verdict|an error) and only that$"):
        Outcome(kind, verdict=verdict, error_code=code, error_message=message)


def test_success_keeps_what_the_reply_cost_and_who_gave_it() -> None:
    usage = Usage(input_tokens=100, cached_input_tokens=20, output_tokens=30)
    outcome = success(VERDICT, usage, "gpt-6-luna-2026-06-01", "flex")
    assert (outcome.kind, outcome.verdict, outcome.model) == (OutcomeKind.SUCCESS, VERDICT, "gpt-6-luna-2026-06-01")
    assert (outcome.usage, outcome.service_tier) == (usage, "flex")


def test_a_broken_answer_keeps_what_it_cost_and_who_gave_it() -> None:
    usage = Usage(input_tokens=100, output_tokens=30)
    outcome = read_answer("Essay A", usage, "m", "batch")
    assert (outcome.error_code, outcome.usage, outcome.model, outcome.service_tier) == (
        ErrorCode.INVALID_VERDICT,
        usage,
        "m",
        "batch",
    )


def test_every_way_to_end_is_final_or_retryable() -> None:
    assert set(ErrorCode) - RETRYABLE == {
        ErrorCode.REFUSAL,
        ErrorCode.TRUNCATED,
        ErrorCode.CONTENT_FILTER,
        ErrorCode.PROVIDER_REJECTED,
        ErrorCode.NO_ANSWER,
    }
    assert {ErrorCode.NOT_RUN, ErrorCode.SPEND_LIMIT, ErrorCode.NO_ACCESS} == UNCOUNTED


def test_what_counts_for_nothing_is_retryable_and_was_surely_not_billed() -> None:
    assert UNCOUNTED <= RETRYABLE
    assert not UNCOUNTED & PERHAPS_BILLED
    assert ErrorCode.NO_ANSWER in PERHAPS_BILLED - RETRYABLE


@pytest.mark.parametrize("code", ErrorCode)
def test_only_a_job_that_ran_out_of_time_is_expired(code: ErrorCode) -> None:
    outcome = failure(code, "It ended so.")
    assert outcome.kind is (OutcomeKind.EXPIRED if code is ErrorCode.BATCH_EXPIRED else OutcomeKind.FAILURE)
    assert (outcome.error_code, outcome.error_message, outcome.usage) == (code, "It ended so.", Usage())


def test_a_failure_can_have_cost_something() -> None:
    assert failure(ErrorCode.TRUNCATED, "Cut off.", Usage(output_tokens=600), "gpt-6-luna").usage.output_tokens == 600


def test_long_error_messages_are_cut() -> None:
    assert failure(ErrorCode.PROVIDER_ERROR, "x" * 9999).error_message == "x" * 500
