"""What a provider can do, as the rest of the system sees it, and the errors that can come of it.

An adapter turns requests into HTTP through the provider's own SDK and turns everything that can come back, including an
SDK's, HTTP's or JSON's exceptions, into the types below. Not here: when to submit, poll or collect (:mod:`.submission`,
:mod:`.collection`, :mod:`.live`).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

import pyarrow as pa

from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.judging.outcome import Outcome
from huleedu_pipeline.judging.served_models import ServedModel
from huleedu_pipeline.ledger.states import JobState
from huleedu_pipeline.providers.payloads import Line


class ProviderError(HuleeduError):
    """A call to a provider that did not work out."""


Lasting = Literal["spend_limit", "no_access"]


class RejectedError(ProviderError):
    """The provider definitely refused the call: nothing was created and nothing is billed.

    ``is_temporary`` is set when the same call may succeed later (rate limits); ``retry_after_seconds`` as it asked.
    ``lasting`` is set when every other call would be refused too, until a person has done something about it.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        is_temporary: bool = False,
        retry_after_seconds: float | None = None,
        lasting: Lasting | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.is_temporary = is_temporary
        self.retry_after_seconds = retry_after_seconds
        self.lasting = lasting


class AmbiguousError(ProviderError):
    """It is not known whether the call took effect: time-out, lost connection, server error, unreadable answer.

    ``is_billed`` is false where the call surely produced nothing to pay for (it never arrived, or the server itself
    failed), which matters for live calls alone: a job that may have been created is always looked for first.
    """

    def __init__(self, message: str, *, is_billed: bool = True) -> None:
        super().__init__(message)
        self.is_billed = is_billed


@dataclass(frozen=True)
class JobProblem:
    """Why a provider refused a job: its code, its words, and the line of the input file that it is about, from 1."""

    code: str
    message: str
    line: int | None = None

    @property
    def text(self) -> str:
        """The problem in one line."""
        return f"{self.code}: {self.message}" + (f" (line {self.line})" if self.line is not None else "")


@dataclass(frozen=True)
class JobSnapshot:
    """A provider's batch job as its API shows it.

    ``state`` is ``None`` for a status that means "not finished", and for one that is not known, which ``is_status_known``
    tells; ``token`` is ours, where the provider keeps it;
    ``n_results`` is how many requests it says it has a result for.
    """

    provider_job_id: str
    status: str
    state: JobState | None
    created_at: datetime
    ended_at: datetime | None
    n_requests: int | None
    token: str | None
    n_results: int | None = None
    result_files: tuple[str, ...] = ()
    problems: tuple[JobProblem, ...] = ()
    is_status_known: bool = True

    @property
    def error_message(self) -> str | None:
        """What the provider says is wrong with the job, in one line."""
        return "; ".join(problem.text for problem in self.problems[:5]) or None


@dataclass(frozen=True)
class ResultLine:
    """One line of a result file: what it says about which request, and the line itself."""

    custom_id: str
    outcome: Outcome
    raw: str


@dataclass(frozen=True)
class Reply:
    """What a live call came to: its outcome, the reply as received, and the headers, which tell the limits on calls."""

    outcome: Outcome
    raw: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class JobLimits:
    """Most requests and bytes in one batch job, and most prompt tokens in all jobs of a model at once, where known."""

    max_requests: int
    max_bytes: int
    enqueued_tokens: int | None = None


@dataclass(frozen=True)
class JobOrder:
    """A batch job about to be created: our token, its batch and that one's correlation id, the API, the file of requests."""

    token: str
    batch_id: str
    path: str
    payload: Path
    correlation_id: str | None = None


class Provider(Protocol):
    """A provider of judgements, live and in batch jobs. Every method raises only :class:`ProviderError`.

    ``keeps_token`` says whether its jobs carry our token; if not, a lost job is recognised by its time and size.
    """

    name: str
    job_limits: JobLimits
    keeps_token: bool

    async def ask(self, path: str, body: str) -> Reply:
        """Make one live call with exactly this body."""
        ...

    async def aclose(self) -> None:
        """Let go of the connections of live calls."""
        ...

    def list_models(self) -> list[ServedModel]:
        """Return the models that the provider serves now; an emulated one under the name that it stands for."""
        ...

    def write_payload(self, descriptor: int, lines: Iterable[Line], path: str) -> int:
        """Write the requests of a job as this provider takes them, and return the number of bytes."""
        ...

    def upload(self, order: JobOrder) -> str | None:
        """Upload the input file of a job where the provider wants one, and return its id."""
        ...

    def create_job(self, order: JobOrder, input_file_id: str | None) -> JobSnapshot:
        """Create a batch job. This is the call that spends money; it is never repeated by itself."""
        ...

    def list_jobs(self, created_after: datetime) -> list[JobSnapshot]:
        """Return the jobs created after an instant, newest first."""
        ...

    def retrieve_job(self, provider_job_id: str) -> JobSnapshot:
        """Return one job."""
        ...

    def cancel_job(self, provider_job_id: str) -> JobSnapshot:
        """Ask for a job to be cancelled, and return it; what it has answered by then can be downloaded once it has ended."""
        ...

    def download(self, job: JobSnapshot, folder: Path) -> list[Path]:
        """Download a finished job's result files into ``folder``, each whole or not at all, and return them."""
        ...

    def read_results(self, path: Path) -> Iterator[pa.RecordBatch]:
        """Read a downloaded result file; see :mod:`.result_table` for the columns."""
        ...
