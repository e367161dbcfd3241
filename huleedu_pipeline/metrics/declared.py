"""Every metric, declared once: name, kind, labels with all values that they can have, what it says, and its query.

The queries read the sums that the ledger's database keeps (:mod:`huleedu_pipeline.ledger.totals`), or tables that stay small.
From the declarations come the exposition and docs/metrics.md. Names are those of the dashboards of the system before this one.
Not here: running the queries (:mod:`.collector`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from huleedu_pipeline.essays.batch import PromptFailure, PromptNotAttachedError
from huleedu_pipeline.judging.caching import CacheResult
from huleedu_pipeline.judging.manifest import EMULATED_PREFIX, manifest
from huleedu_pipeline.judging.outcome import ErrorCode, OutcomeKind
from huleedu_pipeline.ledger.states import BatchStatus
from huleedu_pipeline.ledger.totals import (
    ATTEMPTS,
    BUNDLES,
    CALL_SECONDS,
    DECISIONS,
    JOBS,
    MOVES,
    PICOUSD_PER_USD,
    RANKED_BATCHES,
    SCALINGS,
    WAVES_PLANNED,
    Totals,
)
from huleedu_pipeline.providers.admission import PIPELINE
from huleedu_pipeline.providers.recovery import WATCH_DOG
from huleedu_pipeline.waves import Decision

Kind = Literal["counter", "gauge", "histogram"]

UNLISTED = "unlisted"
MODELS_SHOWN = "the names in the manifest of models, each also with `emulated-` before it, and `unlisted`"


@dataclass(frozen=True)
class Label:
    """A label and all values that it can have; ``values`` of ``None`` are the models' names.

    Whatever else a row holds is shown as ``unlisted``, so that no label is without a bound.
    """

    name: str
    values: tuple[str, ...] | None

    def bounded(self, value: str) -> str:
        """Return the value under which ``value`` is shown."""
        if self.values is not None:
            return value if value in self.values else UNLISTED
        return _model_shown(value)


@dataclass(frozen=True)
class Metric:
    """A metric.

    Attributes:
        name: Its name, whole.
        kind: What Prometheus calls its type.
        labels: Its labels, in their order.
        says: What it says, in one sentence or two.
        query: SQL that gives the labels under their names, and ``value``; of a histogram ``bucket``, ``n`` and ``total``.
        bounds: Of a histogram: the upper bounds of its buckets, in the unit of its name.
        per_unit: In how many parts the query counts one unit of the value.
        latest: Of a histogram: SQL of its latest observations, newest first: the labels, ``bucket``, ``value`` in the same
            parts, ``at``, and the ``correlation_id`` of the batch.

    """

    name: str
    kind: Kind
    labels: tuple[Label, ...]
    says: str
    query: str
    bounds: Sequence[float] = ()
    per_unit: int = 1
    latest: str = ""


@cache
def _model_shown(model: str) -> str:
    known = manifest().key_of(model)
    prefix = EMULATED_PREFIX if model.startswith(EMULATED_PREFIX) else ""
    return f"{prefix}{known or UNLISTED}"


RESULTS = tuple(OutcomeKind)
PROVIDER = Label("provider", ("openai", "anthropic"))
MODEL = Label("model", None)
BATCHING_MODE = Label("batching_mode", ("per_request", "serial_bundle", "provider_batch_api"))
QUEUE_MODE = Label("queue_processing_mode", ("per_request", "serial_bundle", "batch_api"))
RESULT, STATUS = Label("result", RESULTS), Label("status", RESULTS)

_QUEUE_MODE_SQL = "CASE mode WHEN 'provider_batch_api' THEN 'batch_api' ELSE mode END"
_LLM = "provider <> 'human'"
_REQUESTS = "ends = 'request'"
_OPEN = "b.status IN ('pending', 'awaiting_judgements') AND b.judge_backend <> 'human'"
_N_PLANNED = f"SELECT sum(w.n_requests) FROM batches b JOIN planned_waves w ON w.batch_id = b.batch_id WHERE {_OPEN}"
_N_OUTCOMES = f"SELECT sum(t.n_outcomes) FROM batches b JOIN batch_tallies t ON t.batch_id = b.batch_id WHERE {_OPEN}"
_N_IN_JOBS = (
    f"SELECT sum(j.n_requests) FROM batches b JOIN provider_jobs j ON j.batch_id = b.batch_id WHERE {_OPEN} "
    "AND j.state IN ('submitted', 'ended', 'expired', 'cancelled', 'failed', 'quarantined')"
)


# How many of the newest rows are looked at for an example of each bucket: a scrape stays as quick as it is.
N_LATEST = 100
# The newest rows of what histograms count, by a key that grows, with their batch; of attempts, those of which a reply is kept.
_NEWEST = {
    ATTEMPTS.name: (
        "SELECT a.custom_id, a.attempt, r.batch_id, a.received_at AS at FROM replies a "
        "JOIN requests r ON r.custom_id = a.custom_id ORDER BY a.reply_id"
    ),
    JOBS.name: (
        "SELECT e.event_id, j.batch_id, e.at FROM provider_job_events e JOIN provider_jobs j ON j.token = e.token "
        "ORDER BY e.event_id"
    ),
    BUNDLES.name: "SELECT bundle_id, batch_id, at FROM serial_bundles ORDER BY bundle_id",
    RANKED_BATCHES.name: (
        "SELECT batch_id, completed_at AS at FROM batches WHERE completed_at IS NOT NULL ORDER BY completed_at"
    ),
}


def _shown(labels: Mapping[Label, str]) -> str:
    return "".join(f"{label.name if sql == label.name else f'{sql} AS {label.name}'}, " for label, sql in labels.items())


def _grouped(labels: Mapping[Label, str], values: str, source: Totals, where: str) -> str:
    names = ", ".join(label.name for label in labels)
    return f"SELECT {_shown(labels)}{values} FROM {source.name} WHERE {where}" + (f" GROUP BY {names}" if names else "")


def _latest(labels: Mapping[Label, str], spread: str, source: Totals, where: str) -> str:
    same = " AND ".join(f"facts.{name} = newest.{name}" for name in source.key)
    rows = (
        f"SELECT facts.*, newest.at AS at, b.correlation_id FROM ({_NEWEST[source.name]} DESC LIMIT {N_LATEST}) newest "
        f"JOIN {source.view} facts ON {same} JOIN batches b ON b.batch_id = newest.batch_id"
    )
    values = f"{spread}_bucket AS bucket, {spread} AS value, at, correlation_id"
    return f"SELECT {_shown(labels)}{values} FROM ({rows}) AS latest WHERE {where} AND {spread}_bucket >= 0 ORDER BY at DESC"


def _counter(
    name: str, says: str, source: Totals, labels: Mapping[Label, str], *, where: str = "1 = 1", of: str = "n", per_unit: int = 1
) -> Metric:
    return Metric(name, "counter", tuple(labels), says, _grouped(labels, f"sum({of}) AS value", source, where), (), per_unit)


def _histogram(
    name: str, says: str, source: Totals, labels: Mapping[Label, str], spread: str, *, where: str = "1 = 1"
) -> Metric:
    found = source.spreads[spread]
    bucket = f"{spread}_bucket"
    values = f"{bucket} AS bucket, sum(n) AS n, sum({spread}) AS total"
    query = _grouped(labels, values, source, f"{where} AND {bucket} >= 0")
    query += f", {bucket}" if labels else f" GROUP BY {bucket}"
    latest = _latest(labels, spread, source, where)
    return Metric(name, "histogram", tuple(labels), says, query, found.bounds, found.per_unit, latest)


def _cut(metric: Metric, bounds: Sequence[float]) -> Metric:
    """Return a histogram with the first of its bounds only."""
    return replace(metric, bounds=bounds)


_OF_MODEL = {PROVIDER: "provider", MODEL: "model"}
_JOB_STATUS = "CASE to_state WHEN 'submitted' THEN 'scheduled' WHEN 'ended' THEN 'completed' ELSE to_state END"

METRICS: tuple[Metric, ...] = (
    _counter(
        "llm_provider_batch_api_jobs_total",
        "Batch jobs by what the provider did with them; scheduled counts every time that it took one.",
        JOBS,
        {**_OF_MODEL, Label("status", ("scheduled", "completed", "failed", "expired", "cancelled")): _JOB_STATUS},
    ),
    _histogram(
        "llm_provider_batch_api_items_per_job", "Requests in a batch job that the provider took.", JOBS, _OF_MODEL, "items"
    ),
    _histogram(
        "llm_provider_batch_api_job_duration_seconds",
        "How long the provider had a batch job, by its own times.",
        JOBS,
        _OF_MODEL,
        "provider_ms",
    ),
    _histogram(
        "llm_provider_queue_wait_time_seconds",
        "Waiting only: from when a request was accepted (planned, or open again) to when it is sent; each attempt, once ended.",
        ATTEMPTS,
        {QUEUE_MODE: _QUEUE_MODE_SQL, RESULT: "outcome"},
        "wait_ms",
        where=_LLM,
    ),
    _histogram(
        "llm_provider_queue_processing_time_seconds",
        "From when a request was sent to its answer; each attempt that was answered. Within a batch job: to the job's end.",
        ATTEMPTS,
        {PROVIDER: "provider", STATUS: "outcome"},
        "processing_ms",
        where=_LLM,
    ),
    _counter(
        "llm_provider_comparison_callbacks_total",
        "Outcomes of requests, each once however often it was asked (anew when its batch is brought back).",
        ATTEMPTS,
        {QUEUE_MODE: _QUEUE_MODE_SQL, RESULT: "outcome"},
        where=f"{_LLM} AND {_REQUESTS}",
    ),
    _counter(
        "llm_provider_queue_expiry_total",
        "Attempts that expired: ttl in a job that the provider did not finish in time, cleanup when the watch-dog ended it.",
        ATTEMPTS,
        {
            PROVIDER: "provider",
            QUEUE_MODE: _QUEUE_MODE_SQL,
            Label("expiry_reason", ("ttl", "cleanup")): "CASE carrier WHEN 'job' THEN 'ttl' ELSE 'cleanup' END",
        },
        where=f"{_LLM} AND outcome = 'expired'",
    ),
    _histogram(
        "llm_provider_queue_expiry_age_seconds",
        "How long ago an expired attempt had been accepted.",
        ATTEMPTS,
        {PROVIDER: "provider", QUEUE_MODE: _QUEUE_MODE_SQL},
        "expiry_ms",
        where=_LLM,
    ),
    Metric(
        "llm_provider_queue_depth",
        "gauge",
        (Label("queue_type", ("total", "queued")),),
        "Requests of batches that take judgements: total without an outcome, and queued of those, in no job at a provider.",
        f"SELECT 'total' AS queue_type, coalesce(({_N_PLANNED}), 0) - coalesce(({_N_OUTCOMES}), 0) AS value "
        f"UNION ALL SELECT 'queued', coalesce(({_N_PLANNED}), 0) - coalesce(({_N_OUTCOMES}), 0) - coalesce(({_N_IN_JOBS}), 0)",
    ),
    _counter(
        "llm_provider_serial_bundle_calls_total", "Bundles of live calls that were begun (serial_bundle).", BUNDLES, _OF_MODEL
    ),
    _histogram(
        "llm_provider_serial_bundle_items_per_call", "Requests in a bundle, as it was begun.", BUNDLES, _OF_MODEL, "items"
    ),
    Metric(
        "llm_provider_requests_total",
        "counter",
        (PROVIDER, MODEL, Label("request_type", ("comparison",)), Label("status", ("queued", *RESULTS))),
        "Requests that were accepted (queued), and how they ended.",
        "SELECT provider, model, 'comparison' AS request_type, 'queued' AS status, sum(n_requests) AS value "
        f"FROM {WAVES_PLANNED.name} GROUP BY provider, model "
        "UNION ALL SELECT provider, model, 'comparison', outcome, sum(n) "
        f"FROM {ATTEMPTS.name} WHERE {_LLM} AND {_REQUESTS} GROUP BY provider, model, outcome",
    ),
    _counter(
        "llm_provider_errors_total",
        "Attempts that brought no verdict, by error code; what is asked again counts each time.",
        ATTEMPTS,
        {**_OF_MODEL, Label("error_type", tuple(ErrorCode)): "error_code"},
        where=f"{_LLM} AND error_code <> ''",
    ),
    Metric(
        "llm_provider_tokens_used_total",
        "counter",
        (PROVIDER, MODEL, Label("token_type", ("input", "output"))),
        "Tokens that the provider reported for all attempts: input with the cached ones, output with the reasoning.",
        f"SELECT provider, model, 'input' AS token_type, sum(input_tokens) AS value FROM {ATTEMPTS.name} WHERE {_LLM} "
        "GROUP BY provider, model UNION ALL "
        f"SELECT provider, model, 'output', sum(output_tokens) FROM {ATTEMPTS.name} WHERE {_LLM} GROUP BY provider, model",
    ),
    _counter(
        "llm_provider_cost_dollars_total",
        "Cost of all attempts in USD by the dated price list; of an emulated model what the real one would cost, nothing "
        "being paid. What is of unknown price is not in it.",
        ATTEMPTS,
        _OF_MODEL,
        where=_LLM,
        of="cost_picousd",
        per_unit=PICOUSD_PER_USD,
    ),
    _cut(
        _histogram(
            "llm_provider_response_duration_seconds",
            "How long the provider took over a live call that it answered.",
            ATTEMPTS,
            _OF_MODEL,
            "processing_ms",
            where=f"{_LLM} AND carrier = 'call'",
        ),
        CALL_SECONDS,
    ),
    _counter(
        "llm_provider_prompt_cache_events_total",
        "Answers by what the prompt cache did: hit, miss, or bypass where the prompt is too short for it or no cache is known.",
        ATTEMPTS,
        {**_OF_MODEL, Label("result", tuple(CacheResult)): "cache_result"},
        where=f"{_LLM} AND cache_result <> ''",
    ),
    Metric(
        "llm_provider_prompt_cache_tokens_total",
        "counter",
        (PROVIDER, MODEL, Label("direction", ("read", "write"))),
        "Tokens of prompts that were read from the cache and written to it.",
        f"SELECT provider, model, 'read' AS direction, sum(cached_tokens) AS value FROM {ATTEMPTS.name} WHERE {_LLM} "
        "GROUP BY provider, model UNION ALL "
        f"SELECT provider, model, 'write', sum(cache_write_tokens) FROM {ATTEMPTS.name} WHERE {_LLM} GROUP BY provider, model",
    ),
    _counter(
        "cj_llm_requests_total",
        "Comparisons for which a model was to be asked, when they were planned.",
        WAVES_PLANNED,
        {BATCHING_MODE: "mode"},
        of="n_requests",
    ),
    _counter(
        "cj_llm_batches_started_total",
        "Batches of which the first wave was planned.",
        WAVES_PLANNED,
        {BATCHING_MODE: "mode"},
        where="place = 'first'",
    ),
    _counter(
        "cj_workflow_decisions_total",
        "Decisions about batches, each once for a wave however often it is looked at.",
        DECISIONS,
        {Label("decision", tuple(Decision)): "decision"},
    ),
    _counter(
        "cj_bt_se_inflated_batches_total",
        "Ranked batches with a mean standard error above 0.4 logits or one above 0.8. Told, never a gate.",
        SCALINGS,
        {},
        where="se = 'inflated'",
    ),
    _counter(
        "cj_bt_sparse_coverage_batches_total",
        "Ranked batches in which an essay met fewer than one other on average. Told, never a gate.",
        SCALINGS,
        {},
        where="coverage = 'sparse'",
    ),
    _counter(
        "cj_callbacks_processed_total",
        "Answers that were taken in, and recorded reasons why there is none: every attempt of every request.",
        ATTEMPTS,
        {STATUS: "outcome"},
        where=_LLM,
    ),
    _counter(
        "cj_comparisons_total",
        "Comparisons that ended, those of people included (anew when their batch is brought back).",
        ATTEMPTS,
        {STATUS: "outcome"},
        where=_REQUESTS,
    ),
    _counter(
        "cj_failed_comparisons_total",
        "Comparisons that ended without a verdict, by why.",
        ATTEMPTS,
        {Label("failure_reason", tuple(ErrorCode)): "error_code"},
        where=f"{_REQUESTS} AND error_code <> ''",
    ),
    Metric(
        "cj_stuck_batches_detected",
        "gauge",
        (),
        "Batches that are past their deadline now and wait for the watch-dog.",
        "SELECT batch_id FROM batches WHERE status = 'awaiting_judgements' AND judge_backend <> 'human' "
        "AND (ends_as IS NOT NULL OR updated_at < CASE llm_batching_mode "
        "WHEN 'provider_batch_api' THEN '{jobs_deadline}' ELSE '{live_deadline}' END)",
    ),
    _counter(
        "cj_stuck_batches_recovered_total",
        "Batches that the watch-dog ended and that were ranked by what they had.",
        MOVES,
        {},
        where="to_status = 'completed_forced_recovery'",
    ),
    _counter(
        "cj_stuck_batches_failed_total",
        "Batches that the watch-dog failed.",
        MOVES,
        {},
        where=f"to_status = 'failed' AND moved_by = '{WATCH_DOG}'",
    ),
    Metric(
        "cj_batch_state",
        "gauge",
        (Label("state", tuple(BatchStatus)),),
        "Batches by where they stand now.",
        "SELECT status AS state, count(*) AS value FROM batches GROUP BY status",
    ),
    Metric(
        "cj_batch_progress_percentage",
        "gauge",
        (),
        "Share of the planned requests of batches that take judgements that have their outcome, in percent; 100 when "
        "none is planned.",
        f"SELECT coalesce(100.0 * coalesce(({_N_OUTCOMES}), 0) / nullif(({_N_PLANNED}), 0), 100.0) AS value",
    ),
    _histogram(
        "cj_iterations_per_batch", "Waves of a batch that a model judged and that was ranked.", RANKED_BATCHES, {}, "waves"
    ),
    _histogram(
        "huleedu_cj_comparisons_made",
        "Comparisons with a verdict in a batch that was ranked.",
        RANKED_BATCHES,
        {},
        "comparisons",
    ),
    _histogram(
        "huleedu_cj_assessment_duration_seconds",
        "From when a batch was taken in to when it was ranked.",
        RANKED_BATCHES,
        {},
        "assessment_ms",
    ),
    Metric(
        "huleedu_cj_prompt_fetch_failures_total",
        "counter",
        (Label("reason", tuple(PromptFailure)),),
        "Batches whose prompt or rubric could not be fetched, each content once: an assignment that is not registered, a file "
        "without words, a file that can not be read.",
        "SELECT reason, count(*) AS value FROM prompt_fetch_failures GROUP BY reason",
    ),
    Metric(
        "huleedu_bcs_prompt_prerequisite_blocked_total",
        "counter",
        (Label("pipeline_name", (PIPELINE,)),),
        "Batches that were not taken in because a judge would have had no assignment, each content once.",
        "SELECT pipeline_name, count(*) AS value FROM prerequisite_blocks "
        f"WHERE code = '{PromptNotAttachedError.code}' GROUP BY pipeline_name",
    ),
    Metric(
        "cj_admin_instruction_operations_total",
        "counter",
        (Label("operation", ("create", "change", "restore", "delete", "put")), Label("status", ("success", "refused"))),
        "Writes to registered assignments: what was done, and, of what was refused, what was asked (put or delete).",
        "SELECT action AS operation, 'success' AS status, count(*) AS value FROM context_events WHERE subject = 'assignment' "
        "GROUP BY action UNION ALL "
        "SELECT action, 'refused', count(*) FROM context_refusals WHERE subject = 'assignment' GROUP BY action",
    ),
)
