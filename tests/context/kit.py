"""A small assignment, as it is registered and as a folder, and batches that name it."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import yaml

from huleedu_pipeline.context import AnchorInput, AssignmentInput, ContextOrigin, WholeAssignment
from huleedu_pipeline.essays import Batch
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.providers.planning import plan_comparisons, plan_requests, planned_spec, register
from huleedu_pipeline.settings import Settings
from tests.kit import PUPILS

SCALE = "eng5_np_legacy_9_step"
INSTRUCTIONS = "Assess a letter of about 150 words."
PROMPT = "Write a letter to a friend about your summer."
RUBRIC = "Judge content, structure and language together."
OWN_SCALE = (
    "scales:\n  - scale_id: school_3_step\n    description: Our own\n    grades: ['1', '2', '3']\n    below_lowest: '0'\n"
)


def anchor_text(number: int) -> str:
    """Return a text of more than the least length, another one for each number."""
    return f"Letter number {number}. We swam in the lake every day and ate what my aunt had picked in the forest. " * 2


def anchor(label: str, grade: str, number: int, scale: str | None = None) -> AnchorInput:
    """Return an anchor to register."""
    return AnchorInput(label=label, grade=grade, text=anchor_text(number), grade_scale=scale)


def letter(origin: ContextOrigin = "research_experiment", scale: str = SCALE) -> AssignmentInput:
    """Return the assignment ``letter`` with its instructions alone."""
    return AssignmentInput(assignment_id="letter", instructions=INSTRUCTIONS, grade_scale=scale, context_origin=origin)


def whole(origin: ContextOrigin = "research_experiment") -> WholeAssignment:
    """Return the assignment ``letter`` with all that a batch needs."""
    anchors = (anchor("low", "F+", 1), anchor("middle", "C-", 2), anchor("high", "A", 3))
    return WholeAssignment(assignment=letter(origin), prompt=PROMPT, rubric=RUBRIC, anchors=anchors)


FOLDER = MappingProxyType(
    {
        "assignment.yaml": f"grade_scale: {SCALE}\ncontext_origin: research_experiment\n",
        "instructions.md": INSTRUCTIONS,
        "prompt.md": PROMPT,
        "rubric.md": RUBRIC,
        "anchors/low_F+.txt": anchor_text(1),
        "anchors/high_A.txt": anchor_text(2),
    }
)
NOTHING: Mapping[str, str | None] = MappingProxyType({})


def write_assignment(folder: Path, changes: Mapping[str, str | None] = NOTHING) -> Path:
    """Write an assignment's folder with some files changed, added, or (``None``) left out."""
    for name, text in {**FOLDER, **changes}.items():
        if text is not None:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return folder


def write(folder: Path, **spec: object) -> Path:
    """Write a batch folder of pupils' essays alone that names the assignment."""
    values = {"assignment_id": "letter", "max_comparisons": 12, **spec}
    (folder / "essays").mkdir(parents=True)
    (folder / "batch.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    for name, text in PUPILS.items():
        (folder / "essays" / f"{name}.txt").write_text(text, encoding="utf-8")
    return folder


def plan(ledger: Ledger, settings: Settings, batch: Batch) -> None:
    """Register a batch and record the requests of its first wave."""
    register(ledger, settings, batch)
    pairs = plan_comparisons(
        planned_spec(ledger, batch.spec.batch_id), batch.scale, {essay.essay_id: essay.anchor_grade for essay in batch.essays}
    )
    plan_requests(ledger, batch.spec.batch_id, pairs, {essay.essay_id: essay.text for essay in batch.essays})
