"""The verdict, and the contract of a reply that gives one in words: what a model must answer, and how that is read.

One JSON schema for all providers, one set of limits for schema, prompt and storage. A reply that does not keep the
contract is a failed judgement with its raw text kept; it is never guessed, defaulted or rescaled. A judge that answers
otherwise (with probabilities, or a human) makes a :class:`Verdict` without these parts.
"""

import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from huleedu_pipeline.judging.templates import ReasonLength

MAX_JUSTIFICATION_CHARACTERS = 500
MIN_CONFIDENCE, MAX_CONFIDENCE = 1.0, 5.0

Label = Literal["Essay A", "Essay B"]


# Only keywords that both providers' strict modes take; the limits stand in the descriptions and are checked on arrival.
# The justification comes first because decoding follows this order: the reasons then precede the choice.
def verdict_schema(reason_length: ReasonLength) -> dict[str, Any]:
    """Return the JSON schema that a reply is to keep; it asks for a reason of that length, and differs in nothing else."""
    sentences = "one or two" if reason_length == "short" else "three or four"
    return {
        "type": "object",
        "properties": {
            "justification": {
                "type": "string",
                "description": f"The decisive difference in {sentences} sentences, 1 to {MAX_JUSTIFICATION_CHARACTERS} "
                "characters.",
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


@dataclass(frozen=True)
class Verdict:
    """A judge's answer about one pair.

    ``winner`` is ``None`` only for a tie. ``p_a`` is the probability that Essay A is the better one, where the judge gives
    one; 0.5 for a tie. Justification and confidence are there where the judge gives them, which every model does that
    answers in words.

    Raises:
        ValueError: ``p_a`` is no probability, or it and the winner contradict each other.

    """

    winner: Label | None
    justification: str | None
    confidence: float | None
    p_a: float | None = None

    def __post_init__(self) -> None:
        if self.p_a is not None and not 0 <= self.p_a <= 1:  # false for NaN, too
            raise ValueError(f"p_a: {self.p_a} is no probability (give a number from 0 to 1, or leave it out)")
        if self.winner is None:
            if self.p_a != 0.5:
                raise ValueError(f"winner: a verdict without a winner is a tie, and a tie has p_a 0.5, not {self.p_a}")
        elif self.winner not in ("Essay A", "Essay B"):
            raise ValueError(f"winner: {self.winner!r} is neither 'Essay A' nor 'Essay B'")
        elif self.p_a is not None and (self.p_a < 0.5 if self.winner == "Essay A" else self.p_a > 0.5):
            raise ValueError(f"p_a: {self.p_a} contradicts the winner {self.winner}")


class VerdictReply(BaseModel):
    """A model's reply as :func:`verdict_schema` asks for it."""

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
        reply = VerdictReply.model_validate_json(text)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in item['loc']) or 'reply'}: {item['msg']}"
            for item in error.errors(include_input=False, include_url=False, include_context=False)
        )
        raise InvalidVerdictError(problems) from None
    json.loads(text, object_pairs_hook=_each_field_once)
    return Verdict(reply.winner, reply.justification, reply.confidence)


def _each_field_once(fields: list[tuple[str, Any]]) -> None:
    # JSON parsers keep the last of two values in silence; a reply that names both winners has named none.
    names = [name for name, _ in fields]
    repeated = [name for name in VerdictReply.model_fields if names.count(name) > 1]
    if repeated:
        raise InvalidVerdictError(f"{repeated[0]}: is given more than once")
