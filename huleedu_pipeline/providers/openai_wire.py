"""OpenAI's APIs as text, whichever one is asked: bodies, and what a reply or result line means. Pure.

A body is built as the judge's API wants it; a reply is read by what it is, so a result file needs no telling which API it
came from. What one API alone says stands in :mod:`.openai_responses`, :mod:`.openai_chat` and :mod:`.openai_decisions`.
"""

from typing import Any, Protocol

from huleedu_pipeline.judging.outcome import ErrorCode, Outcome, failure
from huleedu_pipeline.judging.prompts import Prompt
from huleedu_pipeline.judging.spec import Judge
from huleedu_pipeline.providers import openai_chat, openai_decisions, openai_responses
from huleedu_pipeline.providers.openai_shared import ERROR_CODES
from huleedu_pipeline.providers.protocols import ResultLine
from huleedu_pipeline.providers.result_files import named_line, readable


class Api(Protocol):
    """One of OpenAI's APIs: where it is reached, how it is asked, and what its replies come to."""

    PATH: str

    def build_body(self, judge: Judge, prompt: Prompt) -> dict[str, Any]:
        """Return the body of a request."""
        ...

    def read_reply(self, reply: dict[str, Any]) -> Outcome:
        """Return what a reply comes to."""
        ...


APIS: dict[str, Api] = {"responses": openai_responses, "chat_completions": openai_chat, "decisions": openai_decisions}
_BY_OBJECT: dict[str, Api] = {"response": openai_responses, "chat.completion": openai_chat}
# A decision does not name its kind, and compatible servers may name another: then the part that only one API has tells.
_BY_PART: dict[str, Api] = {"choices": openai_chat, "answers": openai_decisions, "output": openai_responses}


def path_of(api: str) -> str:
    """Return the path of a judge's API; a batch job and each of its lines name it, too."""
    return APIS[api].PATH


def build_body(judge: Judge, prompt: Prompt) -> dict[str, Any]:
    """Return the body of a request to the judge's API; parameters that the judge leaves open are left out."""
    return APIS[judge.api].build_body(judge, prompt)


def read_reply(reply: dict[str, Any]) -> Outcome:
    """Return what a reply of any of the APIs comes to."""
    api = _BY_OBJECT.get(str(reply.get("object")))
    if api is None:
        api = next((api for part, api in _BY_PART.items() if part in reply), None)
    if api is None:
        return failure(ErrorCode.UNREADABLE_REPLY, "the reply is none of a response, a chat completion and a decision")
    return api.read_reply(reply)


def read_result_line(line: str) -> ResultLine | None:
    """Return what a line of an output or error file says, or ``None`` for a line that names no request of ours."""
    named = named_line(line)
    return None if named is None else ResultLine(named[0], readable(_line_outcome, named[1]), line)


def _line_outcome(item: dict[str, Any]) -> Outcome:
    error, response = item.get("error"), item.get("response")
    if isinstance(error, dict):
        code = str(error.get("code"))
        return failure(ERROR_CODES.get(code, ErrorCode.PROVIDER_ERROR), f"{code}: {error.get('message')}")
    body = response.get("body") if isinstance(response, dict) else None
    if not isinstance(response, dict) or not isinstance(body, dict):
        return failure(ErrorCode.UNREADABLE_REPLY, "the result line has neither a reply nor an error")
    status = response.get("status_code")
    if status == 200:
        return read_reply(body)
    inner = body.get("error")
    inner = inner if isinstance(inner, dict) else {}
    kind = status_code_error(status, inner.get("code") or inner.get("type"))
    return failure(kind, f"status {status}: {inner.get('message')}")


def status_code_error(status: object, code: object = None) -> ErrorCode:
    """Return the error code of a request that an HTTP status ended; the provider's own code says more where it is known."""
    if isinstance(code, str) and code in ERROR_CODES:
        return ERROR_CODES[code]
    if status == 402:
        return ErrorCode.SPEND_LIMIT
    if status in (401, 403):
        return ErrorCode.NO_ACCESS
    if status == 429:
        return ErrorCode.RATE_LIMITED
    if isinstance(status, int) and 400 <= status < 500 and status not in (408, 409):
        return ErrorCode.PROVIDER_REJECTED
    return ErrorCode.PROVIDER_ERROR
