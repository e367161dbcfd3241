"""The plan of a run: what lies in the folder, what will be asked, what it costs and how well it will be known.

Sizes are estimated from the very bodies that would be sent, and from earlier replies where there are any; prices are the
manifest's; what to expect of the comparisons is the closed form of :mod:`huleedu_pipeline.scaling.expected_precision`.
Writes nothing and sends nothing. Not here: the upper bound that the gates on money use
(:mod:`huleedu_pipeline.providers.estimates`).
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from huleedu_pipeline.eng5.reply_size import MeasuredReply
from huleedu_pipeline.essays import Batch, IntakeError, check_judge
from huleedu_pipeline.judging.batching import BATCH_API
from huleedu_pipeline.judging.manifest import manifest
from huleedu_pipeline.judging.replies import BYTES_PER_TOKEN, REASON_WORDS, expected_reply_tokens
from huleedu_pipeline.judging.savings import PromptTokens, Savings, Way, savings_of
from huleedu_pipeline.judging.spec import HUMAN, BatchingMode, Judge, is_simulated
from huleedu_pipeline.providers.planning import in_mode, make_frame, make_judge, most_comparisons_of, request_sizes
from huleedu_pipeline.scaling.expected_precision import expected_reliability, expected_se

# A live call with a short reason took 2.9 to 4.0 s; what a batch job takes, only its provider knows.
SECONDS_PER_CALL = 4.0
MOST_BATCH_SECONDS = 24 * 3600.0


@dataclass(frozen=True)
class InventoryFile:
    """A file of the batch folder; ``n_words`` and ``grade`` are those of the essay in it, if there is one."""

    path: str
    n_bytes: int
    sha256: str
    n_words: int | None
    grade: str | None


@dataclass(frozen=True)
class Price:
    """What all comparisons are expected to cost in USD, asked in one way; ``None`` where a price is unknown."""

    is_batch: bool
    has_cached_prefix: bool
    usd: float | None


@dataclass(frozen=True)
class RunPlan:
    """Result of :func:`plan_run`.

    Attributes:
        batch_id: The batch.
        provider: Who is asked.
        model: The model that judges.
        llm_batching_mode: How it is asked.
        files: What lies in the folder, by path.
        n_pupils: Pupils' essays.
        n_anchors: Anchors.
        n_words: Words of all essays.
        anchors_by_grade: Anchors of each grade of the scale, from the lowest; empty without a scale.
        n_comparisons: Most comparisons that are asked for; live modes may stop earlier.
        input_tokens: Tokens read for them.
        output_tokens: Tokens written for them.
        measured_replies: What the sizes were measured on; ``None`` where they are derived from what the judge is told.
        prices: Expected cost, live and by batch jobs, without and with the cached prefix.
        prices_as_of: Date of the price list.
        savings: What each way of saving money is worth in this plan.
        most_seconds: How long it takes: of batch jobs the provider's limit, of live calls the expectation.
        spread: Assumed standard deviation of the essays' locations, in logits.
        expected_se: Expected standard error of a location, in logits.
        expected_reliability: Expected reliability.
        warnings: What is to be known of the judge before it is paid.

    """

    batch_id: str
    provider: str
    model: str
    llm_batching_mode: str
    files: tuple[InventoryFile, ...]
    n_pupils: int
    n_anchors: int
    n_words: int
    anchors_by_grade: Mapping[str, int]
    n_comparisons: int
    input_tokens: int
    output_tokens: int
    measured_replies: MeasuredReply | None
    prices: tuple[Price, ...]
    prices_as_of: date
    savings: Savings
    most_seconds: float
    spread: float
    expected_se: float
    expected_reliability: float
    warnings: tuple[str, ...]


def plan_run(
    folder: Path,
    batch: Batch,
    mode: BatchingMode,
    *,
    spread: float,
    call_concurrency: int,
    measured: MeasuredReply | None = None,
) -> RunPlan:
    """Plan judging ``batch`` by the real provider.

    Args:
        folder: Where it was read from.
        batch: The batch.
        mode: The mode in which it is judged.
        spread: Assumed standard deviation of the essays' locations, in logits.
        call_concurrency: Live calls in flight at once.
        measured: What was measured on replies of the judge that will be asked; otherwise their size is derived.

    Raises:
        IntakeError: people judge it, the manifest speaks against its judge, or its comparisons can not connect its essays.
        ValueError: a spread that is none.

    """
    spec, n_essays = in_mode(batch.spec, mode), len(batch.essays)
    place = f"batch {spec.batch_id}"
    if spec.judge.provider == HUMAN:
        raise IntakeError(place, ["people judge it, and nothing is asked or paid (there is nothing to plan)"])
    warnings = check_judge(batch)
    grades = {essay.essay_id: essay.anchor_grade for essay in batch.essays}
    if spec.max_comparisons is not None and spec.max_comparisons < n_essays - 1:
        few = f"max_comparisons: {spec.max_comparisons} can not connect {n_essays} essays (use at least {n_essays - 1})"
        raise IntakeError(place, [few])
    pairs = most_comparisons_of(spec, batch.scale, grades)
    judge = make_judge(batch, is_emulated=False)
    sizes = request_sizes(judge, pairs, batch.judged_texts)
    bytes_per_token = BYTES_PER_TOKEN if measured is None else measured.bytes_per_token
    n_input, context = (
        round(sum(sizes) / bytes_per_token),
        round(len(make_frame(judge).body("", "").encode()) / bytes_per_token),
    )
    n = len(pairs)
    has_short_reason = judge.reason_length == "short"
    reply, short, long = _replies(judge, measured)
    tokens = PromptTokens(context, max(round((n_input / n - context) / 2), 1), short, long)

    def savings(*, is_batch: bool, is_cached: bool) -> Savings:
        way = Way(
            is_batch=is_batch,
            service_tier=None if is_batch else judge.service_tier,
            is_one_order=True,
            waves=1 if is_batch else spec.waves,
            has_cached_prefix=is_cached,
            has_shared_first_essay=is_cached,
            has_short_reason=has_short_reason,
        )
        return savings_of(judge.model, way, tokens, n_essays=n_essays, n_comparisons=n)

    is_batch = mode == BATCH_API
    each = 2 * n / n_essays
    return RunPlan(
        batch_id=spec.batch_id,
        provider=judge.provider,
        model=judge.model,
        llm_batching_mode=mode,
        files=tuple(_inventory(folder, batch)),
        n_pupils=sum(not essay.is_anchor for essay in batch.essays),
        n_anchors=sum(essay.is_anchor for essay in batch.essays),
        n_words=sum(essay.n_words for essay in batch.essays),
        anchors_by_grade=_by_grade(batch),
        n_comparisons=n,
        input_tokens=n_input,
        output_tokens=round(reply * n),
        measured_replies=measured,
        prices=tuple(
            Price(by_batch, is_cached, savings(is_batch=by_batch, is_cached=is_cached).steps[-1].usd)
            for by_batch in (False, True)
            for is_cached in (False, True)
        ),
        prices_as_of=manifest().as_of,
        savings=savings(is_batch=is_batch, is_cached=True),
        most_seconds=MOST_BATCH_SECONDS if is_batch else n * SECONDS_PER_CALL / call_concurrency,
        spread=spread,
        expected_se=expected_se(each, spread),
        expected_reliability=expected_reliability(each, spread),
        warnings=(*warnings, *_of_replies(judge, measured)),
    )


def _of_replies(judge: Judge, measured: MeasuredReply | None) -> Iterator[str]:
    if measured is not None and is_simulated(measured.model):
        yield f"replies were measured on {measured.model}, a simulated judge: the real model's may be longer"
    entry = manifest().find(judge.model)
    may_think = judge.reasoning_effort != "none" and not (entry is not None and entry.reasoning_efforts == ())
    if measured is None and judge.api != "decisions" and may_think:
        yield "what the model thinks before it answers is not in the estimate, and is paid for (a small run measures it)"


def _replies(judge: Judge, measured: MeasuredReply | None) -> tuple[float, int, int]:
    """Return the expected tokens of a reply, and those of one with a short and with a long reason."""
    if judge.api == "decisions":
        return 0.0, 0, 0  # a probability is no text
    derived = expected_reply_tokens(judge.reason_length)
    reply = derived if measured is None else measured.tokens
    # What is thought first is the same whatever the reason's length.
    short, long = (max(round(reply) + tokens - derived, 1) for tokens in map(expected_reply_tokens, REASON_WORDS))
    return reply, short, long


def _by_grade(batch: Batch) -> dict[str, int]:
    counts = Counter(essay.anchor_grade for essay in batch.essays)
    return {} if batch.scale is None else {grade: counts[grade] for grade in batch.scale.grades}


def _inventory(folder: Path, batch: Batch) -> list[InventoryFile]:
    essays = {("anchors" if e.is_anchor else "essays", e.file_name): e for e in batch.essays}
    found = []
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        if not path.is_file() or any(part.startswith(".") for part in place.parts):
            continue
        essay = essays.get((place.parent.as_posix(), path.name))
        n_words, grade = (None, None) if essay is None else (essay.n_words, essay.anchor_grade)
        found.append(InventoryFile(place.as_posix(), path.stat().st_size, _sha256(path), n_words, grade))
    return found


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
