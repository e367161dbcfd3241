"""What an alignment report says: the contract of its JSON form, which is read again when runs are compared.

Locations are in logits; shares carry 95 % intervals (Clopper & Pearson 1934). Not here: how any of it is worked out.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

REPORT_VERSION: Literal["1.0"] = "1.0"
SIMULATED = (
    "SIMULATED: an emulator stood in for the model. These figures show that the pipeline works; they say nothing of any model."
)


class Part(BaseModel):
    """A part of the report."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Share(Part):
    """``k`` of ``n``, with the 95 % interval of the share; nothing is known of it where ``n`` is 0."""

    k: int = Field(ge=0)
    n: int = Field(ge=0)
    share: float | None
    low: float | None
    high: float | None


class AnchorResult(Part):
    """One anchor; ``theta`` is ``None`` where the verdicts fall into parts that no comparison connects.

    ``theta_se`` of an anchor that won or lost everything rests on the prior: ``is_one_sided`` says so.
    """

    label: str
    text_sha256: str
    grade: str
    theta: float | None
    theta_se: float | None
    rank: int | None
    n_wins: int
    n_losses: int
    n_ties: int
    is_one_sided: bool


class RankAgreement(Part):
    """Kendall's tau-b between grades and locations (Kendall 1945), and the counts that it is made of.

    A pair of anchors with one grade is tied: it is neither concordant nor discordant, and takes its part out of the
    denominator. ``tau_b`` is ``None`` where all anchors carry one grade or have no common scale.
    """

    tau_b: float | None
    n_pairs: int
    n_concordant: int
    n_discordant: int
    n_tied_grade: int
    n_tied_theta: int


class InvertedVerdict(Part):
    """A verdict in which the lower grade won."""

    custom_id: str
    shown_first: str
    confidence: float | None
    justification: str | None


class DirectInversion(Part):
    """Two anchors of which the one with the lower grade won at least once when they were compared."""

    lower: str
    lower_grade: str
    higher: str
    higher_grade: str
    grades_apart: int
    n_lower_won: int
    n_higher_won: int
    verdicts: tuple[InvertedVerdict, ...]


class GradePair(Part):
    """Two grades, and how often the higher one won where their anchors were compared.

    ``verdicts`` counts every verdict: its interval is about these very anchors asked again. ``pairs`` counts each pair of
    anchors once, by most of its verdicts: its interval is about other anchors of the two grades, and pairs that share an
    anchor are less independent than it takes them to be. Pairs with as many verdicts either way are ``n_even``.
    """

    lower_grade: str
    higher_grade: str
    is_boundary: bool
    verdicts: Share
    pairs: Share
    n_even: int


class PositionEffect(Part):
    """How much the judge favours the text shown first: in the model, in logits, and as a share of the decided verdicts.

    ``is_balanced`` is whether every anchor was shown first about as often as second; only then is the share free of quality.
    """

    logits: float
    se: float | None
    p_value: float
    first_won: Share
    is_balanced: bool


class Consistency(Part):
    """Verdicts on the same pair again: in the other order, and in the same one."""

    both_orders: Share
    n_flips_to_first: int
    n_flips_to_second: int
    repeats: Share


class VerdictLine(Part):
    """One verdict, by labels; ``winner`` is ``None`` for a tie."""

    custom_id: str
    shown_first: str
    shown_second: str
    winner: str | None


class Alignment(Part):
    """The statistics of one run."""

    n_parts: int = Field(ge=1, description="Groups of anchors that no comparison connects; 1 in a sound design.")
    anchors: tuple[AnchorResult, ...]
    agreement: RankAgreement
    expert_verdicts: Share = Field(description="Verdicts for the higher grade, of those between different grades.")
    expert_pairs: Share = Field(description="The same of pairs, each counted once by most of its verdicts.")
    inversions: tuple[DirectInversion, ...]
    zero_wins: tuple[str, ...]
    grade_pairs: tuple[GradePair, ...]
    position: PositionEffect
    consistency: Consistency
    verdicts: tuple[VerdictLine, ...]


class Run(Part):
    """What was asked, of whom, and what it cost."""

    batch_id: str
    assignment: str
    grade_scale: str
    grades: tuple[str, ...]
    design: str
    seed: int
    llm_batching_mode: str
    provider: str
    models: tuple[str, ...]
    judge_id: str
    prompt_template: str
    temperature: float | None
    max_output_tokens: int
    reasoning_effort: str | None
    output_verbosity: str | None
    reason_length: str
    n_requests: int
    n_succeeded: int
    n_failed: int
    n_expired: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None = Field(description="By the dated price list; what a simulated judge would have cost.")
    completed_at: str = Field(description="When the last outcome was recorded, UTC.")


class AlignmentReport(Part):
    """A whole report."""

    report_version: Literal["1.0"] = REPORT_VERSION
    is_simulated: bool
    notice: str | None
    run: Run
    blind_names: dict[str, str] = Field(description="Name of each anchor in the batch, by its label.")
    alignment: Alignment
