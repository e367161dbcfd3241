"""From a validated batch to recorded requests: what will be asked, fixed before anything is paid.

The judge, the mode and the texts' identity are written to the ledger when a batch is first planned and read from there
ever after, so a setting that changes later never changes a batch half way.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import cycle, islice
from typing import Any

from huleedu_pipeline.canonical import canonical_json, sha256_hex, short_hash
from huleedu_pipeline.comparisons import ComparisonPair, PairGenerationMode, plan_pairs, specified_pairs
from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.essays import Batch, Essay, check_judge
from huleedu_pipeline.essays.spec import BatchSpec
from huleedu_pipeline.grading.scales import GradeScale, get_scale, scale_of
from huleedu_pipeline.judging.batching import BATCH_API, EffectiveMode, effective_mode
from huleedu_pipeline.judging.prompts import Prompt, essay_text, render
from huleedu_pipeline.judging.requests import custom_id
from huleedu_pipeline.judging.spec import HUMAN, BatchingMode, Judge, resolve_model
from huleedu_pipeline.judging.templates import load_template
from huleedu_pipeline.ledger import BatchRecord, FrameRecord, Ledger, RequestRecord, UnknownBatchError, WorkflowDecision
from huleedu_pipeline.logs import events
from huleedu_pipeline.providers import anthropic_wire, openai_wire
from huleedu_pipeline.providers.backend import backend_of, check_backend
from huleedu_pipeline.providers.payloads import SLOT_A, SLOT_B, as_sent, cut, fragment
from huleedu_pipeline.providers.prefixes import frame_id, in_asking_order, with_cache_key
from huleedu_pipeline.settings import Settings
from huleedu_pipeline.waves import Rules, first_wave_size, most_comparisons

OVERRIDES, MODE_OVERRIDE = "batch_config_overrides", "llm_batching_mode_override"


class FixedModeError(HuleeduError):
    """A batching mode was named for a batch that names another, or was recorded with another."""


class StaleEssaysError(HuleeduError):
    """The texts that a run has read are no longer those of the batch."""


def make_judge(batch: Batch, *, is_emulated: bool) -> Judge:
    """Return the judge that ``batch`` asks for."""
    wanted = batch.spec.judge
    return Judge(
        provider=wanted.provider,
        model=resolve_model(wanted, is_emulated=is_emulated),
        prompt_template=wanted.prompt_template,
        system_prompt=wanted.system_prompt or load_template(wanted.prompt_template).system,
        assignment_prompt=batch.prompt,
        rubric=wanted.rubric or batch.rubric,
        temperature=wanted.temperature,
        max_output_tokens=wanted.max_output_tokens,
        reasoning_effort=wanted.reasoning_effort,
        output_verbosity=wanted.output_verbosity,
        api=wanted.api,
        service_tier=wanted.service_tier,
        reason_length=wanted.reason_length,
    )


def resolve_mode(settings: Settings, spec: BatchSpec, hint: BatchingMode | None = None) -> EffectiveMode:
    """Return the mode in which a batch that is new to the ledger is judged."""
    return effective_mode(
        spec.judge.provider,
        override=spec.llm_batching_mode,
        hint=hint,
        default=settings.llm_batching_mode,
        allowed_providers=settings.llm_batch_api_allowed_providers,
    )


def in_mode(spec: BatchSpec, mode: str) -> BatchSpec:
    """Return a specification with its mode resolved."""
    return spec.model_copy(update={"llm_batching_mode": mode})


def register(ledger: Ledger, settings: Settings, batch: Batch, *, mode_hint: BatchingMode | None = None) -> BatchRecord:
    """Record a batch in the ledger with its mode resolved, or find it there.

    Args:
        ledger: The ledger.
        settings: The installation's settings.
        batch: The batch.
        mode_hint: The mode that whoever runs the batch names; it counts as the batch's own where that leaves it open.

    Raises:
        ChangedBatchError: its requests were planned for other content.
        FixedModeError: ``mode_hint`` is not the mode that the batch names, or that was asked for when it was first recorded.
        JudgeBackendMismatchError: they were planned for another backend.
        IntakeError: nothing is planned yet, the batch has not ended, and the manifest of models speaks against its judge.

    """
    batch_id = batch.spec.batch_id
    override = batch.spec.llm_batching_mode or mode_hint
    _ensure_mode(batch_id, mode_hint, override, "names")
    backend = backend_of(settings, batch.spec.judge.provider)
    content_sha256 = _content_of(batch, backend)
    try:
        known = ledger.batch(batch_id)
    except UnknownBatchError:
        check_judge(batch)
    else:
        if ledger.tally(batch_id).n_requests:
            check_backend(settings, batch_id, known.judge_backend)
        elif not known.status.is_final:
            check_judge(batch)
        if known.content_sha256 == content_sha256:
            _ensure_mode(batch_id, mode_hint, asked_for(known), "was first run with")
    judge = make_judge(batch, is_emulated=settings.judge_backend == "emulator")
    effective = resolve_mode(settings, batch.spec, mode_hint)
    request = {
        "batch": batch.spec.model_dump(mode="json"),
        "judge": asdict(judge),
        OVERRIDES: {} if override is None else {MODE_OVERRIDE: override},
        "scale": None if batch.scale is None else asdict(batch.scale),
        "essays_sha256": _essays_sha256(batch.essays),
    }
    return ledger.register_batch(
        batch_id=batch_id,
        llm_batching_mode=effective.mode,
        llm_batching_mode_reason=effective.reason,
        judge_backend=backend,
        content_sha256=content_sha256,
        original_request=canonical_json(request),
        n_essays=sum(not essay.is_anchor for essay in batch.essays),
        n_anchors=sum(essay.is_anchor for essay in batch.essays),
        assignment_id=batch.spec.assignment_id,
        assignment_version=batch.assignment_version,
    )


def ensure_same_essays(ledger: Ledger, batch_id: str, essays: Iterable[Essay]) -> None:
    """Check that essays are those of the batch as it is registered, before anything is made of them.

    While a run is on its way from the texts to the requests, another process may register newer anchors or essays: nothing
    is to be asked, or graded, by a mixture of the two.

    Raises:
        StaleEssaysError: they are not.

    """
    recorded = json.loads(ledger.batch(batch_id).original_request).get("essays_sha256")
    if recorded not in (None, _essays_sha256(essays)):
        raise StaleEssaysError(
            f"batch {batch_id}: its essays or anchors were registered anew while this run was under way "
            "(nothing was asked; start it again: `huleedu run`, or the job submit_batch)"
        )


def is_registered(ledger: Ledger, batch: Batch) -> bool:
    """Whether the texts of a batch, its language and what the pupils were told are those that are recorded under its name.

    Raises:
        UnknownBatchError: nothing is recorded under its name.

    """
    request = json.loads(ledger.batch(batch.spec.batch_id).original_request)
    recorded = (request.get("essays_sha256"), request["batch"]["language"], request["judge"]["assignment_prompt"])
    return recorded == (_essays_sha256(batch.essays), batch.spec.language, batch.prompt)


def _essays_sha256(essays: Iterable[Essay]) -> str:
    return short_hash(sorted((essay.essay_id, essay.text_sha256, essay.anchor_grade) for essay in essays), 64)


def mode_of(ledger: Ledger, settings: Settings, batch: Batch) -> str:
    """Return the mode in which a batch is judged: as it was resolved when it was recorded, or as it is resolved now."""
    try:
        known = ledger.batch(batch.spec.batch_id)
    except UnknownBatchError:
        return resolve_mode(settings, batch.spec).mode
    if known.content_sha256 == _content_of(batch, backend_of(settings, batch.spec.judge.provider)):
        return known.llm_batching_mode
    return resolve_mode(settings, batch.spec).mode


def _content_of(batch: Batch, backend: str) -> str:
    return short_hash([batch.content_sha256, backend], 64)


def asked_for(batch: BatchRecord) -> str | None:
    """Return the mode that a recorded batch, or who first ran it, named; ``None`` when it was left to the installation."""
    asked: str | None = json.loads(batch.original_request).get(OVERRIDES, {}).get(MODE_OVERRIDE)
    return asked


def _ensure_mode(batch_id: str, hint: str | None, named: str | None, verb: str) -> None:
    if hint not in (None, named):
        raise FixedModeError(
            f"batch {batch_id}: {verb} {f'mode {named}' if named else 'no mode of its own'}, and is now to be run in mode "
            f"{hint} (leave --llm-batching-mode out, or name the mode in batch.yaml; a batch with requests needs another "
            "batch_id for that)"
        )


def rules_of(spec: BatchSpec, n_essays: int) -> Rules:
    """Return by what a batch of so many essays, anchors included, is judged to the end."""
    n_pairs = n_essays * (n_essays - 1) // 2
    return Rules(
        # Without a cap of its own a batch asks for no pair again.
        max_comparisons=spec.max_comparisons or (len(spec.pairs) if spec.pairs else min(spec.n_comparisons(n_essays), n_pairs)),
        waves=spec.waves,
        is_single_wave=spec.effective_mode == BATCH_API or spec.judge.provider == HUMAN or spec.pairs is not None,
        min_comparisons_for_stability_check=spec.min_comparisons_for_stability_check,
        score_stability_threshold=spec.score_stability_threshold,
        target_mean_se=spec.target_mean_se,
        target_reliability=spec.target_reliability,
    )


def plan_comparisons(
    spec: BatchSpec, scale: GradeScale | None, anchor_grades: Mapping[str, str | None]
) -> list[ComparisonPair]:
    """Return the first wave of a batch that a provider judges; of batch jobs that is all of it.

    Args:
        spec: The batch's specification.
        scale: Its grade scale.
        anchor_grades: Grade of each anchor, ``None`` for a pupil's essay, by ``essay_id``.

    """
    if spec.pairs is not None:
        return in_asking_order(specified_pairs(spec.batch_id, spec.pairs))
    n_essays = len(anchor_grades)
    return in_asking_order(_design(spec, scale, anchor_grades, first_wave_size(rules_of(spec, n_essays), n_essays)))


def most_comparisons_of(
    spec: BatchSpec, scale: GradeScale | None, anchor_grades: Mapping[str, str | None]
) -> list[ComparisonPair]:
    """Return as many comparisons as a batch may come to, to be priced: later waves, which nobody knows yet, as one design."""
    if spec.pairs is not None:
        return specified_pairs(spec.batch_id, spec.pairs)
    n_essays = len(anchor_grades)
    n_most = most_comparisons(rules_of(spec, n_essays), n_essays)
    pairs = _design(spec, scale, anchor_grades, n_most)
    return list(islice(cycle(pairs), n_most))


def _design(
    spec: BatchSpec, scale: GradeScale | None, anchor_grades: Mapping[str, str | None], n_comparisons: int
) -> list[ComparisonPair]:
    levels = [scale.index(grade) if scale and grade is not None else None for grade in anchor_grades.values()]
    return plan_pairs(spec.batch_id, list(anchor_grades), n_comparisons, spec.seed, anchor_levels=levels)


def planned_spec(ledger: Ledger, batch_id: str) -> BatchSpec:
    """Return a batch's specification as it was first planned, with the mode resolved then and the limit on cost set since."""
    batch = ledger.batch(batch_id)
    spec = BatchSpec.model_validate(json.loads(batch.original_request)["batch"])
    if batch.max_cost_usd is not None:
        spec = spec.model_copy(update={"max_cost_usd": batch.max_cost_usd})
    return in_mode(spec, batch.llm_batching_mode)


def planned_scale(ledger: Ledger, batch_id: str) -> GradeScale | None:
    """Return the grade scale that a batch was first planned with, whatever has become of it since; ``None`` without one."""
    request = json.loads(ledger.batch(batch_id).original_request)
    if recorded := request.get("scale"):
        return scale_of(recorded)
    # A batch from before scales were recorded: there were only those that come with the pipeline.
    name = request["batch"]["grade_scale"]
    return None if name is None else get_scale(name)


def planned_pairs(ledger: Ledger, batch_id: str) -> list[ComparisonPair]:
    """Return the pairs of all waves that were planned for a batch, in the order in which they are asked."""
    seen: set[frozenset[str]] = set()
    pairs = []
    for request in ledger.requests(batch_id):
        both = frozenset((request.essay_a_id, request.essay_b_id))
        mode: PairGenerationMode = "resampling" if both in seen else "coverage"
        seen.add(both)
        names = (request.essay_a_id, request.essay_b_id)
        pairs.append(ComparisonPair(batch_id, *names, request.wave, request.replicate, mode))
    return pairs


def planned_judge(ledger: Ledger, batch_id: str) -> Judge:
    """Return a batch's judge as it was first planned."""
    return Judge(**json.loads(ledger.batch(batch_id).original_request)["judge"])


def plan_requests(
    ledger: Ledger, batch_id: str, pairs: Sequence[ComparisonPair], texts: Mapping[str, str]
) -> list[RequestRecord]:
    """Record one request for each pair, where it is not recorded yet, and return all of the batch's requests.

    Args:
        ledger: The ledger, which knows the batch and its judge.
        batch_id: The batch.
        pairs: A wave's pairs; those with the same first essay are asked one after another.
        texts: Text of each essay by its id.

    """
    record_requests(ledger, batch_id, pairs, make_frame(planned_judge(ledger, batch_id)), fragments_of(texts))
    return ledger.requests(batch_id)


def record_requests(
    ledger: Ledger,
    batch_id: str,
    pairs: Sequence[ComparisonPair],
    frame: FrameRecord,
    bodies: Mapping[str, str],
    *,
    n_before: int = 0,
    decision: WorkflowDecision | None = None,
) -> int:
    """Record one request for each pair in one transaction, where it is not recorded yet, and return how many were new.

    Args:
        ledger: The ledger, which knows the batch and its judge.
        batch_id: The batch.
        pairs: A wave's pairs; those with the same first essay are asked one after another.
        frame: What the bodies of all requests share but for the cache key of their first essay.
        bodies: Fragment of each essay by its id.
        n_before: How many requests of the batch come before these.
        decision: What they are planned for, where they are another wave.

    """
    judge = planned_judge(ledger, batch_id)
    pairs = in_asking_order(pairs)
    ids = {essay_id: sha256_hex(body) for essay_id, body in bodies.items()}
    frames = {essay_id: with_cache_key(frame, ids[essay_id]) for essay_id in {pair.essay_a_id for pair in pairs}}
    planned = (
        RequestRecord(
            custom_id=custom_id(batch_id, pair.pair_id, judge.judge_id),
            batch_id=batch_id,
            position=position,
            pair_id=pair.pair_id,
            essay_a_id=pair.essay_a_id,
            essay_b_id=pair.essay_b_id,
            wave=pair.wave,
            replicate=pair.replicate,
            judge_id=judge.judge_id,
            provider=judge.provider,
            model=judge.model,
            prompt_sha256=sha256_hex(frames[pair.essay_a_id].body(bodies[pair.essay_a_id], bodies[pair.essay_b_id])),
            frame_id=frames[pair.essay_a_id].frame_id,
            fragment_a_id=ids[pair.essay_a_id],
            fragment_b_id=ids[pair.essay_b_id],
            n_bytes=n_bytes,
        )
        for position, (pair, n_bytes) in enumerate(zip(pairs, _sizes(frame, bodies, pairs), strict=True), start=n_before)
    )
    distinct = {frame.frame_id: frame for frame in frames.values()}
    own_bodies = {ids[essay_id]: body for essay_id, body in bodies.items()}
    n_new = ledger.plan_requests(planned, distinct.values(), own_bodies, decision=decision)
    if n_new:
        events.REQUESTS_PLANNED.tell(**ledger.batch(batch_id).log_fields, wave=pairs[0].wave, n_requests=n_new)
    return n_new


def request_bodies(judge: Judge, pairs: Sequence[ComparisonPair], texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the API's path and the body of each pair's request, as they would be recorded and sent."""
    frame, bodies = make_frame(judge), fragments_of(texts)
    for pair in pairs:
        body_a, body_b = bodies[pair.essay_a_id], bodies[pair.essay_b_id]
        own = with_cache_key(frame, sha256_hex(body_a))
        yield own.path, own.body(body_a, body_b)


def request_sizes(judge: Judge, pairs: Sequence[ComparisonPair], texts: Mapping[str, str]) -> list[int]:
    """Return the size of each pair's request body in bytes."""
    return _sizes(make_frame(judge), fragments_of(texts), pairs)


def _sizes(frame: FrameRecord, bodies: Mapping[str, str], pairs: Sequence[ComparisonPair]) -> list[int]:
    frame_size = len(frame.body("", "").encode())
    sizes = {essay_id: len(body.encode()) for essay_id, body in bodies.items()}
    return [frame_size + sizes[pair.essay_a_id] + sizes[pair.essay_b_id] for pair in pairs]


def fragments_of(texts: Mapping[str, str]) -> dict[str, str]:
    """Return each text as it stands in a request body, by the same key."""
    return {essay_id: fragment(essay_text(text)).decode() for essay_id, text in texts.items()}


def make_frame(judge: Judge) -> FrameRecord:
    """Return what the bodies of all requests to ``judge`` share; its cache key, if it has one, is not yet that of an essay."""
    cut_body = cut(as_sent(_build_body(judge, render(judge, SLOT_A, SLOT_B))))
    head, middle, tail = (part.decode() for part in cut_body)
    provider, path = judge.provider, _path_of(judge)
    return FrameRecord(frame_id(provider, path, head, middle, tail), provider, path, head, middle, tail)


def _build_body(judge: Judge, prompt: Prompt) -> dict[str, Any]:
    return openai_wire.build_body(judge, prompt) if judge.provider == "openai" else anthropic_wire.build_body(judge, prompt)


def _path_of(judge: Judge) -> str:
    return openai_wire.path_of(judge.api) if judge.provider == "openai" else anthropic_wire.PATH
