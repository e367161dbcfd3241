"""The verdict contract: what a judge must answer, and how an answer is read.

One JSON schema for both providers, one set of limits for schema, prompt and storage. A reply that does not keep the
contract is a failed judgement with its raw text kept; it is never guessed, defaulted or rescaled.
"""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

MAX_JUSTIFICATION_CHARACTERS = 500
MIN_CONFIDENCE, MAX_CONFIDENCE = 1.0, 5.0

Label = Literal["Essay A", "Essay B"]

# Only keywords that both providers' strict modes take; the limits stand in the descriptions and are checked on arrival.
# The justification comes first because decoding follows this order: the reasons then precede the choice.
VERDICT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "justification": {
            "type": "string",
            "description": f"The decisive difference in one or two sentences, 1 to {MAX_JUSTIFICATION_CHARACTERS} characters.",
        },
        "winner": {"type": "string", "enum": ["Essay A", "Essay B"], "description": "The better essay."},
        "confidence": {
            "type": "number",
            "description": f"How sure you are: {MIN_CONFIDENCE:g} (a guess) to {MAX_CONFIDENCE:g} (certain).",
        },
    },
    "required": ["justification", "winner", "confidence"],
    "additionalProperties": False,
}


class Verdict(BaseModel):
    """A judge's answer about one pair."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    winner: Label
    justification: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_JUSTIFICATION_CHARACTERS)
    ]
    confidence: float = Field(ge=MIN_CONFIDENCE, le=MAX_CONFIDENCE, allow_inf_nan=False)


class InvalidVerdictError(ValueError):
    """A reply that does not keep the verdict contract; the message says which part, without quoting essays."""


def parse_verdict(text: str) -> Verdict:
    """Read a verdict from the reply's text.

    Raises:
        InvalidVerdictError: the text is not exactly one JSON object that keeps the contract.

    """
    try:
        verdict = Verdict.model_validate_json(text)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in item['loc']) or 'reply'}: {item['msg']}"
            for item in error.errors(include_input=False, include_url=False, include_context=False)
        )
        raise InvalidVerdictError(problems) from None
    json.loads(text, object_pairs_hook=_each_field_once)
    return verdict


def _each_field_once(fields: list[tuple[str, Any]]) -> None:
    # JSON parsers keep the last of two values in silence; a reply that names both winners has named none.
    names = [name for name, _ in fields]
    repeated = [name for name in Verdict.model_fields if names.count(name) > 1]
    if repeated:
        raise InvalidVerdictError(f"{repeated[0]}: is given more than once")
