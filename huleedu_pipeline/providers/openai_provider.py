"""OpenAI through its SDK: live Responses calls and the Batch API."""

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openai

from huleedu_pipeline.files import replacing
from huleedu_pipeline.ledger.records import RequestRecord
from huleedu_pipeline.ledger.states import JobState
from huleedu_pipeline.providers import openai_wire as wire
from huleedu_pipeline.providers.http import Endpoint, translated
from huleedu_pipeline.providers.protocols import AmbiguousError, JobLimits, JobSnapshot
from huleedu_pipeline.providers.sdk import SdkProvider, client_options

INPUT_FILE_LIFETIME_SECONDS = 30 * 24 * 3600
_STATES = {
    "completed": JobState.ENDED,
    "expired": JobState.EXPIRED,
    "cancelled": JobState.CANCELLED,
    "failed": JobState.FAILED,
}
_END_FIELDS = ("completed_at", "expired_at", "cancelled_at", "failed_at")


class OpenAIProvider(SdkProvider):
    """The provider ``openai``, or any server that speaks its Responses and Batch APIs."""

    name = "openai"
    # The API's limits are 50 000 lines and 200 MB; 5 % below, because the last byte is not worth a failed job.
    job_limits = JobLimits(max_requests=47_500, max_bytes=190_000_000)
    keeps_token = True
    live_path = "/responses"
    jobs_path = "/batches"
    after_parameter = "after"
    read_reply = staticmethod(wire.read_reply)
    read_result_line = staticmethod(wire.read_result_line)

    def __init__(self, endpoint: Endpoint) -> None:
        # A local server is reached directly, whatever proxy the environment names.
        trust_env = not endpoint.is_emulated
        options = client_options(endpoint)
        self._openai = openai.OpenAI(**options, http_client=openai.DefaultHttpx2Client(trust_env=trust_env))
        live = openai.AsyncOpenAI(**options, http_client=openai.DefaultAsyncHttpx2Client(trust_env=trust_env))
        super().__init__(self._openai, live)

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
        problems = [f"{e.get('code')}: {e.get('message')} (line {e.get('line')})" for e in errors if isinstance(e, dict)]
        return JobSnapshot(
            provider_job_id=job_id,
            status=status,
            state=_STATES.get(status),
            created_at=datetime.fromtimestamp(created, UTC),
            ended_at=datetime.fromtimestamp(ended, UTC) if ended else None,
            n_requests=counts.get("total") or None,
            n_results=_sum(counts, ("completed", "failed")),
            token=(item.get("metadata") or {}).get("huleedu_token"),
            result_files=files,
            error_message="; ".join(problems[:5]) or None,
        )

    def upload(self, token: str, requests: Sequence[RequestRecord]) -> str | None:
        """Upload the job's input file, named after the token, and return its id."""
        with tempfile.TemporaryDirectory() as folder, translated("uploading the input file"):
            path = Path(folder) / f"{token}.jsonl"
            with path.open("w", encoding="utf-8", newline="\n") as file:
                file.writelines(wire.batch_line(request) for request in requests)
            with path.open("rb") as file:
                uploaded = self._openai.files.create(
                    file=(path.name, file),
                    purpose="batch",
                    expires_after={"anchor": "created_at", "seconds": INPUT_FILE_LIFETIME_SECONDS},
                )
        if not isinstance(getattr(uploaded, "id", None), str):
            raise AmbiguousError("uploading the input file: the answer names no file")
        return uploaded.id

    def create_job(self, token: str, requests: Sequence[RequestRecord], input_file_id: str | None) -> JobSnapshot:
        """Create the job; the token travels in its metadata."""
        return self._create(
            {
                "input_file_id": input_file_id,
                "endpoint": wire.ENDPOINT,
                "completion_window": "24h",
                "metadata": {"huleedu_token": token, "huleedu_batch": requests[0].batch_id},
            }
        )

    def download(self, job: JobSnapshot, folder: Path) -> list[Path]:
        """Download output and error file, whichever there are; a job may have either, both or neither."""
        paths = []
        for file_id in job.result_files:
            path = folder / f"{file_id}.jsonl"
            with (
                translated(f"downloading result file {file_id}"),
                replacing(path) as temporary,
                self._openai.files.with_streaming_response.content(file_id) as response,
            ):
                response.stream_to_file(temporary)
            paths.append(path)
        return paths


def _sum(counts: dict[str, Any], names: tuple[str, ...]) -> int | None:
    values = [counts.get(name) for name in names]
    return sum(value for value in values if isinstance(value, int)) if any(values) else None
