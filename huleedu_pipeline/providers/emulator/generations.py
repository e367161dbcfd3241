"""What a model's name tells of its generation, on which the rules of caching hang.

Not here: those rules (``prompt_cache``).
"""

from __future__ import annotations

import re

_GPT = re.compile(r"gpt-(\d+)(?:\.(\d+))?")
_CLAUDE = re.compile(r"claude-([a-z]+)-(\d+)(?:-(\d)(?!\d))?")


def gpt_version(model: str) -> tuple[int, int] | None:
    """Return the version in a GPT model's name, or None in any other name."""
    found = _GPT.search(model)
    return None if found is None else (int(found[1]), int(found[2] or 0))


def claude_version(model: str) -> tuple[str, int, int] | None:
    """Return line and version in a Claude model's name, or None in any other name."""
    found = _CLAUDE.search(model)
    return None if found is None else (found[1], int(found[2]), int(found[3] or 0))


def has_breakpoints(model: str) -> bool:
    """Return whether an OpenAI model caches at breakpoints, which GPT does from 5.6 on, and has a price for writing."""
    return (gpt_version(model) or (0, 0)) >= (5, 6)
