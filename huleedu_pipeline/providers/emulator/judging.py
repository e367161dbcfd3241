"""From a request to the assistant's text: the verdict as JSON, or a plain reply when there is nothing to judge.

Not here: the choice of the winner (``profiles``) and the provider's envelope around the text (the format modules).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from .errors import ApiError
from .profiles import Profile, UnknownTextError
from .reading import BYTES_PER_TOKEN, ModelRequest, estimate_tokens, find_essays

VERDICT_KEYS = ("justification", "winner", "confidence")
NO_ESSAYS_REPLY = "I found no two essays in this message, so there is nothing to compare. Please send both texts."


@dataclass(frozen=True)
class ModelReply:
    """What the simulated model answered; ``truncated`` says that the token limit cut the text off."""

    text: str
    truncated: bool
    is_verdict: bool
    input_tokens: int
    output_tokens: int


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
    return ModelReply(text, truncated, essays is not None, request.input_tokens, estimate_tokens(text))


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
