"""Anthropic through its SDK: live Messages calls and Message Batches."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import anthropic

from huleedu_pipeline.judging.served_models import ServedModel
from huleedu_pipeline.ledger.states import JobState
from huleedu_pipeline.providers import anthropic_wire as wire
from huleedu_pipeline.providers.http import Endpoint
from huleedu_pipeline.providers.payloads import Line, write_anthropic_payload
from huleedu_pipeline.providers.protocols import AmbiguousError, JobLimits, JobOrder, JobSnapshot
from huleedu_pipeline.providers.sdk import SdkProvider, client_options, model_name

_STATUSES = frozenset({"in_progress", "canceling", "ended"})


class AnthropicProvider(SdkProvider):
    """The provider ``anthropic``. Its jobs carry no metadata: which job is ours is known by time, size and request ids."""

    name = "anthropic"
    keeps_token = False
    jobs_path = "/v1/messages/batches"
    after_parameter = "after_id"
    read_reply = staticmethod(wire.read_reply)
    read_result_line = staticmethod(wire.read_result_line)

    def __init__(self, endpoint: Endpoint, limits: JobLimits) -> None:
        # A local server is reached directly, whatever proxy the environment names.
        trust_env = not endpoint.is_emulated
        options = client_options(endpoint)
        super().__init__(
            anthropic.Anthropic(**options, http_client=anthropic.DefaultHttpxClient(trust_env=trust_env)),
            anthropic.AsyncAnthropic(**options, http_client=anthropic.DefaultAsyncHttpxClient(trust_env=trust_env)),
            limits,
        )

    @staticmethod
    def read_snapshot(item: dict[str, Any]) -> JobSnapshot:
        """Return a job as the Message Batches API shows it; raises AmbiguousError when it shows no job."""
        job_id, status, created = item.get("id"), item.get("processing_status"), item.get("created_at")
        if not isinstance(job_id, str) or not isinstance(status, str) or not isinstance(created, str):
            raise AmbiguousError("the provider's message batch has no id, status or creation time")
        counts = item.get("request_counts") or {}
        ended = item.get("ended_at")
        return JobSnapshot(
            provider_job_id=job_id,
            status=status,
            state=JobState.ENDED if status == "ended" else None,
            is_status_known=status in _STATUSES,
            created_at=_instant(created),
            ended_at=_instant(ended) if isinstance(ended, str) else None,
            n_requests=sum(value for value in counts.values() if isinstance(value, int)) or None,
            token=None,
            n_results=sum(value for name, value in counts.items() if name != "processing" and isinstance(value, int)) or None,
        )

    @staticmethod
    def read_model(item: dict[str, Any]) -> ServedModel:
        """Return a model as Anthropic lists it; raises AmbiguousError when it shows none."""
        retires = item.get("retires_at")
        return ServedModel(
            model_name(item),
            context_tokens=item.get("max_input_tokens"),
            max_output_tokens=item.get("max_tokens"),
            shutdown=_day(retires) if retires else None,
            is_retired=item.get("lifecycle") == "retired",
        )

    @staticmethod
    def live_path(path: str) -> str:
        """Return the address of an API relative to the base URL: the same."""
        return path

    def write_payload(self, descriptor: int, lines: Iterable[Line], path: str) -> int:  # noqa: ARG002 - there is one API
        """Write the body of the create call."""
        return write_anthropic_payload(descriptor, lines)

    def upload(self, order: JobOrder) -> str | None:  # noqa: ARG002
        """Return ``None``: the requests travel in the create call itself."""
        return None

    def create_job(self, order: JobOrder, input_file_id: str | None) -> JobSnapshot:  # noqa: ARG002
        """Create the job with its requests, read from the file as they are sent."""
        with order.payload.open("rb") as file:
            size = str(order.payload.stat().st_size)
            return self._create(content=file, options={"headers": {"content-length": size}})

    def download(self, job: JobSnapshot, folder: Path) -> list[Path]:
        """Stream the results from the configured server to disk; the address in the job itself is not followed."""
        path = folder / f"{job.provider_job_id}.jsonl"
        self._download(f"{self.jobs_path}/{job.provider_job_id}/results", path)
        return [path]


def _day(moment: datetime | str) -> date:
    return (_instant(moment) if isinstance(moment, str) else moment.astimezone(UTC)).date()


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
