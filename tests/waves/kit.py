"""A class of any size with its first wave planned, and a judge that answers without a provider."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from huleedu_pipeline.essays import Batch, read_batch
from huleedu_pipeline.judging.outcome import ErrorCode, Usage, failure, success
from huleedu_pipeline.judging.verdict import Verdict
from huleedu_pipeline.ledger import Answer, BatchStatus, Ledger, RequestRecord
from huleedu_pipeline.providers.planning import plan_comparisons, plan_requests, planned_spec, register
from huleedu_pipeline.settings import Settings
from tests.kit import write_batch

BATCH = "class"
COST_USD = 0.0003
SENTENCES = (
    "My uncle mends boats and I help him.",
    "he is nice and kind and he give me alot of food",
    "Gradually, however, I discovered how satisfying it is to finish what one has begun.",
    "She never told us what to think; instead, she asked what we had noticed.",
    "It was fun.",
)


def write_class(folder: Path, n_essays: int, **spec: Any) -> Path:
    """Write a batch folder with so many different essays and no anchors."""
    write_batch(folder, anchors={}, grade_scale=None, **spec)
    for path in (folder / "essays").iterdir():
        path.unlink()
    for number in range(n_essays):
        words = [SENTENCES[(number * step + step) % len(SENTENCES)] for step in range(1, 4 + number % 5)]
        (folder / "essays" / f"e{number:02}.txt").write_text(f"Text {number}. {' '.join(words)}\n", encoding="utf-8")
    return folder


def plan_class(ledger: Ledger, settings: Settings, folder: Path, n_essays: int, **spec: Any) -> Batch:
    """Register a class and plan its first wave, as the assets do."""
    batch = read_batch(write_class(folder / BATCH, n_essays, **{"llm_batching_mode": "per_request", **spec}))
    register(ledger, settings, batch)
    pairs = plan_comparisons(
        planned_spec(ledger, BATCH), batch.scale, {essay.essay_id: essay.anchor_grade for essay in batch.essays}
    )
    plan_requests(ledger, BATCH, pairs, {essay.essay_id: essay.text for essay in batch.essays})
    ledger.move_batch(BATCH, BatchStatus.AWAITING_JUDGEMENTS)
    return batch


def answer(
    ledger: Ledger, requests: Sequence[RequestRecord], *, refuses: Callable[[RequestRecord], bool] = lambda _: False
) -> None:
    """Answer requests in favour of the essay with the higher number, or refuse them for good."""
    refusal = failure(ErrorCode.REFUSAL, "the model refused to judge")
    for request in requests:
        winner: Literal["Essay A", "Essay B"] = "Essay A" if request.essay_a_id > request.essay_b_id else "Essay B"
        verdict = Verdict(winner=winner, justification="It is clearer.", confidence=3.0)
        outcome = refusal if refuses(request) else success(verdict, Usage(input_tokens=10), request.model)
        ledger.begin_live([request.custom_id])
        ledger.end_live([Answer(request.custom_id, outcome, COST_USD, None, datetime.now(UTC))], max_attempts=3)
