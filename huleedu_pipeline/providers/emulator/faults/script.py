"""The fault script: an ordered list of rules, each an endpoint, the calls that it means, and a fault.

Here: the format, its checks and the question whether a rule is due. Not here: counting calls (``fault_book``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator, model_validator

from .. import endpoints
from ..errors import EmulatorError
from . import answers, calls, jobs, lines, replies

AnyFault = Annotated[
    calls.Drop
    | calls.LoseAnswer
    | calls.Hang
    | calls.HttpError
    | calls.RateLimit
    | calls.SpendLimit
    | calls.RefuseKey
    | calls.ShortDownload
    | calls.CutDownload
    | calls.HtmlDownload
    | calls.NotFoundFor
    | calls.AbsentFromLists
    | answers.Html
    | answers.JsonArray
    | answers.EmptyBody
    | answers.TruncatedJson
    | answers.WithoutFields
    | answers.SetFields
    | answers.UnknownStatus
    | answers.StatusBackwards
    | answers.PartialCounts
    | answers.EmptyFileIds
    | answers.ForeignResultsUrl
    | jobs.Expire
    | jobs.CancelledByProvider
    | jobs.CancelKeeps
    | jobs.Stuck
    | jobs.ResultsExpire
    | jobs.CannotFindFile
    | jobs.FailWithoutErrors
    | jobs.FailLines
    | jobs.TokenLimit
    | lines.DuplicateLines
    | lines.ConflictingLines
    | lines.MissingLines
    | lines.MalformedLines
    | lines.BlankLines
    | lines.OddLineBreaks
    | lines.InvalidUtf8
    | lines.LinesWithoutId
    | lines.ForeignLines
    | lines.UnknownResultType
    | lines.NullResponse
    | lines.RefusedLines
    | lines.InBothFiles
    | lines.LineOrder
    | lines.Crlf
    | lines.ByteOrderMark
    | lines.NoFinalNewline
    | replies.Refusal
    | replies.Incomplete
    | replies.ContentFilter
    | replies.StopReason
    | replies.EmptyContent
    | replies.OtherModel
    | replies.CachedTokens
    | replies.FencedJson
    | replies.ProseAroundJson
    | replies.TwoJsonObjects
    | replies.WinnerText
    | replies.EmptyJustification
    | replies.LongJustification
    | replies.Confidence
    | replies.Contradiction,
    Field(discriminator="kind"),
]
ANY_ENDPOINT = "*"
FAULTS: TypeAdapter[tuple[AnyFault, ...]] = TypeAdapter(tuple[AnyFault, ...])


class Rule(BaseModel):
    """One rule: at calls of ``endpoint`` ("*": of any), from the ``nth`` on, ``count`` times, this fault happens.

    Calls are counted from when the rule was set. ``nth`` "every" means from the first on, and then without ``count`` for
    ever; a number without ``count`` means once. A fault without parameters may be given by its kind alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: str
    nth: Annotated[int, Field(ge=1)] | Literal["every"] = 1
    count: Annotated[int, Field(ge=1)] | None = None
    fault: AnyFault

    @field_validator("fault", mode="before")
    @classmethod
    def _kind_alone(cls, given: Any) -> Any:
        return {"kind": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _fault_suits_the_endpoint(self) -> Self:
        if self.endpoint == ANY_ENDPOINT:
            if self.fault.endpoints != endpoints.ALL:
                raise ValueError(f"fault {self.fault.kind!r} needs an endpoint: {_listed(self.fault.endpoints)}")
        elif self.endpoint not in endpoints.ALL:
            raise ValueError(f"endpoint {self.endpoint!r} does not exist; there are {_listed(endpoints.ALL)}")
        elif self.endpoint not in self.fault.endpoints:
            raise ValueError(
                f"fault {self.fault.kind!r} cannot happen at {self.endpoint!r}, only at {_listed(self.fault.endpoints)}"
            )
        return self

    def matches(self, endpoint: str) -> bool:
        """Return whether a call of ``endpoint`` counts for this rule."""
        return self.endpoint in (ANY_ENDPOINT, endpoint)

    def due(self, seen: int) -> bool:
        """Return whether the fault happens at the matching call with this number, counted from 1."""
        first = 1 if self.nth == "every" else self.nth
        count = 1 if self.count is None and self.nth != "every" else self.count
        return seen >= first and (count is None or seen < first + count)


def _listed(labels: frozenset[str]) -> str:
    return ", ".join(sorted(labels))


class FaultScript(BaseModel):
    """A fault script as in its file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: tuple[Rule, ...] = ()


def complaints(problem: ValidationError) -> list[str]:
    """Return what is wrong with a script, one sentence for each place."""
    texts = []
    for error in problem.errors(include_url=False, include_input=False):
        place = ".".join(str(step) for step in error["loc"]) or "the script"
        texts.append(f"{place}: {error['msg']}")
    return texts


def read_script(path: Path) -> FaultScript:
    """Read and check a fault script. Raises EmulatorError when it is missing or not as documented."""
    try:
        return FaultScript.model_validate_json(path.read_bytes())
    except OSError as problem:
        raise EmulatorError(f"fault script {path}: cannot be read ({problem.strerror})") from problem
    except ValidationError as problem:
        raise EmulatorError(f"fault script {path}: {'; '.join(complaints(problem))}") from problem
