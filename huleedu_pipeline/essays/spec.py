"""``batch.yaml``: what a batch is and how it is to be judged.

One pydantic model is the contract, the validation and the documentation: the template that ``huleedu init`` writes and the
table in docs are made from its field descriptions. Not here: the essays themselves (:mod:`.batch_folder`), and whether the
assignment and the grade scale that are named exist (:mod:`.basis`).
"""

import re
from difflib import get_close_matches
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.essays.strict_yaml import YamlError, load_fields
from huleedu_pipeline.judging.spec import HUMAN, BatchingMode, JudgeSettings
from huleedu_pipeline.judging.templates import UnknownTemplateError, load_template

KEY_PATTERN = re.compile(r"[a-z0-9](?:[a-z0-9_-]|\.(?!\.)){0,59}")
COMPARISONS_PER_ESSAY = 20
MOST_SPECIFIED_PAIRS = 50_000

JudgeText = Literal["raw", "corrected"]


def check_key(value: str, what: str) -> str:
    """Return ``value`` if it can name ``what``; raises ValueError with the rule if not."""
    if not KEY_PATTERN.fullmatch(value):
        raise ValueError(
            f"'{value}' can not name {what} (use 1-60 lower-case letters, digits, '.', '_', '-', beginning with a letter or "
            "digit, without '..')"
        )
    return value


class SpecError(HuleeduError):
    """A ``batch.yaml`` that can not be used; the message lists every problem with its remedy."""


class BatchSpec(BaseModel):
    """The contents of ``batch.yaml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    batch_id: str = Field(
        description="Name of this batch, unique in the system: lower-case letters, digits, '.', '_' and '-', at most 60. "
        "Default: the folder's name."
    )
    assignment: str = Field(default="", description="Name of the assignment the pupils answered, for tables and pages.")
    assignment_id: str | None = Field(
        default=None,
        description="A registered assignment (huleedu admin instructions list): prompt, rubric, grade scale and anchors are "
        "its own, and the folder has none. Default: they are in the folder.",
    )
    course_code: str = Field(default="", description="Course, for example ENG5.")
    course_id: str | None = Field(
        default=None, max_length=100, description="Id of the course where it comes from; only kept with the run."
    )
    language: Literal["en", "sv"] = Field(default="en", description="Language of the essays: en or sv.")
    spellcheck: bool = Field(
        default=True,
        description="on: misspellings are found and counted, whichever text is judged. off: that is skipped, and shown as "
        "skipped.",
    )
    judge_text: JudgeText = Field(
        default="raw",
        description="What a judge sees of every essay and anchor. raw: the text as it was written, because the rubric judges "
        "spelling. corrected: the text with its misspellings corrected, which needs the spell check.",
    )
    grade_scale: str | None = Field(
        default=None, description="Scale of the anchors' grades; without it the batch is ranked but not graded."
    )
    compare_anchors_with: str | None = Field(
        default=None,
        description="An earlier batch with some of the same anchors (the same texts): whether they have moved since then is "
        "told in anchor_diagnostics.",
    )
    judge: JudgeSettings = Field(default=JudgeSettings(), description="Who judges; see the fields below.")
    llm_batching_mode: BatchingMode | None = Field(
        default=None,
        description="provider_batch_api: the provider's batch jobs, half price, within 24 h. "
        "per_request: live calls, each on its own. serial_bundle: live calls in bundles of up to 64, one after another. "
        "Default: the installation's (HULEEDU_LLM_BATCHING_MODE).",
    )
    max_comparisons: int | None = Field(
        default=None,
        ge=1,
        description="Most comparisons to pay for. Default: so many that each essay is compared "
        f"{COMPARISONS_PER_ESSAY} times, or all pairs if there are fewer.",
    )
    pairs: tuple[tuple[str, str], ...] | None = Field(
        default=None,
        min_length=1,
        max_length=MOST_SPECIFIED_PAIRS,
        description="Exactly these comparisons and no others, in one wave: [essay shown first, essay shown second], by "
        "essay_id; a line that comes again asks again. Default: pairs are chosen for you.",
    )
    max_cost_usd: float | None = Field(
        default=None,
        ge=0,
        description="Most that this batch may cost, in USD: nothing is sent whose estimate, with what is ordered and spent, "
        "is more. Default: no limit.",
    )
    waves: int = Field(
        default=4,
        ge=1,
        le=20,
        description="Live modes: in how many waves of about equal size max_comparisons are asked for; each follows what the "
        "earlier ones showed. provider_batch_api is always one wave.",
    )
    min_comparisons_for_stability_check: int = Field(
        default=12,
        ge=1,
        description="Live modes: fewest outcomes before a batch may stop early; above max_comparisons it never does.",
    )
    score_stability_threshold: float = Field(
        default=0.025,
        ge=0,
        description="Live modes: a batch stops when no essay has moved by more than this since the wave before, in logits; "
        "not where a target is set.",
    )
    target_mean_se: float | None = Field(
        default=None,
        gt=0,
        description="Live modes: stop when the mean standard error is down to this, in logits. Default: no target.",
    )
    target_reliability: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Live modes: stop when marginal reliability is up to this (with target_mean_se: when both are). Default: "
        "no target.",
    )
    completion_threshold_pct: int = Field(
        default=95,
        ge=50,
        le=100,
        description="From this share of the outcomes on, in per cent, a provisional ranking is published while the last ones "
        "are waited for; it is marked as provisional wherever it is shown. 100: none before all are there.",
    )
    seed: int = Field(default=1, ge=0, description="Seed of the choice of pairs and of who is shown first.")

    def n_comparisons(self, n_essays: int) -> int:
        """Return how many comparisons are wanted at most of so many essays."""
        if self.pairs is not None:
            return len(self.pairs)
        return self.max_comparisons or COMPARISONS_PER_ESSAY * n_essays // 2

    @property
    def effective_mode(self) -> BatchingMode:
        """The mode in which the batch is judged, of a specification in which it has been resolved.

        Raises:
            ValueError: it has not been.

        """
        if self.llm_batching_mode is None:
            raise ValueError(f"batch {self.batch_id}: its batching mode has not been resolved")
        return self.llm_batching_mode

    @field_validator("batch_id")
    @classmethod
    def _key(cls, value: str) -> str:
        return check_key(value, "a batch")

    @field_validator("assignment_id")
    @classmethod
    def _assignment_key(cls, value: str | None) -> str | None:
        return None if value is None else check_key(value, "an assignment")

    @model_validator(mode="after")
    def _corrected_by_something(self) -> "BatchSpec":
        if self.judge_text == "corrected" and not self.spellcheck:
            raise ValueError("judge_text: corrected texts need the spell check (set spellcheck to on, or judge_text to raw)")
        return self

    @model_validator(mode="after")
    def _pairs_alone(self) -> "BatchSpec":
        if self.pairs is None:
            return self
        if alone := sorted({first for first, second in self.pairs if first == second}):
            raise ValueError(f"pairs: '{alone[0]}' is paired with itself (name two essays)")
        if self.max_comparisons is not None:
            raise ValueError(f"max_comparisons: pairs names all {len(self.pairs)} comparisons (leave max_comparisons out)")
        if self.judge.provider == HUMAN:
            raise ValueError("pairs: people's judgements are imported with their pairs (leave pairs out)")
        for name in ("target_mean_se", "target_reliability"):
            if getattr(self, name) is not None:
                raise ValueError(f"{name}: the comparisons that pairs names are all asked (leave {name} out)")
        return self

    @model_validator(mode="after")
    def _live_only(self) -> "BatchSpec":
        # An open mode as well: whether a batch.yaml is valid must not depend on the installation that reads it.
        if self.llm_batching_mode in (None, "provider_batch_api"):
            remedy = "set llm_batching_mode to per_request or serial_bundle, or leave judge."
            if self.judge.api == "decisions":
                raise ValueError(f"judge.api: OpenAI's batch jobs make no decisions ({remedy}api out)")
            if self.judge.service_tier is not None:
                raise ValueError(
                    f"judge.service_tier: {self.judge.service_tier} is a tier of live calls; a batch job costs half price as "
                    f"it is ({remedy}service_tier out)"
                )
            for name in ("target_mean_se", "target_reliability"):
                if getattr(self, name) is not None:
                    raise ValueError(
                        f"{name}: a provider's batch jobs are one wave, which nothing stops early (set llm_batching_mode to "
                        f"per_request or serial_bundle, or leave {name} out)"
                    )
        return self


def parse_spec(text: str, *, default_batch_id: str, place: str = "batch.yaml") -> BatchSpec:
    """Read the text of a ``batch.yaml``.

    Args:
        text: YAML with the fields of :class:`BatchSpec`; an empty text means all defaults.
        default_batch_id: Used when the text names no ``batch_id``.
        place: How messages call the file.

    Raises:
        SpecError: the YAML is broken, a key or a template is unknown (the nearest is suggested) or a value is out of range.

    """
    try:
        data = load_fields(text, place)
    except YamlError as error:
        raise SpecError(str(error)) from None
    if "judge" in data and data["judge"] is None:
        data = {**data, "judge": {}}
    try:
        spec = BatchSpec.model_validate({"batch_id": default_batch_id, **data})
    except ValidationError as error:
        lines = [_explain(item) for item in error.errors(include_url=False)]
        raise SpecError("\n".join(f"{place}: {line}" for line in lines)) from None
    try:
        load_template(spec.judge.prompt_template)
    except UnknownTemplateError as error:
        raise SpecError(f"{place}: judge.{error}") from None
    return spec


def _explain(problem: ErrorDetails) -> str:
    path, kind = [str(part) for part in problem["loc"]], problem["type"]
    if path == ["batch_id"] and kind == "string_type":
        return "batch_id: must be text (put it in quotes)"
    if kind == "literal_error":
        choices = re.findall(r"'([^']*)'", str(problem.get("ctx", {}).get("expected")))
        near = get_close_matches(str(problem["input"]).lower(), choices, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(choices)}"
        return f"{'.'.join(path)}: '{problem['input']}' is unknown ({hint})"
    if kind != "extra_forbidden":
        message = problem["msg"].removeprefix("Value error, ")
        return f"{'.'.join(path)}: {message}" if path else message
    fields: dict[str, Any] = dict(JudgeSettings.model_fields if path[:-1] == ["judge"] else BatchSpec.model_fields)
    near = get_close_matches(path[-1], fields, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(fields)}"
    return f"unknown key '{'.'.join(path)}' ({hint})"
