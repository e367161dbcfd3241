"""Rows of a batch of four graded anchors, and a whole report of one, as the alignment takes and makes them."""

from collections.abc import Sequence
from typing import Any

from huleedu_pipeline.eng5.alignment import KnownAnchor, align
from huleedu_pipeline.eng5.alignment_models import SIMULATED, AlignmentReport, Run
from huleedu_pipeline.grading.scales import BUILT_IN

SCALE = BUILT_IN["cefr_6_level"]
ANCHORS = {
    "essay_01": KnownAnchor("low", "A1"),
    "essay_02": KnownAnchor("mid", "B1"),
    "essay_03": KnownAnchor("mid-too", "B1"),
    "essay_04": KnownAnchor("high", "C1"),
}
# First shown, second shown, winner; None is a tie.
Verdict = tuple[str, str, str | None]
ALL_AS_GRADED: list[Verdict] = [
    ("low", "mid", "mid"),
    ("mid-too", "low", "mid-too"),
    ("low", "high", "high"),
    ("mid", "mid-too", "mid"),
    ("high", "mid", "high"),
    ("mid-too", "high", "high"),
]


def essay_rows() -> list[dict[str, Any]]:
    return [{"essay_id": name, "text_sha256": f"sha-{known.label}", "n_words": 100} for name, known in ANCHORS.items()]


def judgement_rows(verdicts: Sequence[Verdict], model: str = "emulated-gpt-6-luna") -> list[dict[str, Any]]:
    names = {known.label: name for name, known in ANCHORS.items()}
    return [
        {
            "custom_id": f"c{number}",
            "essay_a_id": names[first],
            "essay_b_id": names[second],
            "winner_essay_id": None if winner is None else names[winner],
            "outcome": "success",
            "p_a": 0.5 if winner is None else None,
            "confidence": 3.0,
            "justification": f"reason {number}",
            "is_contradictory": False,
            "judge_id": "j_1",
            "provider": "openai",
            "model": model,
            "wave": 1,
        }
        for number, (first, second, winner) in enumerate(verdicts, start=1)
    ]


def report(verdicts: Sequence[Verdict], batch_id: str = "one", *, is_simulated: bool = True) -> AlignmentReport:
    model = "emulated-gpt-6-luna" if is_simulated else "gpt-6-luna"
    return AlignmentReport(
        is_simulated=is_simulated,
        notice=SIMULATED if is_simulated else None,
        run=Run(
            batch_id=batch_id,
            assignment="a town",
            grade_scale=SCALE.scale_id,
            grades=SCALE.grades,
            design="full round robin, in one order",
            seed=1,
            llm_batching_mode="per_request",
            provider="openai",
            models=(model,),
            judge_id="j_1",
            prompt_template="default-1",
            temperature=0,
            max_output_tokens=600,
            reasoning_effort=None,
            output_verbosity=None,
            reason_length="short",
            n_requests=len(verdicts),
            n_succeeded=len(verdicts),
            n_failed=0,
            n_expired=0,
            input_tokens=1000,
            output_tokens=100,
            cost_usd=0.01,
            completed_at="2026-11-20T12:00:00+00:00",
        ),
        blind_names={known.label: name for name, known in ANCHORS.items()},
        alignment=align(essay_rows(), judgement_rows(verdicts, model), ANCHORS, SCALE),
    )
