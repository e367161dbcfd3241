"""From a request to the assistant's text: the verdict as JSON, or a plain reply when there is nothing to judge.

Not here: the choice of the winner (``profiles``) and the provider's envelope around the text (the format modules).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from .errors import ApiError
from .profiles import Profile, UnknownTextError
from .reading import BYTES_PER_TOKEN, ModelRequest, estimate_tokens, find_essays

VERDICT_KEYS = ("justification", "winner", "confidence")
NO_ESSAYS_REPLY = "I found no two essays in this message, so there is nothing to compare. Please send both texts."


# Why a reply ends: by itself, at the token limit, by a filter, by a refusal, or in one of Anthropic's further ways.
Ending = Literal["stop", "length", "content_filter", "refusal", "pause_turn", "model_context_window_exceeded"]


@dataclass(frozen=True)
class ModelReply:
    """What the simulated model answered.

    ``cached_tokens`` are those of the input that a cache served; ``model`` is who says it answered (None: who was asked).
    """

    text: str
    ending: Ending
    is_verdict: bool
    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    model: str | None = None


def answer(request: ModelRequest, profile: Profile) -> ModelReply:
    """Return the model's reply to ``request``.

    Raises ApiError (400) when the judge does not know a text or the schema asks for what no verdict contains.
    """
    essays = find_essays(request.user)
    text = NO_ESSAYS_REPLY if essays is None else _verdict_text(request, profile, *essays)
    limit = request.max_output_tokens
    truncated = limit is not None and len(text) > limit * BYTES_PER_TOKEN
    if limit is not None:
        text = text[: limit * BYTES_PER_TOKEN]
    ending: Ending = "length" if truncated else "stop"
    return ModelReply(text, ending, essays is not None, request.input_tokens, estimate_tokens(text))


def _verdict_text(request: ModelRequest, profile: Profile, text_a: str, text_b: str) -> str:
    keys = VERDICT_KEYS if request.schema_properties is None else request.schema_properties
    unknown = [key for key in keys if key not in VERDICT_KEYS]
    if unknown:
        raise ApiError(
            400,
            f"The requested schema asks for {unknown[0]!r}; an emulated judge can fill {', '.join(VERDICT_KEYS)}.",
            code="unsupported_schema",
        )
    try:
        verdict = profile.judge(text_a, text_b, request.seed)
    except UnknownTextError as problem:
        raise ApiError(400, str(problem), code="unknown_text") from problem
    content: dict[str, str | float] = {
        "justification": verdict.justification,
        "winner": verdict.winner,
        "confidence": verdict.confidence,
    }
    return json.dumps({key: content[key] for key in keys})
