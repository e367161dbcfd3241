"""Jobs that a provider took and then refused as a whole: what that means for each of their requests.

OpenAI checks an input file only after it has taken the job, so a mistake, and the limit on enqueued tokens, arrive as a job
that failed. Nothing of such a job was run or billed.
"""

import re
from datetime import UTC, datetime

from huleedu_pipeline.judging.outcome import ErrorCode, Outcome, failure
from huleedu_pipeline.ledger import Answer, JobRecord, Ledger
from huleedu_pipeline.providers.lanes import Lane
from huleedu_pipeline.providers.limits import estimated_tokens, limits_file
from huleedu_pipeline.providers.protocols import JobProblem, JobSnapshot

TOKEN_LIMIT = "token_limit_exceeded"  # noqa: S105 - the provider's word for it
# Said of one line and true of all: every line has the same model, address and shape.
ABOUT_EVERY_LINE = frozenset(
    {
        "model_not_found",
        "mismatched_model",
        "model_mismatch",
        "invalid_url",
        "url_mismatch",
        "streaming_unsupported",
        "too_many_tasks",
        "empty_file",
        "duplicate_custom_id",
    }
)
_LIMIT = re.compile(r"Limit: ([\d,]+) enqueued tokens")


def read_refusal(ledger: Ledger, job: JobRecord, snapshot: JobSnapshot, max_attempts: int) -> JobRecord:
    """Record what a refused job means for its requests, and return the job.

    For want of room among the enqueued tokens, all are asked again, later and fewer at a time, and it does not count as an
    attempt. Lines that the provider names are refused for good, and the others asked again without them. A job that is
    refused as often as its requests may be asked is quarantined: asking more would not help, and giving up is for a person.
    """
    problems = snapshot.problems
    said = snapshot.error_message or "the provider refused the job and does not say why"
    is_full = any(problem.code == TOKEN_LIMIT for problem in problems)
    by_line = {} if any(problem.code in ABOUT_EVERY_LINE for problem in problems) else _by_line(problems)
    if is_full:
        rest = failure(ErrorCode.NOT_RUN, said)
    elif ledger.times_asked(job) >= max_attempts:
        why = f"the provider refused this job, and jobs with its requests before: {said}"
        return ledger.quarantine(job, why)
    else:
        rest = failure(ErrorCode.BATCH_FAILED, said)
    outcomes = [
        (request.custom_id, by_line.get(line, rest))
        for line, request in enumerate(ledger.requests(job.batch_id, job_token=job.token), start=1)
    ]
    at = job.ended_at or datetime.now(UTC)
    answers = [Answer(custom_id, outcome, 0.0, None, at) for custom_id, outcome in outcomes]
    collected = ledger.collect_job(job, answers, {"refused": said}, max_attempts=max_attempts)
    if is_full:
        waiting = estimated_tokens(ledger.enqueued_bytes(job.provider, job.model) + job.n_bytes)
        Lane(ledger, job.provider, job.model).wait_for_room(said, enqueued_token_limit=_room(said, waiting))
    return collected


def _by_line(problems: tuple[JobProblem, ...]) -> dict[int, Outcome]:
    return {p.line: failure(ErrorCode.PROVIDER_REJECTED, p.text) for p in problems if p.line is not None}


def _room(said: str, waiting_tokens: int) -> int:
    """Return the tokens to stay below: what the provider names, or half of what was too much."""
    found = _LIMIT.search(said)
    named = int(found.group(1).replace(",", "")) * (1 - limits_file().margin) if found else waiting_tokens
    return max(1, int(named if named < waiting_tokens else waiting_tokens / 2))
