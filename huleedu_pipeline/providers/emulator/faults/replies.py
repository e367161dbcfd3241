"""Faults of what the model says: refusals, torn and wrapped JSON, verdicts that are none.

Here: the kinds and what each does to a reply. Not here: the envelope around it (the format modules). A fault of the
verdict leaves a reply without one alone.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field

from .. import endpoints
from ..judging import ModelReply
from ..reading import estimate_tokens
from ..wire import Json
from .base import SelectiveFault

REFUSAL = "I cannot help with comparing these texts."


def _with_text(reply: ModelReply, text: str) -> ModelReply:
    return replace(reply, text=text, output_tokens=estimate_tokens(text))


class ReplyFault(SelectiveFault):
    """A fault of one reply, live or in a batch; ``lines`` and ``share`` matter in a batch only."""

    endpoints: ClassVar[frozenset[str]] = endpoints.CREATE_BATCH | endpoints.LIVE

    @abstractmethod
    def edit(self, reply: ModelReply) -> ModelReply:
        """Return the reply that is given instead."""


class Refusal(ReplyFault):
    """The model refuses."""

    endpoints: ClassVar[frozenset[str]] = ReplyFault.endpoints | {endpoints.DECISIONS}
    kind: Literal["refusal"] = "refusal"

    def edit(self, reply: ModelReply) -> ModelReply:
        """Return the reply that is given instead."""
        return replace(_with_text(reply, REFUSAL), ending="refusal", is_verdict=False)


class Incomplete(ReplyFault):
    """The token limit cuts the reply off in the middle."""

    kind: Literal["incomplete"] = "incomplete"
    keep: float = Field(default=0.5, ge=0, lt=1)

    def edit(self, reply: ModelReply) -> ModelReply:
        """Return the reply that is given instead."""
        return replace(_with_text(reply, reply.text[: int(len(reply.text) * self.keep)]), ending="length")


class ContentFilter(ReplyFault):
    """A filter stops the reply (Anthropic has none and refuses)."""

    kind: Literal["content_filter"] = "content_filter"

    def edit(self, reply: ModelReply) -> ModelReply:
        """Return the reply that is given instead."""
        return replace(_with_text(reply, ""), ending="content_filter", is_verdict=False)


class StopReason(ReplyFault):
    """Anthropic's other ways to stop, with the text as far as it got."""

    endpoints: ClassVar[frozenset[str]] = endpoints.of_provider(ReplyFault.endpoints, "anthropic")
    kind: Literal["stop_reason"] = "stop_reason"
    reason: Literal["pause_turn", "model_context_window_exceeded"]

    def edit(self, reply: ModelReply) -> ModelReply:
        """Return the reply that is given instead."""
        return replace(_with_text(reply, reply.text[: len(reply.text) // 2]), ending=self.reason)


class EmptyContent(ReplyFault):
    """The reply holds nothing."""

    kind: Literal["empty_content"] = "empty_content"

    def edit(self, reply: ModelReply) -> ModelReply:
        """Return the reply that is given instead."""
        return _with_text(reply, "")


class OtherModel(ReplyFault):
    """Another model than the one asked for says that it answered."""

    kind: Literal["other_model"] = "other_model"
    model: str = "emulated-other"

    def edit(self, reply: ModelReply) -> ModelReply:
        """Return the reply that is given instead."""
        return replace(reply, model=self.model)


class CachedTokens(ReplyFault):
    """So many tokens of the prompt came from the provider's cache; no more than the prompt has beside those written to it."""

    kind: Literal["cached_tokens"] = "cached_tokens"
    tokens: int = Field(default=128, ge=0)

    def edit(self, reply: ModelReply) -> ModelReply:
        """Return the reply that is given instead."""
        return replace(reply, cached_tokens=min(self.tokens, reply.input_tokens - reply.written_tokens))


class FencedJson(ReplyFault):
    """The JSON stands in a Markdown fence."""

    kind: Literal["fenced_json"] = "fenced_json"

    def edit(self, reply: ModelReply) -> ModelReply:
        """Return the reply that is given instead."""
        return _with_text(reply, f"```json\n{reply.text}\n```")


class ProseAroundJson(ReplyFault):
    """Sentences stand before and after the JSON."""

    kind: Literal["prose_around_json"] = "prose_around_json"

    def edit(self, reply: ModelReply) -> ModelReply:
        """Return the reply that is given instead."""
        return _with_text(reply, f"Here is my judgement:\n\n{reply.text}\n\nI hope that this helps.")


class VerdictFault(ReplyFault):
    """A fault of the verdict within the reply."""

    def edit(self, reply: ModelReply) -> ModelReply:
        """Return the reply that is given instead."""
        try:
            verdict = json.loads(reply.text)
        except ValueError:
            return reply  # prose, or an earlier fault wrapped it
        return _with_text(reply, self.edit_verdict(verdict))

    @abstractmethod
    def edit_verdict(self, verdict: Json) -> str:
        """Return the text that stands for the verdict."""


def _other(winner: str) -> str:
    return "Essay B" if winner == "Essay A" else "Essay A"


class TwoJsonObjects(VerdictFault):
    """Two verdicts, each for another essay."""

    kind: Literal["two_json_objects"] = "two_json_objects"

    def edit_verdict(self, verdict: Json) -> str:
        """Return the text that stands for the verdict."""
        second = verdict | {"winner": _other(verdict["winner"])}
        return f"{json.dumps(verdict)}\n{json.dumps(second)}"


class WinnerText(VerdictFault):
    """The winner is this text; null is possible."""

    kind: Literal["winner_text"] = "winner_text"
    text: str | None

    def edit_verdict(self, verdict: Json) -> str:
        """Return the text that stands for the verdict."""
        return json.dumps(verdict | {"winner": self.text})


class EmptyJustification(VerdictFault):
    """The justification is empty."""

    kind: Literal["empty_justification"] = "empty_justification"

    def edit_verdict(self, verdict: Json) -> str:
        """Return the text that stands for the verdict."""
        return json.dumps(verdict | {"justification": ""})


class LongJustification(VerdictFault):
    """The justification has this many characters."""

    kind: Literal["long_justification"] = "long_justification"
    characters: int = Field(default=5000, ge=1, le=1_000_000)

    def edit_verdict(self, verdict: Json) -> str:
        """Return the text that stands for the verdict."""
        sentence = f"{verdict['justification']} "
        repeated = sentence * (self.characters // len(sentence) + 1)
        return json.dumps(verdict | {"justification": repeated[: self.characters]})


class Confidence(VerdictFault):
    """The confidence is this value; the text "NaN" stands for the number that JSON does not have."""

    kind: Literal["confidence"] = "confidence"
    value: float | str | None

    def edit_verdict(self, verdict: Json) -> str:
        """Return the text that stands for the verdict."""
        return json.dumps(verdict | {"confidence": float("nan") if self.value == "NaN" else self.value})


class Contradiction(VerdictFault):
    """The justification praises the essay that does not win."""

    kind: Literal["contradiction"] = "contradiction"

    def edit_verdict(self, verdict: Json) -> str:
        """Return the text that stands for the verdict."""
        winner = verdict["winner"]
        return json.dumps(verdict | {"justification": verdict["justification"].replace(winner, _other(winner))})
