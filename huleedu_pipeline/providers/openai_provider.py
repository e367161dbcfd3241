"""OpenAI through its SDK: live Responses calls and the Batch API."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import openai

from huleedu_pipeline.judging.served_models import ServedModel
from huleedu_pipeline.ledger.states import JobState
from huleedu_pipeline.providers import openai_wire as wire
from huleedu_pipeline.providers.http import Endpoint, translated
from huleedu_pipeline.providers.payloads import Line, write_openai_lines
from huleedu_pipeline.providers.protocols import AmbiguousError, JobLimits, JobOrder, JobProblem, JobSnapshot
from huleedu_pipeline.providers.sdk import OUR_MARK, SdkProvider, client_options, model_name

INPUT_FILE_LIFETIME_SECONDS = 30 * 24 * 3600
_STATES = {
    "completed": JobState.ENDED,
    "expired": JobState.EXPIRED,
    "cancelled": JobState.CANCELLED,
    "failed": JobState.FAILED,
}
_RUNNING = frozenset({"validating", "in_progress", "finalizing", "cancelling"})
_END_FIELDS = ("completed_at", "expired_at", "cancelled_at", "failed_at")


class OpenAIProvider(SdkProvider):
    """The provider ``openai``, or any server that speaks its Responses and Batch APIs."""

    name = "openai"
    keeps_token = True
    jobs_path = "/batches"
    after_parameter = "after"
    read_reply = staticmethod(wire.read_reply)
    read_result_line = staticmethod(wire.read_result_line)

    def __init__(self, endpoint: Endpoint, limits: JobLimits) -> None:
        # A local server is reached directly, whatever proxy the environment names.
        trust_env = not endpoint.is_emulated
        options = client_options(endpoint)
        self._openai = openai.OpenAI(**options, http_client=openai.DefaultHttpx2Client(trust_env=trust_env))
        live = openai.AsyncOpenAI(**options, http_client=openai.DefaultAsyncHttpx2Client(trust_env=trust_env))
        super().__init__(self._openai, live, limits)

    @staticmethod
    def read_snapshot(item: dict[str, Any]) -> JobSnapshot:
        """Return a job as the Batch API shows it; raises AmbiguousError when it shows no job."""
        job_id, status, created = item.get("id"), item.get("status"), item.get("created_at")
        if not isinstance(job_id, str) or not isinstance(status, str) or not isinstance(created, int):
            raise AmbiguousError("the provider's batch job has no id, status or creation time")
        counts, errors = item.get("request_counts") or {}, (item.get("errors") or {}).get("data") or []
        ended = next((item[field] for field in _END_FIELDS if item.get(field)), None)
        # An id may be null or "" where there is no file.
        files = tuple(file for file in (item.get("output_file_id"), item.get("error_file_id")) if file)
        return JobSnapshot(
            provider_job_id=job_id,
            status=status,
            state=_STATES.get(status),
            is_status_known=status in _STATES or status in _RUNNING,
            created_at=datetime.fromtimestamp(created, UTC),
            ended_at=datetime.fromtimestamp(ended, UTC) if ended else None,
            n_requests=counts.get("total") or None,
            n_results=_sum(counts, ("completed", "failed")),
            token=(item.get("metadata") or {}).get(OUR_MARK),
            result_files=files,
            problems=tuple(_problem(error) for error in errors if isinstance(error, dict)),
        )

    @staticmethod
    def read_model(item: dict[str, Any]) -> ServedModel:
        """Return a model as OpenAI lists it; raises AmbiguousError when it shows none."""
        shutdown = item.get("shutdown_date")
        return ServedModel(model_name(item), shutdown=date.fromisoformat(shutdown[:10]) if shutdown else None)

    @staticmethod
    def live_path(path: str) -> str:
        """Return the address of an API relative to the base URL, which ends in the version."""
        return path.removeprefix("/v1")

    def write_payload(self, descriptor: int, lines: Iterable[Line], path: str) -> int:
        """Write a batch input file."""
        return write_openai_lines(descriptor, path, lines)

    def upload(self, order: JobOrder) -> str | None:
        """Upload the job's input file, named after the token, and return its id."""
        with translated("uploading the input file"), order.payload.open("rb") as file:
            uploaded = self._openai.files.create(
                file=(order.payload.name, file),
                purpose="batch",
                expires_after={"anchor": "created_at", "seconds": INPUT_FILE_LIFETIME_SECONDS},
            )
        file_id, n_stored = getattr(uploaded, "id", None), getattr(uploaded, "bytes", None)
        n_sent = order.payload.stat().st_size
        if not isinstance(file_id, str):
            raise AmbiguousError("uploading the input file: the answer names no file")
        if n_stored != n_sent:
            raise AmbiguousError(f"uploading the input file: the provider stored {n_stored} of {n_sent} bytes")
        return file_id

    def create_job(self, order: JobOrder, input_file_id: str | None) -> JobSnapshot:
        """Create the job; the token and the batch's correlation id travel in its metadata."""
        marks = {OUR_MARK: order.token, "huleedu_batch": order.batch_id}
        if order.correlation_id is not None:
            marks["huleedu_correlation_id"] = order.correlation_id
        return self._create(
            body={
                "input_file_id": input_file_id,
                "endpoint": order.path,
                "completion_window": "24h",
                "metadata": marks,
            }
        )

    def download(self, job: JobSnapshot, folder: Path) -> list[Path]:
        """Download output and error file, whichever there are; a job may have either, both or neither."""
        paths = []
        for file_id in job.result_files:
            path = folder / f"{file_id}.jsonl"
            self._download(f"/files/{file_id}/content", path)
            paths.append(path)
        return paths


def _problem(error: dict[str, Any]) -> JobProblem:
    line = error.get("line")
    return JobProblem(str(error.get("code")), str(error.get("message")), line if isinstance(line, int) else None)


def _sum(counts: dict[str, Any], names: tuple[str, ...]) -> int | None:
    values = [counts.get(name) for name in names]
    return sum(value for value in values if isinstance(value, int)) if any(values) else None
