"""Whether the model that answered is the model that was asked for. Not here: which models there are."""

import re

# OpenAI answers to "gpt-6-luna" with "gpt-6-luna-2026-08-01", Anthropic to "claude-x" with "claude-x-20261001".
_SNAPSHOT = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8})")


def is_as_requested(requested: str, answered: str) -> bool:
    """Whether ``answered`` is the model ``requested``, or the dated snapshot that this name stands for.

    An ``emulated-`` name and a real one are never the same: a simulation must not pass for a judgement, nor the reverse.
    """
    rest = answered.removeprefix(requested)
    return answered.startswith(requested) and (not rest or _SNAPSHOT.fullmatch(rest) is not None)
