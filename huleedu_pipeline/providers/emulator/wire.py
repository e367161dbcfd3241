"""JSON on the wire: encoding that any client can decode, and decoding that refuses politely.

Not here: the shapes of either provider. Also here, for all modules: what a JSON object and a provider are called.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from .errors import ApiError

Json = dict[str, Any]
Provider = Literal["openai", "anthropic"]


def json_bytes(value: Any) -> bytes:
    """Encode as one line of JSON in ASCII, so that no id or name can break a line or the encoding."""
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def read_json(content: bytes) -> Any:
    """Decode a request body. Raises ApiError (400) when it is not JSON, or nested too deeply to be read."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as problem:
        raise ApiError(400, "We could not parse the JSON body of your request.") from problem
