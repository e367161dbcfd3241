"""Counting tokens: the emulator's own estimate, and that of the mock profiles with its floors.

Not here: which profile counts how (``profiles``, ``mocks``) and what of a prompt a cache holds (``prompt_cache``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from .reading import BYTES_PER_TOKEN, ModelRequest, estimate_tokens, to_bytes

TOKENS_AROUND_A_REASON = 10  # what the mock profiles add for the JSON around a justification


@dataclass(frozen=True)
class TokenCounter:
    """One way of counting: UTF-8 bytes over four, or words times ``tokens_per_word``; never less than the floors."""

    tokens_per_word: float | None = None
    least_input: int = 0
    least_output: int = 0

    def length(self, text: str) -> int:
        """Return the number of tokens of a part of a prompt, without any floor."""
        if self.tokens_per_word is None:
            return estimate_tokens(text)
        return math.ceil(len(text.split()) * self.tokens_per_word)

    def prompt(self, request: ModelRequest) -> int:
        """Return the number of tokens of a whole prompt."""
        if self.tokens_per_word is None:
            return max(self.least_input, request.input_tokens)
        return max(1, self.least_input, self.length(f"{request.system} {request.user} {request.schema_text}"))

    def reply(self, text: str, justification: str | None) -> int:
        """Return the number of tokens of a reply; ``justification`` is None for one without a verdict."""
        if self.tokens_per_word is None:
            return max(self.least_output, estimate_tokens(text))
        if justification is None:
            return max(1, self.least_output, self.length(text))
        return max(self.least_output, self.length(justification) + TOKENS_AROUND_A_REASON)

    def pieces(self, text: str, first: int, step: int) -> Iterator[bytes]:
        """Yield the first so many tokens of a text and then each step of tokens, as far as they are whole."""
        units, end = (to_bytes(text), first) if self.tokens_per_word is None else (text.split(), first)
        per_token = BYTES_PER_TOKEN if self.tokens_per_word is None else 1 / self.tokens_per_word
        start = 0
        while (stop := math.ceil(end * per_token)) <= len(units):
            piece = units[start:stop]
            yield piece if isinstance(piece, bytes) else "\0".join(["", *piece]).encode("utf-8", "surrogatepass")
            start, end = stop, end + step
