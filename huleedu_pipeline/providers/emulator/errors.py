"""The two failures of the emulator: one that the operator sees and one that is answered over HTTP.

Not here: how a provider words a failure in JSON; that is each provider's format module.
"""

from __future__ import annotations

from collections.abc import Mapping

from huleedu_pipeline.errors import HuleeduError


class EmulatorError(HuleeduError):
    """The emulator cannot be started, stopped or configured as asked."""


class ApiError(Exception):
    """A request is answered with an HTTP error.

    ``status`` is the HTTP status; ``param`` is OpenAI's field of that name; ``code`` is OpenAI's ``code`` and Anthropic's
    ``details.error_code``; ``kind`` is the error's ``type`` where it does not follow from the status; ``headers`` go along.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        kind: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code
        self.kind = kind
        self.headers = dict(headers or {})
