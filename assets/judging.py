"""Group judging: requests, the providers' jobs that carry them, and the judgements that come back.

``provider_jobs`` is the only asset that talks to a provider and spends money. The others write down what the ledger knows.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from assets.common import cj_batch, essays_of, explained, materialised, schema_contract, table_asset, table_value
from huleedu_pipeline.comparisons import ComparisonPair
from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.judging.consistency import contradicts
from huleedu_pipeline.judging.guard import MIN_SUCCESS_RATE, why_failed
from huleedu_pipeline.judging.outcome import OutcomeKind
from huleedu_pipeline.judging.spec import is_simulated
from huleedu_pipeline.judging.templates import load_template
from huleedu_pipeline.lake import Lake
from huleedu_pipeline.lake.tables import (
    COMPARISON_PAIRS,
    ESSAYS,
    JUDGE_REQUESTS,
    LLM_JUDGEMENTS,
    PROVIDER_JOBS,
    STUDENT_MATCHES,
    WAVE_DECISIONS,
)
from huleedu_pipeline.ledger import JobRecord, JobState, Ledger, OutcomeRecord
from huleedu_pipeline.providers.continuation import conclude, is_judged, is_nearly_judged, standing_of
from huleedu_pipeline.providers.human import imported_requests
from huleedu_pipeline.providers.names_in_prompts import prove_planned
from huleedu_pipeline.providers.planning import plan_requests, planned_judge, planned_spec
from huleedu_pipeline.providers.spelling import planned_texts
from huleedu_pipeline.providers.winding_up import OPEN_JOBS
from huleedu_pipeline.waves import decision_row
from resources import LakeResource, LedgerResource, PaidWorkResource

MOST_NAMED = 8


@table_asset(JUDGE_REQUESTS, deps=["essays", "spellchecked_essays", "comparison_pairs"])
def judge_requests(context: dg.AssetExecutionContext, lake: LakeResource, ledger: LedgerResource) -> dg.MaterializeResult[None]:
    """The questions put to the judge, one for each pair, recorded in the ledger before anything is sent.

    The judge sees neutral labels only. A request's name is the same on every machine, so planning again changes nothing.
    What people judged was recorded when it was imported; nothing is planned for them.
    """
    batch_id = context.partition_key
    with explained(), ledger.open() as book:
        batch = book.batch(batch_id)
        if batch.status.is_final or batch.has_too_few_essays:
            requests = book.requests(batch_id)  # nothing is planned any more
        elif batch.is_human:
            requests = imported_requests(book, batch_id)
        else:
            texts = planned_texts(book, batch_id, essays_of(lake.open(), batch_id))
            pairs = [_pair(row) for row in lake.open().read_rows(COMPARISON_PAIRS, batch_id)]
            requests = plan_requests(book, batch_id, pairs, texts)
        carriers, template = book.carriers(batch_id), _template_of(book, batch_id)
        rows = [
            {
                "batch_id": batch_id,
                "custom_id": request.custom_id,
                "pair_id": request.pair_id,
                "judge_id": request.judge_id,
                "provider": request.provider,
                "model": request.model,
                "prompt_sha256": request.prompt_sha256,
                "provider_job_id": carriers.get(request.custom_id),
                **template,
            }
            for request in requests
        ]
        data = lake.open().write_rows(JUDGE_REQUESTS, batch_id, rows)
    size = [request.n_bytes for request in requests]
    judges = {request.judge_id for request in requests}
    return materialised(
        data,
        # The ids of people hold their names, and everybody sees metadata.
        judge=f"{len(judges)} people" if batch.is_human else ", ".join(sorted(judges)) or "(nothing to ask)",
        model=", ".join(sorted({request.model for request in requests})) or "(nothing to ask)",
        mean_request_bytes=round(float(np.mean(size))) if size else 0,
    )


@dg.asset_check(asset=judge_requests, blocking=True, partitions_def=cj_batch)
def no_name_in_prompts(
    context: dg.AssetCheckExecutionContext, lake: LakeResource, ledger: LedgerResource, work: PaidWorkResource
) -> dg.AssetCheckResult:
    """No name of the batch's class list stands in anything that a judge reads; nothing is sent before that is proven.

    All requests are looked through. Once something has been asked this only warns: paid answers wait for nobody.
    """
    with explained(), ledger.open() as book:
        has_been_asked = book.tally(context.partition_key).n_attempts > 0
        if has_been_asked and not _has_class_list(lake.open(), context.partition_key):
            return _no_class_list()
        severity = dg.AssetCheckSeverity.WARN if has_been_asked else dg.AssetCheckSeverity.ERROR
        try:
            proof = prove_planned(book, work.read(book, context.partition_key))
        except HuleeduError as error:
            why = f"the batch in the inbox can not be read any more, so nothing is proven anew: {error}"
            return dg.AssetCheckResult(passed=False, severity=severity, description=why)
    if proof is None:
        return _no_class_list()
    named = ", ".join(proof.named[:MOST_NAMED]) + (", ..." if len(proof.named) > MOST_NAMED else "")
    return dg.AssetCheckResult(
        passed=not proof.named,
        severity=severity,
        description=f"a name of a pupil is left in {named} (take it out of the document, or out of prompt and rubric)"
        if proof.named
        else f"no name of the class in {proof.n_texts} texts",
        metadata={"n_texts": proof.n_texts, "n_with_names": len(proof.named), "n_coinciding": len(proof.coinciding)},
    )


def _has_class_list(lake: Lake, batch_id: str) -> bool:
    """Whether a batch was taken in with a class list; one from before there were any has no table of matches."""
    return lake.path(STUDENT_MATCHES, batch_id).exists() and bool(lake.read(STUDENT_MATCHES, batch_id).num_rows)


def _no_class_list() -> dg.AssetCheckResult:
    why = "no class list whose names could stand anywhere, or no judge is asked"
    return dg.AssetCheckResult(passed=True, description=why)


@table_asset(PROVIDER_JOBS, deps=["judge_requests"], kinds=frozenset({"openai", "anthropic"}))
def provider_jobs(
    context: dg.AssetExecutionContext, lake: LakeResource, ledger: LedgerResource, work: PaidWorkResource
) -> dg.MaterializeResult[None]:
    """The batch's paid work, advanced as far as it goes now: asks for what is planned, collects what has finished.

    Safe to materialise at any time and any number of times: nothing is bought twice, and no answer that was paid for is
    lost. In provider_batch_api mode it submits and returns; the sensor watches from then on. In the live modes it asks the
    judge itself, wave after wave until the decision is final, and the table stays empty, because no provider job carries the
    requests.
    """
    batch_id = context.partition_key
    with explained(), ledger.open() as book:
        advance = work.advance(book, batch_id)
        rows = [_job_row(book, job) for job in advance.jobs if job.provider_job_id is not None]
        data = lake.open().write_rows(PROVIDER_JOBS, batch_id, rows)
        n_dead_letters = len(book.dead_letters(batch_id))
    tally = advance.tally
    return materialised(
        data,
        n_jobs=len(advance.jobs),
        n_jobs_open=sum(job.state in OPEN_JOBS for job in advance.jobs),
        n_jobs_quarantined=sum(job.state is JobState.QUARANTINED for job in advance.jobs),
        n_requests=tally.n_requests,
        n_outcomes=tally.n_outcomes,
        n_succeeded=tally.n_succeeded,
        n_failed=tally.n_failed,
        n_expired=tally.n_expired,
        n_attempts=tally.n_attempts,
        n_dead_letters=n_dead_letters,
        waits_for=advance.waits_for or "(nothing)",
    )


@dg.asset_check(asset=provider_jobs, partitions_def=cj_batch)
def no_job_is_quarantined(context: dg.AssetCheckExecutionContext, ledger: LedgerResource) -> dg.AssetCheckResult:
    """Every job's fate is known; a quarantined one waits for a person, because guessing could pay twice or lose answers."""
    with explained(), ledger.open() as book:
        jobs = book.jobs(context.partition_key, [JobState.QUARANTINED])
    rows = [{"job": job.token, "requests": job.n_requests, "why": job.last_error or ""} for job in jobs]
    return dg.AssetCheckResult(
        passed=not jobs,
        description=f"{len(jobs)} jobs need a decision: huleedu reconcile {context.partition_key}" if jobs else "none",
        metadata={"evidence": table_value(rows)} if rows else {},
    )


@table_asset(LLM_JUDGEMENTS, deps=["provider_jobs"], is_conditional=True)
def llm_judgements(
    context: dg.AssetExecutionContext, lake: LakeResource, ledger: LedgerResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Every request's outcome: a verdict with its reasons and its price, or why there is none.

    Not materialised while requests are still to be answered or another wave is due, because a ranking of half a batch is
    no ranking; the step then says what it waits for, and what comes after it is skipped. When nearly all are there, what
    follows is made provisionally and says so. When the last decision is that the batch has failed, what was answered is
    written, and nothing is ranked. The same when it was cancelled.
    """
    batch_id = context.partition_key
    with explained(), ledger.open() as book:
        waits_for = _waits_for(book, lake.open(), batch_id)
        if waits_for is not None:
            context.log.info("%s: %s", batch_id, waits_for)
            return
        if book.tally(batch_id).is_complete:
            conclude(book, batch_id)
        if (why := book.batch(batch_id).unranked_because) is not None:
            context.log.warning("%s: %s", batch_id, why)
        recorded = book.outcomes(batch_id)
        rows = [_judgement_row(outcome) for outcome in recorded]
        data = lake.open().write_rows(LLM_JUDGEMENTS, batch_id, rows)
    verdicts = [outcome for outcome in recorded if outcome.outcome == OutcomeKind.SUCCESS]
    priced = [outcome.cost_usd for outcome in recorded if outcome.cost_usd is not None]
    # A tie is half a win for either.
    first = [0.5 if outcome.winner is None else float(outcome.winner == "Essay A") for outcome in verdicts]
    simulated = any(is_simulated(outcome.model) for outcome in recorded)
    yield materialised(
        data,
        judges=", ".join(sorted({outcome.model for outcome in recorded})) or "(none)",
        is_simulated=simulated,
        n_verdicts=len(verdicts),
        n_without_verdict=len(recorded) - len(verdicts),
        n_contradictory=sum(row["is_contradictory"] is True for row in rows),
        n_asked_again=sum(outcome.n_attempts > 1 for outcome in recorded),
        **({"share_first_shown_wins": round(float(np.mean(first)), 4)} if first else {}),
        input_tokens=sum(outcome.input_tokens for outcome in recorded),
        output_tokens=sum(outcome.output_tokens for outcome in recorded),
        n_unpriced=len(recorded) - len(priced),
        # A number or nothing: what is plotted must not be less than what was spent.
        **({"cost_usd": round(sum(priced), 6)} if len(priced) == len(recorded) else {}),
        cost_note="what the real model would cost; nothing was paid" if simulated else "by the dated price list",
    )


@dg.asset_check(asset=llm_judgements, blocking=True, partitions_def=cj_batch)
def every_request_has_an_outcome(
    context: dg.AssetCheckExecutionContext, lake: LakeResource, ledger: LedgerResource
) -> dg.AssetCheckResult:
    """Each planned pair was asked about and each request ended with exactly one outcome; nothing final is scaled before that.

    With nearly all outcomes a provisional ranking is made, and this check warns as long as it is provisional.
    """
    batch_id = context.partition_key
    with explained(), ledger.open() as book:
        if (why := book.batch(batch_id).unranked_because) is not None:
            return _nothing_is_scaled(why)
        tally = book.tally(batch_id)
        n_pairs = lake.open().read(COMPARISON_PAIRS, batch_id).num_rows
        n_judgements = lake.open().read(LLM_JUDGEMENTS, batch_id).num_rows
        is_provisional = is_nearly_judged(book, batch_id)
    passed = tally.is_complete and n_pairs == tally.n_requests == n_judgements
    missing = (
        "; the ranking is provisional until the others are there"
        if is_provisional
        else "; materialise provider_jobs to collect what has finished, then this asset again"
    )
    return dg.AssetCheckResult(
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN if is_provisional else dg.AssetCheckSeverity.ERROR,
        description=f"{tally.n_outcomes} of {tally.n_requests} requests have an outcome" + ("" if passed else missing),
        metadata={"pairs": n_pairs, "requests": tally.n_requests, "outcomes": tally.n_outcomes, "judgements": n_judgements},
    )


@dg.asset_check(asset=llm_judgements, blocking=True, partitions_def=cj_batch)
def comparison_graph_connected(
    context: dg.AssetCheckExecutionContext, lake: LakeResource, ledger: LedgerResource
) -> dg.AssetCheckResult:
    """The verdicts connect all essays, directly or through others; without that, no common scale exists.

    Blocks the ranking, unless the batch names its pairs and no grade rests on them: parts may then be meant, and are warned of.
    """
    batch_id = context.partition_key
    with explained(), ledger.open() as book:
        if (why := book.batch(batch_id).unranked_because) is not None:
            return _nothing_is_scaled(why)
        spec = planned_spec(book, batch_id)
        may_fall_apart = spec.pairs is not None and spec.grade_scale is None
        ids = [row["essay_id"] for row in lake.open().read_rows(ESSAYS, batch_id)]
        rows = [row for row in lake.open().read_rows(LLM_JUDGEMENTS, batch_id) if row["outcome"] == "success"]
    place = {essay_id: index for index, essay_id in enumerate(ids)}
    first = np.array([place[row["essay_a_id"]] for row in rows], dtype=np.int64)
    second = np.array([place[row["essay_b_id"]] for row in rows], dtype=np.int64)
    graph = coo_matrix((np.ones(len(rows)), (first, second)), shape=(len(ids), len(ids)))
    n_components, part = connected_components(graph, directed=False)
    apart = [ids[i] for i in np.flatnonzero(part != np.argmax(np.bincount(part)))]
    named = ", ".join(apart[:MOST_NAMED]) + (f" and {len(apart) - MOST_NAMED} more" if len(apart) > MOST_NAMED else "")
    return dg.AssetCheckResult(
        passed=bool(n_components == 1),
        severity=dg.AssetCheckSeverity.WARN if may_fall_apart else dg.AssetCheckSeverity.ERROR,
        description=f"the verdicts connect all {len(ids)} essays"
        if n_components == 1
        else f"the verdicts fall into {n_components} unconnected parts: nothing compares {named} with most others (more "
        "comparisons are needed)",
        metadata={"components": int(n_components), "essays": len(ids), "verdicts": len(rows)},
    )


@table_asset(WAVE_DECISIONS, deps=["llm_judgements"])
def wave_decisions(context: dg.AssetExecutionContext, lake: LakeResource, ledger: LedgerResource) -> dg.MaterializeResult[None]:
    """What was decided after each wave of comparisons, why, and everything that it follows from.

    Worked out from the recorded outcomes, as it was while judging. Of a single wave (batch jobs, people) there is one line,
    in which stability is told and decides nothing. A batch that a person or the watch-dog has ended may have another wave
    due by its last line: batch_status says what became of it.
    """
    batch_id = context.partition_key
    with explained(), ledger.open() as book:
        standing = standing_of(book, batch_id)
        rows = [decision_row(batch_id, state, standing.rules) for state in standing.states()]
        data = lake.open().write_rows(WAVE_DECISIONS, batch_id, rows)
    if not rows:
        return materialised(data, decision="(nothing was asked)", n_waves=0)
    last = rows[-1]
    shown = ("max_score_change", "mean_se", "reliability", "success_rate", "coverage_fraction")
    return materialised(
        data,
        decision=last["decision"],
        reason=last["reason"],
        n_waves=len(rows),
        n_resampling_passes=last["n_resampling_passes"],
        budget_remaining=last["budget_remaining"],
        **{name: round(last[name], 4) for name in shown if last[name] is not None},
    )


@dg.asset_check(asset=wave_decisions, partitions_def=cj_batch)
def enough_requests_succeeded(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> dg.AssetCheckResult:
    """At least four requests in five brought a verdict; with fewer, what is missing may not be missing by chance."""
    batch_id = context.partition_key
    with explained():
        rows = lake.open().read_rows(WAVE_DECISIONS, batch_id)
    n_succeeded, n_outcomes = (rows[-1]["n_succeeded"], rows[-1]["n_outcomes"]) if rows else (0, 0)
    why = why_failed(n_succeeded, n_outcomes) if n_outcomes else None
    return dg.AssetCheckResult(
        passed=why is None,
        description=f"{why}; llm_judgements holds the others' errors"
        if why
        else f"{n_succeeded} of {n_outcomes} requests that have ended",
        metadata={"success_rate": n_succeeded / n_outcomes if n_outcomes else 1.0, "least": MIN_SUCCESS_RATE},
    )


def _waits_for(book: Ledger, lake: Lake, batch_id: str) -> str | None:
    """Return what is missing before a batch's judgements are all there and may be written down."""
    batch, tally = book.batch(batch_id), book.tally(batch_id)
    if batch.unranked_because is not None:
        jobs = book.jobs(batch_id, OPEN_JOBS)
        return f"{len(jobs)} jobs are being wound up" if jobs else None
    if not tally.is_complete and not is_nearly_judged(book, batch_id):
        return f"{tally.n_outcomes} of {tally.n_requests} requests have an outcome"
    if tally.is_complete and not is_judged(book, batch_id):
        return "another wave of comparisons is due (materialise provider_jobs)"
    n_listed = lake.read(COMPARISON_PAIRS, batch_id).num_rows
    if n_listed < tally.n_requests and not batch.is_human:
        return "waves were planned after comparison_pairs was written (the next run writes it anew)"
    return None


def _nothing_is_scaled(why: str) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True, description=f"nothing is scaled, so nothing has to hold ({why})")


def _pair(row: dict[str, Any]) -> ComparisonPair:
    return ComparisonPair(**{name: value for name, value in row.items() if name != "pair_id"})


def _template_of(book: Ledger, batch_id: str) -> dict[str, str | None]:
    """Return the wording that a batch's requests were made with; people are shown none."""
    if book.batch(batch_id).is_human:
        return {"prompt_template": None, "prompt_template_sha256": None}
    template = load_template(planned_judge(book, batch_id).prompt_template)
    return {"prompt_template": template.name, "prompt_template_sha256": template.sha256}


def _job_row(book: Ledger, job: JobRecord) -> dict[str, object]:
    tally = book.tally(job.batch_id, job_token=job.token)
    return {
        "batch_id": job.batch_id,
        "provider": job.provider,
        "model": job.model,
        "provider_job_id": job.provider_job_id,
        "status": str(job.state),
        "n_requests": job.n_requests,
        "n_succeeded": tally.n_succeeded,
        "n_failed": tally.n_failed,
        "n_expired": tally.n_expired,
        "created_at": job.created_at,
        "submitted_at": job.submitted_at,
        "ended_at": job.ended_at,
        "collected_at": job.collected_at,
        "cost_usd": tally.cost_usd if job.state is JobState.COLLECTED else None,
        "estimated_cost_usd": job.estimated_cost_usd,
        "correlation_id": job.correlation_id,
    }


def _judgement_row(outcome: OutcomeRecord) -> dict[str, object]:
    request = outcome.request
    return {
        "batch_id": request.batch_id,
        "custom_id": request.custom_id,
        "pair_id": request.pair_id,
        "essay_a_id": request.essay_a_id,
        "essay_b_id": request.essay_b_id,
        "wave": request.wave,
        "replicate": request.replicate,
        "outcome": outcome.outcome,
        "winner_essay_id": outcome.winner_essay_id,
        "justification": outcome.justification,
        "confidence": outcome.confidence,
        "error_code": outcome.error_code,
        "error_message": outcome.error_message,
        "judge_id": request.judge_id,
        "provider": request.provider,
        "model": outcome.model,
        "prompt_sha256": request.prompt_sha256,
        "input_tokens": outcome.input_tokens,
        "cached_input_tokens": outcome.cached_input_tokens,
        "output_tokens": outcome.output_tokens,
        "cost_usd": outcome.cost_usd,
        "requested_at": outcome.requested_at,
        "completed_at": outcome.completed_at,
        "p_a": outcome.p_a,
        "is_contradictory": _is_contradictory(outcome),
        "n_attempts": outcome.n_attempts,
        "service_tier": outcome.service_tier,
        "cache_write_5m_tokens": outcome.cache_write_5m_tokens,
        "cache_write_30m_tokens": outcome.cache_write_30m_tokens,
        "cache_write_1h_tokens": outcome.cache_write_1h_tokens,
        "cache_write_12h_tokens": outcome.cache_write_12h_tokens,
        "reasoning_tokens": outcome.reasoning_tokens,
    }


def _is_contradictory(outcome: OutcomeRecord) -> bool | None:
    if outcome.winner is None or outcome.justification is None:
        return None
    return contradicts("Essay A" if outcome.winner == "Essay A" else "Essay B", outcome.justification)


checks = [
    schema_contract(JUDGE_REQUESTS),
    schema_contract(PROVIDER_JOBS),
    schema_contract(LLM_JUDGEMENTS),
    schema_contract(WAVE_DECISIONS),
    no_name_in_prompts,
    no_job_is_quarantined,
    every_request_has_an_outcome,
    comparison_graph_connected,
    enough_requests_succeeded,
]
