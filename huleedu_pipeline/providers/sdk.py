"""What the two SDK adapters share: clients that never repeat a call, live calls, listing and looking at jobs.

Both SDKs have the same low-level ``post`` and ``get``, which send exactly the body they are given and hand back the response
as received. What differs (paths, how a job is shown, how one is created) is each adapter's own.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pyarrow as pa

from huleedu_pipeline.files import replacing
from huleedu_pipeline.judging.manifest import EMULATED_PREFIX
from huleedu_pipeline.judging.outcome import Outcome
from huleedu_pipeline.judging.served_models import ServedModel
from huleedu_pipeline.providers.http import Endpoint, json_object, translated
from huleedu_pipeline.providers.keys import pieces_without_keys, without_keys
from huleedu_pipeline.providers.protocols import AmbiguousError, JobLimits, JobSnapshot, Reply, ResultLine
from huleedu_pipeline.providers.result_files import read_received
from huleedu_pipeline.providers.result_table import read_table

if TYPE_CHECKING:
    import anthropic
    import openai

PAGE = 100
# Under this name our token stands in a job's metadata, where the provider keeps any.
OUR_MARK = "huleedu_token"
DOWNLOAD_PIECE_BYTES = 2**18
# Asks either SDK for the response before its body has been read.
STREAMED = {"X-Stainless-Raw-Response": "stream"}


def client_options(endpoint: Endpoint) -> dict[str, Any]:
    """Return the options that every SDK client is made with: explicit time-outs, and no retries of its own."""
    return {
        "api_key": endpoint.api_key,
        "base_url": endpoint.base_url,
        "timeout": endpoint.timeout,
        "max_retries": 0,
    }


def model_name(item: dict[str, Any]) -> str:
    """Return the name of a model as an API lists it; an emulated one's is that of the model it stands for.

    Raises:
        AmbiguousError: the item names no model.

    """
    name = item.get("id")
    if not isinstance(name, str) or not name:
        raise AmbiguousError("listing models: the provider lists something without a name")
    return name.removeprefix(EMULATED_PREFIX)


def pieces_of(response: Any) -> Iterator[bytes]:
    """Yield the body of a streamed response piece by piece and without our keys, and let go of its connection."""
    try:
        yield from pieces_without_keys(response.iter_bytes(DOWNLOAD_PIECE_BYTES))
    finally:
        response.close()


class SdkProvider(ABC):
    """A provider reached through its SDK; see :class:`~huleedu_pipeline.providers.protocols.Provider` for the methods."""

    name: str
    job_limits: JobLimits
    keeps_token: bool
    jobs_path: str
    after_parameter: str

    def __init__(
        self,
        client: "openai.OpenAI | anthropic.Anthropic",
        live_client: "openai.AsyncOpenAI | anthropic.AsyncAnthropic",
        limits: JobLimits,
    ) -> None:
        self.job_limits = limits
        self._client = client
        self._live_client = live_client

    @staticmethod
    @abstractmethod
    def read_reply(reply: dict[str, Any]) -> Outcome:
        """Return what a live reply comes to."""

    @staticmethod
    @abstractmethod
    def read_result_line(line: str) -> ResultLine | None:
        """Return what a line of a result file says, or ``None`` for one that names no request."""

    @staticmethod
    @abstractmethod
    def read_snapshot(item: dict[str, Any]) -> JobSnapshot:
        """Return a job as the API shows it; raises AmbiguousError when it shows no job."""

    @staticmethod
    @abstractmethod
    def read_model(item: dict[str, Any]) -> ServedModel:
        """Return a model as the API shows it; raises AmbiguousError when it shows none."""

    @staticmethod
    @abstractmethod
    def live_path(path: str) -> str:
        """Return the address of an API relative to the configured base URL."""

    async def ask(self, path: str, body: str) -> Reply:
        """Make one live call with exactly this body."""
        with translated("asking for a verdict"):
            response = await self._live_client.post(self.live_path(path), cast_to=httpx2.Response, content=body.encode())
        # Whatever stands in a reply that was received: it is paid for, so it is kept and never an error of the call.
        text = without_keys(response.text)
        return Reply(read_received(self.read_reply, text), text, response.headers)

    async def aclose(self) -> None:
        """Close the connections of live calls."""
        await self._live_client.close()

    def list_jobs(self, created_after: datetime) -> list[JobSnapshot]:
        """Return the jobs created after an instant, page by page, newest first."""
        found: list[JobSnapshot] = []
        query: dict[str, Any] = {"limit": PAGE}
        with translated("listing batch jobs"):
            while True:
                page = json_object(self._client.get(self.jobs_path, cast_to=httpx2.Response, options={"params": query}))
                items = page.get("data")
                if not isinstance(items, list):
                    raise AmbiguousError("listing batch jobs: the answer is no list; nothing can be concluded from it")
                jobs = [job for item in items if (job := self._listed(item)) is not None]
                found += [job for job in jobs if job.created_at >= created_after]
                if not page.get("has_more") or not jobs or jobs[-1].created_at < created_after:
                    return found
                query[self.after_parameter] = jobs[-1].provider_job_id

    def list_models(self) -> list[ServedModel]:
        """Return the models that the provider serves now, page by page."""
        with translated("listing models"):
            return [self.read_model(model.to_dict()) for model in self._client.models.list()]

    def _listed(self, item: Any) -> JobSnapshot | None:
        """Read an entry of the account's list; one that shows no job hides no other, unless it bears our mark."""
        try:
            return self.read_snapshot(item)
        except (AmbiguousError, AttributeError, TypeError, ValueError):
            if OUR_MARK in str(item):
                raise AmbiguousError("listing batch jobs: a job of ours is shown in a way that can not be read") from None
            return None

    def retrieve_job(self, provider_job_id: str) -> JobSnapshot:
        """Return one job."""
        with translated(f"looking at batch job {provider_job_id}"):
            response = self._client.get(f"{self.jobs_path}/{provider_job_id}", cast_to=httpx2.Response)
            return self.read_snapshot(json_object(response))

    def cancel_job(self, provider_job_id: str) -> JobSnapshot:
        """Begin to cancel a job, and return it; a job that has ended is refused."""
        with translated(f"cancelling batch job {provider_job_id}"):
            response = self._client.post(f"{self.jobs_path}/{provider_job_id}/cancel", cast_to=httpx2.Response)
            return self.read_snapshot(json_object(response))

    def read_results(self, path: Path) -> Iterator[pa.RecordBatch]:
        """Read a downloaded result file; see :mod:`.result_table` for the columns."""
        return read_table(path, self.name, self.read_result_line)

    def _download(self, address: str, path: Path) -> None:
        """Stream what is at ``address`` into ``path``: all of it or nothing, whatever its size."""
        with translated(f"downloading {address}"), replacing(path) as temporary:
            response: Any = self._client.get(address, cast_to=httpx2.Response, options={"headers": STREAMED})
            with temporary.open("wb") as file:
                file.writelines(pieces_of(response))

    def _create(self, **request: Any) -> JobSnapshot:
        """Send the one call that spends money."""
        with translated("creating the batch job"):
            return self.read_snapshot(json_object(self._client.post(self.jobs_path, cast_to=httpx2.Response, **request)))
