"""What can be wrong with a request to the context; the three kinds are what an HTTP API answers with 404, 409 and 422.

A grade scale that is looked up and is not there is an :class:`.UnknownScaleError`, as it is everywhere else.
"""

from difflib import get_close_matches

from pydantic import BaseModel, ValidationError

from huleedu_pipeline.errors import HuleeduError


class ContextError(HuleeduError):
    """A request that the assessment context refuses; nothing of it was written but, where it was a write, its ``kind``."""

    kind = "refused"


class NotFoundError(ContextError):
    """An assignment, a version, an anchor or a scale that is not there."""

    kind = "not_found"


class ConflictError(ContextError):
    """What is asked for contradicts what stands: a fixed field, a scale in use, a national rubric."""

    kind = "conflict"


class InvalidInputError(ContextError):
    """An input that can not be used whatever stands in the context."""

    kind = "invalid"


def explained(error: ValidationError, place: str, model: type[BaseModel]) -> InvalidInputError:
    """Return a model's validation error as one line for each problem, each beginning with ``place``."""
    lines = []
    for item in error.errors(include_url=False, include_input=False):
        path = ".".join(str(part) for part in item["loc"])
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            near = get_close_matches(path, model.model_fields, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(model.model_fields)}"
            lines.append(f"{place}: unknown field '{path}' ({hint})")
        else:
            # A text has one field, and who reads the message knows the file.
            lines.append(f"{place}: {message}" if path in ("", "text") else f"{place}: {path}: {message}")
    return InvalidInputError("\n".join(lines))
