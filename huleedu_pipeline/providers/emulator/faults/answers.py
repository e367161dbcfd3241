"""Faults of an answer's body: it arrives with status 200 and is not what was asked for.

Here: the kinds and what each does to a body. Not here: when they strike (``script``) and sending (``interference``).
A fault that finds nothing to change leaves the body alone.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from typing import Any, ClassVar, Literal

from pydantic import Field

from .. import endpoints
from ..wire import Json, json_bytes
from .base import Fault

PROXY_PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in to the network.</body></html>"


class AnswerFault(Fault):
    """A fault that changes the body of an answer; ``media_type`` None keeps the content type."""

    endpoints: ClassVar[frozenset[str]] = endpoints.JSON_ANSWERS
    media_type: ClassVar[str | None] = None

    @abstractmethod
    def edit(self, body: bytes, /) -> bytes:
        """Return the body that is sent instead."""


class Html(AnswerFault):
    """A page of HTML, as from a proxy or a captive portal."""

    media_type: ClassVar[str | None] = "text/html"
    kind: Literal["html"] = "html"

    def edit(self, _body: bytes, /) -> bytes:
        """Return the body that is sent instead."""
        return PROXY_PAGE


class JsonArray(AnswerFault):
    """An empty JSON array."""

    kind: Literal["json_array"] = "json_array"

    def edit(self, _body: bytes, /) -> bytes:
        """Return the body that is sent instead."""
        return b"[]"


class EmptyBody(AnswerFault):
    """No body at all."""

    kind: Literal["empty_body"] = "empty_body"

    def edit(self, _body: bytes, /) -> bytes:
        """Return the body that is sent instead."""
        return b""


class TruncatedJson(AnswerFault):
    """The first ``keep`` (a share) of the JSON, with a Content-Length that agrees."""

    kind: Literal["truncated_json"] = "truncated_json"
    keep: float = Field(default=0.5, gt=0, lt=1)

    def edit(self, body: bytes, /) -> bytes:
        """Return the body that is sent instead."""
        return body[: int(len(body) * self.keep)]


class ObjectFault(AnswerFault):
    """A fault of the JSON object as a whole."""

    def edit(self, body: bytes, /) -> bytes:
        """Return the body that is sent instead."""
        return json_bytes(self.edit_object(json.loads(body)))

    @abstractmethod
    def edit_object(self, value: Json) -> Json:
        """Return the object that is sent instead."""


class WithoutFields(ObjectFault):
    """Fields are missing; by default the id."""

    kind: Literal["without_fields"] = "without_fields"
    fields: tuple[str, ...] = ("id",)

    def edit_object(self, value: Json) -> Json:
        """Return the object that is sent instead."""
        return {name: content for name, content in value.items() if name not in self.fields}


class SetFields(ObjectFault):
    """Fields have other values than they should, such as a wrong ``bytes`` of an upload."""

    kind: Literal["set_fields"] = "set_fields"
    fields: dict[str, Any]

    def edit_object(self, value: Json) -> Json:
        """Return the object that is sent instead."""
        return value | self.fields


class BatchFault(ObjectFault):
    """A fault of batch objects, alone or in a list."""

    endpoints: ClassVar[frozenset[str]] = endpoints.BATCH_OBJECTS

    def edit_object(self, value: Json) -> Json:
        """Return the object that is sent instead."""
        if isinstance(value.get("data"), list):
            return value | {"data": [self.edit_batch(batch) for batch in value["data"]]}
        return self.edit_batch(value)

    @abstractmethod
    def edit_batch(self, batch: Json) -> Json:
        """Return the batch object that is sent instead."""


def _status_field(batch: Json) -> str:
    return "processing_status" if "processing_status" in batch else "status"


class UnknownStatus(BatchFault):
    """A status that no documentation names."""

    kind: Literal["unknown_status"] = "unknown_status"
    status: str = "on_hold"

    def edit_batch(self, batch: Json) -> Json:
        """Return the batch object that is sent instead."""
        return batch | {_status_field(batch): self.status}


class StatusBackwards(BatchFault):
    """The batch is shown as it was at its creation."""

    kind: Literal["status_backwards"] = "status_backwards"

    def edit_batch(self, batch: Json) -> Json:
        """Return the batch object that is sent instead."""
        if _status_field(batch) == "status":
            later = [name for name in batch if name.endswith("_at") and name not in ("created_at", "expires_at")]
            counts = {"total": 0, "completed": 0, "failed": 0}
            start = {"status": "validating", "errors": None, "output_file_id": None, "error_file_id": None}
            return batch | dict.fromkeys(later) | start | {"request_counts": counts}
        counts = dict.fromkeys(batch["request_counts"], 0) | {"processing": sum(batch["request_counts"].values())}
        start = {"processing_status": "in_progress", "ended_at": None, "cancel_initiated_at": None, "results_url": None}
        return batch | start | {"request_counts": counts}


class PartialCounts(BatchFault):
    """``request_counts`` holds only its first field."""

    kind: Literal["partial_counts"] = "partial_counts"

    def edit_batch(self, batch: Json) -> Json:
        """Return the batch object that is sent instead."""
        return batch | {"request_counts": dict(list(batch["request_counts"].items())[:1])}


class EmptyFileIds(BatchFault):
    """Result files that do not exist have the id ``""`` instead of null."""

    endpoints: ClassVar[frozenset[str]] = endpoints.of_provider(endpoints.BATCH_OBJECTS, "openai")
    kind: Literal["empty_file_ids"] = "empty_file_ids"

    def edit_batch(self, batch: Json) -> Json:
        """Return the batch object that is sent instead."""
        return batch | {name: batch[name] or "" for name in ("output_file_id", "error_file_id")}


class ForeignResultsUrl(BatchFault):
    """The results are said to lie on another host."""

    endpoints: ClassVar[frozenset[str]] = endpoints.of_provider(endpoints.BATCH_OBJECTS, "anthropic")
    kind: Literal["foreign_results_url"] = "foreign_results_url"
    host: str = Field(default="http://results.invalid", pattern=r"^https?://[^/]+$")

    def edit_batch(self, batch: Json) -> Json:
        """Return the batch object that is sent instead."""
        if batch["results_url"] is None:
            return batch
        return batch | {"results_url": f"{self.host}/v1/messages/batches/{batch['id']}/results"}
