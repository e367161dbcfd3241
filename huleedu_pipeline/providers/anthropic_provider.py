"""Anthropic through its SDK: live Messages calls and Message Batches."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anthropic
import httpx2

from huleedu_pipeline.files import replacing
from huleedu_pipeline.judging.outcome import Outcome
from huleedu_pipeline.ledger.records import RequestRecord
from huleedu_pipeline.ledger.states import JobState
from huleedu_pipeline.providers import anthropic_wire as wire
from huleedu_pipeline.providers.http import Endpoint, json_object, translated
from huleedu_pipeline.providers.protocols import AmbiguousError, JobLimits, JobSnapshot, ResultLine
from huleedu_pipeline.providers.result_files import read_lines

PAGE = 100
BATCHES = "/v1/messages/batches"


class AnthropicProvider:
    """The provider ``anthropic``. Its jobs carry no metadata: which job is ours is known by time, size and request ids."""

    name = "anthropic"
    keeps_token = False
    # The API's limits are 100 000 requests and 256 MB; 5 % below, because the last byte is not worth a refused job.
    job_limits = JobLimits(max_requests=95_000, max_bytes=243_000_000)

    def __init__(self, endpoint: Endpoint) -> None:
        options: dict[str, Any] = {
            "api_key": endpoint.api_key,
            "base_url": endpoint.base_url,
            "timeout": endpoint.timeout,
            "max_retries": 0,
        }
        # A local server is reached directly, whatever proxy the environment names.
        trust_env = not endpoint.is_emulated
        self._client = anthropic.Anthropic(**options, http_client=anthropic.DefaultHttpxClient(trust_env=trust_env))
        self._live = anthropic.AsyncAnthropic(**options, http_client=anthropic.DefaultAsyncHttpxClient(trust_env=trust_env))

    async def ask(self, body: dict[str, Any]) -> tuple[Outcome, str]:
        """See :class:`~huleedu_pipeline.providers.protocols.Provider`."""
        with translated("asking for a verdict"):
            response = await self._live.post("/v1/messages", cast_to=httpx2.Response, body=body)
            return wire.read_reply(json_object(response)), response.text

    async def aclose(self) -> None:
        """See :class:`~huleedu_pipeline.providers.protocols.Provider`."""
        await self._live.close()

    def upload(self, token: str, requests: Sequence[RequestRecord]) -> str | None:  # noqa: ARG002
        """Return ``None``: the requests travel in the create call itself."""
        return None

    def create_job(self, token: str, requests: Sequence[RequestRecord], input_file_id: str | None) -> JobSnapshot:  # noqa: ARG002
        """See :class:`~huleedu_pipeline.providers.protocols.Provider`."""
        body = {"requests": [{"custom_id": r.custom_id, "params": json.loads(r.body)} for r in requests]}
        with translated("creating the message batch"):
            return _snapshot(json_object(self._client.post(BATCHES, cast_to=httpx2.Response, body=body)))

    def list_jobs(self, created_after: datetime) -> list[JobSnapshot]:
        """See :class:`~huleedu_pipeline.providers.protocols.Provider`."""
        found: list[JobSnapshot] = []
        query: dict[str, Any] = {"limit": PAGE}
        with translated("listing message batches"):
            while True:
                page = json_object(self._client.get(BATCHES, cast_to=httpx2.Response, options={"params": query}))
                jobs = [_snapshot(item) for item in page.get("data") or []]
                found += [job for job in jobs if job.created_at >= created_after]
                if not page.get("has_more") or not jobs or jobs[-1].created_at < created_after:
                    return found
                query["after_id"] = jobs[-1].provider_job_id

    def retrieve_job(self, provider_job_id: str) -> JobSnapshot:
        """See :class:`~huleedu_pipeline.providers.protocols.Provider`."""
        with translated(f"looking at message batch {provider_job_id}"):
            return _snapshot(json_object(self._client.get(f"{BATCHES}/{provider_job_id}", cast_to=httpx2.Response)))

    def download(self, job: JobSnapshot, folder: Path) -> list[Path]:
        """Download the results from the configured server; the address in the job itself is not followed."""
        path = folder / f"{job.provider_job_id}.jsonl"
        with translated(f"downloading the results of {job.provider_job_id}"), replacing(path) as temporary:
            response = self._client.get(f"{BATCHES}/{job.provider_job_id}/results", cast_to=httpx2.Response)
            temporary.write_bytes(response.content)
        return [path]

    def read_results(self, path: Path) -> Iterator[ResultLine]:
        """See :class:`~huleedu_pipeline.providers.protocols.Provider`."""
        return read_lines(path, wire.read_result_line)


def _snapshot(item: dict[str, Any]) -> JobSnapshot:
    job_id, status, created = item.get("id"), item.get("processing_status"), item.get("created_at")
    if not isinstance(job_id, str) or not isinstance(status, str) or not isinstance(created, str):
        raise AmbiguousError("the provider's message batch has no id, status or creation time")
    counts = item.get("request_counts") or {}
    ended = item.get("ended_at")
    return JobSnapshot(
        provider_job_id=job_id,
        status=status,
        state=JobState.ENDED if status == "ended" else None,
        created_at=_instant(created),
        ended_at=_instant(ended) if isinstance(ended, str) else None,
        n_requests=sum(value for value in counts.values() if isinstance(value, int)) or None,
        token=None,
    )


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
