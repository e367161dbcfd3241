"""A small assignment, as it is registered and as a folder."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from huleedu_pipeline.context import AnchorInput, AssignmentInput, ContextOrigin, WholeAssignment

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
