"""A batch that names a registered assignment with a scale of the installation's own, judged and graded to the end."""

from pathlib import Path

import yaml

from huleedu_pipeline.context import AnchorInput, AssessmentContext, AssignmentInput, ScaleInput, TextInput, WholeAssignment
from huleedu_pipeline.essays.inbox import stage
from huleedu_pipeline.lake import Lake
from huleedu_pipeline.ledger import Ledger
from tests.graph.kit import Installation, tables_of
from tests.kit import PUPILS

GOOD = "Gradually, however, those quiet conversations with my coach altered how I regard mistakes; I had been ashamed of them. "
POOR = "my dog is nice he run and run and i run to. it is fun alot and my dog is nice and he is big and it eat alot of food. "
MIDDLE = "I want to write about my aunt. She works in a shop and she helps everybody who comes in there. She is always kind. "


def test_a_registered_assignment_is_judged_and_graded_on_its_own_scale(installation: Installation) -> None:
    ledger = Ledger(installation.settings.ledger_url)
    try:
        context = AssessmentContext(ledger)
        anchors = [
            AnchorInput(label=f"{grade}-{n}", grade=grade, text=text + f"Number {n}.")
            for grade, text in (("low", POOR), ("fair", MIDDLE), ("good", GOOD))
            for n in (1, 2)
        ]
        scale = ScaleInput(scale_id="own", description="Our own", grades=("low", "fair", "good"))
        assignment = AssignmentInput(assignment_id="person", instructions="Assess a short text.", grade_scale="own")
        texts = {"prompt": "Write about a person.", "rubric": "Judge language."}
        context.put_all(WholeAssignment(assignment=assignment, anchors=tuple(anchors), scales=(scale,), **texts), by="ada")
        folder: Path = installation.folder / "b1"
        (folder / "essays").mkdir(parents=True)
        (folder / "batch.yaml").write_text(yaml.safe_dump({"assignment_id": "person"}), encoding="utf-8")
        for name, text in PUPILS.items():
            (folder / "essays" / f"{name}.txt").write_text(text, encoding="utf-8")
        stage(folder, installation.settings.inbox_dir, context)
        installation.run("submit_batch", "b1")
        context.put_rubric("person", TextInput(text="Judge something else."), by="ada")
        installation.wait_for_provider("b1")
        installation.run("collect_batch", "b1")
        installation.run("submit_batch", "b1")
        assert ledger.batch("b1").assignment_version == 1
        assert len(ledger.jobs("b1")) == 1, "a new version of the assignment buys nothing for a batch that was submitted"
    finally:
        ledger.close()
    tables = tables_of(Lake(installation.settings.lake_dir))
    assert {row["anchor_grade"] for row in tables["essays"]} == {"low", "fair", "good", None}
    assert {row["grade_scale"] for row in tables["grade_projections"]} == {"own"}
    assert all(dict(row["grade_probabilities"]).keys() == {"low", "fair", "good"} for row in tables["grade_projections"])
