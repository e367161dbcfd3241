"""Reads a prompt as a model would: finds the two essays that the text shows.

Here: the essay format and the request in the form that every endpoint is reduced to. Not here: the providers' body
shapes (``openai_requests``, ``anthropic_requests``) and the verdict (``judging``).
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from typing import Literal

# Greedy on purpose: an essay may itself contain the closing tag, and text may follow the second essay.
_ESSAY_PAIR = re.compile(
    r'<essay label="Essay A">\n(.*)\n</essay>\n\n<essay label="Essay B">\n(.*)\n</essay>',
    re.DOTALL,
)
PART_SEPARATOR = "\n\n"
BYTES_PER_TOKEN = 4


CacheLife = Literal["5m", "30m", "1h"]


@dataclass(frozen=True)
class CacheMark:
    """A place up to which a provider keeps a prompt: the text before it, and for how long."""

    prefix: str
    life: CacheLife


@dataclass(frozen=True)
class ModelRequest:
    """A request without its provider's clothing.

    ``schema_properties`` are the names that the requested JSON schema lists, in its order (None: no schema);
    ``schema_text`` is that schema as sent, for counting; ``max_output_tokens`` is None when the caller set no limit.
    ``cache_key`` is OpenAI's ``prompt_cache_key``; ``cache_marks`` are in the order of the prompt.
    """

    model: str
    system: str
    user: str
    schema_properties: tuple[str, ...] | None
    schema_text: str
    max_output_tokens: int | None
    cache_key: str | None = None
    cache_marks: tuple[CacheMark, ...] = ()

    @property
    def input_tokens(self) -> int:
        """The estimated prompt length in tokens."""
        return estimate_tokens(self.system + self.user + self.schema_text)

    @property
    def seed(self) -> bytes:
        """SHA-256 of system text, user text and model: what makes a verdict repeatable."""
        return hashlib.sha256(to_bytes("\0".join((self.system, self.user, self.model)))).digest()


def to_bytes(text: str) -> bytes:
    """Encode as UTF-8; a lone surrogate, which JSON can carry, is kept instead of refused."""
    return text.encode("utf-8", "surrogatepass")


def estimate_tokens(text: str) -> int:
    """Return the estimated number of tokens: UTF-8 bytes over four, rounded up."""
    return math.ceil(len(to_bytes(text)) / BYTES_PER_TOKEN)


def find_essays(user_text: str) -> tuple[str, str] | None:
    """Return the texts labelled Essay A and Essay B, or None when the prompt does not show both."""
    found = _ESSAY_PAIR.search(user_text)
    return None if found is None else (found.group(1), found.group(2))
