"""From a request to the assistant's text: the verdict as JSON, or a plain reply when there is nothing to judge.

Not here: the choice of the winner (``profiles``) and the provider's envelope around the text (the format modules).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from .errors import ApiError
from .profiles import Profile, UnknownTextError
from .reading import BYTES_PER_TOKEN, ModelRequest, find_essays
from .verdicts import SimulatedVerdict

VERDICT_KEYS = ("justification", "winner", "confidence")
NO_ESSAYS_REPLY = "I found no two essays in this message, so there is nothing to compare. Please send both texts."


# Why a reply ends: by itself, at the token limit, by a filter, by a refusal, or in one of Anthropic's further ways.
Ending = Literal["stop", "length", "content_filter", "refusal", "pause_turn", "model_context_window_exceeded"]


@dataclass(frozen=True)
class ModelReply:
    """What the simulated model answered.

    ``input_tokens`` are all of the prompt; ``cached_tokens`` are those of them that a cache served, and the ``written`` ones
    those that were written to it, to be kept for so long. ``model`` is who says it answered (None: who was asked), and
    ``latency_ms`` how long a live answer takes.
    """

    text: str
    ending: Ending
    is_verdict: bool
    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    written_5m_tokens: int = 0
    written_30m_tokens: int = 0
    written_1h_tokens: int = 0
    model: str | None = None
    latency_ms: float = 0.0

    @property
    def written_tokens(self) -> int:
        """The tokens of the input that were written to a cache."""
        return self.written_5m_tokens + self.written_30m_tokens + self.written_1h_tokens


def answer(request: ModelRequest, profile: Profile) -> ModelReply:
    """Return the model's reply to ``request``.

    Raises ApiError (400) when the judge does not know a text or the schema asks for what no verdict contains.
    """
    essays = find_essays(request.user)
    verdict = None if essays is None else _verdict(request, profile, *essays)
    text = NO_ESSAYS_REPLY if verdict is None else _verdict_text(request, verdict)
    n_tokens = profile.tokens.reply(text, None if verdict is None else verdict.justification)
    limit = request.max_output_tokens
    truncated = limit is not None and len(text) > limit * BYTES_PER_TOKEN
    if limit is not None:
        text, n_tokens = text[: limit * BYTES_PER_TOKEN], min(limit, n_tokens)
    ending: Ending = "length" if truncated else "stop"
    return ModelReply(text, ending, verdict is not None, profile.tokens.prompt(request), n_tokens)


def _verdict(request: ModelRequest, profile: Profile, text_a: str, text_b: str) -> SimulatedVerdict:
    unknown = [key for key in request.schema_properties or () if key not in VERDICT_KEYS]
    if unknown:
        raise ApiError(
            400,
            f"The requested schema asks for {unknown[0]!r}; an emulated judge can fill {', '.join(VERDICT_KEYS)}.",
            code="unsupported_schema",
        )
    try:
        return profile.judge(text_a, text_b, request)
    except UnknownTextError as problem:
        raise ApiError(400, str(problem), code="unknown_text") from problem


def _verdict_text(request: ModelRequest, verdict: SimulatedVerdict) -> str:
    keys = VERDICT_KEYS if request.schema_properties is None else request.schema_properties
    content: dict[str, str | float] = {
        "justification": verdict.justification,
        "winner": verdict.winner,
        "confidence": verdict.confidence,
    }
    return json.dumps({key: content[key] for key in keys})
