"""Rows of a batch of four graded anchors, a whole report of one, and a run's folder without what differs from run to run."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from huleedu_pipeline.eng5.alignment import KnownAnchor, align
from huleedu_pipeline.eng5.alignment_models import SIMULATED, AlignmentReport, Run
from huleedu_pipeline.eng5.artefact import REPLIES, REQUESTS, encoded, lines_of
from huleedu_pipeline.grading.scales import BUILT_IN

RUN = "assessment_run.dry-run.json"
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


# What differs between two runs of the same thing: instants, and a provider's ids. What is sealed follows from them.
TIMES = frozenset({"generated_at", "started_at", "completed_at", "received_at", "created", "created_at"})
SEALS = frozenset({"artefact_checksum", "manifest"})
IDS_OF_REPLIES = frozenset({"id", "request_id"})


def masked(value: Any, names: frozenset[str]) -> Any:
    """Return JSON without the fields of these names, at any depth."""
    if isinstance(value, dict):
        return {name: masked(one, names) for name, one in value.items() if name not in names}
    return [masked(one, names) for one in value] if isinstance(value, list) else value


def run_of(folder: Path) -> tuple[bytes, bytes, list[Any]]:
    """Return all that a run's folder holds: its requests, and its artefact and replies without times and ids."""
    document = json.loads((folder / RUN).read_bytes())
    named = {kind: lines_of(document, kind) for kind in (REQUESTS, REPLIES)}
    assert {path.name for path in folder.iterdir()} == {RUN, *named.values()}
    requests, replies = (gzip.decompress((folder / str(named[kind])).read_bytes()) for kind in (REQUESTS, REPLIES))
    rows = [json.loads(line) for line in replies.splitlines()]
    bodies = [masked(json.loads(row["body"]), TIMES | IDS_OF_REPLIES) for row in rows]
    told = [masked({**row, "body": body}, TIMES) for row, body in zip(rows, bodies, strict=True)]
    return encoded(masked(document, TIMES | SEALS)), requests, told
