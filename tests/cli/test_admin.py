"""`huleedu admin` as a user types it: tables for eyes, JSON for machines, and refusals that say what to do."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from huleedu_pipeline.cli.app import app
from huleedu_pipeline.context import ConflictError, InvalidInputError, NotFoundError
from huleedu_pipeline.essays.template import TemplateError
from tests.cli.kit import huleedu
from tests.context.kit import OWN_SCALE, PROMPT, RUBRIC, SCALE, anchor_text, write_assignment


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HULEEDU_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LOGNAME", "ada")


def admin(*arguments: str | Path) -> str:
    """Run a command in this process and return what it prints; its error, if it has one, is raised."""
    result: Result = CliRunner().invoke(app, ["admin", *map(str, arguments)])
    if result.exception is not None:
        raise result.exception
    return result.stdout


def as_json(*arguments: str | Path) -> Any:
    return json.loads(admin(*arguments, "--format", "json"))


def file(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_an_assignment_is_built_step_by_step_and_says_what_is_missing(tmp_path: Path) -> None:
    instructions = file(tmp_path, "instructions.md", "Assess a letter.")
    told = admin("instructions", "create", "letter", instructions, "--grade-scale", SCALE, "--origin", "canonical_national")
    assert told.splitlines() == [
        "assignment letter: instructions are registered; it stands at version 1",
        "  no student prompt yet: huleedu admin prompts register letter FILE",
        "  no rubric yet: huleedu admin rubrics register letter FILE",
        f"  no anchors on {SCALE} yet; a batch is ranked without them, and gets no grades",
    ]
    admin("prompts", "register", "letter", file(tmp_path, "prompt.md", PROMPT))
    admin("rubrics", "register", "letter", file(tmp_path, "rubric.md", RUBRIC), "--by", "bo")
    told = admin("anchors", "register", "letter", file(tmp_path, "first.txt", anchor_text(1)), "--grade", "B")
    assert told == "assignment letter: anchor first is registered; it stands at version 4\n"
    (tmp_path / "more").mkdir()
    file(tmp_path / "more", "second_A.txt", anchor_text(2))
    assert as_json("anchors", "import-dir", "letter", tmp_path / "more")["version"] == 5
    assert (admin("prompts", "get", "letter"), admin("rubrics", "get", "letter")) == (f"{PROMPT}\n", f"{RUBRIC}\n")
    assert [(one["label"], one["grade"], "text" in one) for one in as_json("anchors", "list", "letter")] == [
        ("first", "B", False),
        ("second_A", "A", False),
    ]
    assert admin("anchors", "get", "letter", "first") == anchor_text(1).strip() + "\n"
    assert "version 6" in admin("anchors", "delete", "letter", "first")
    assert as_json("anchors", "get", "letter", "first", "--version", "5")["grade"] == "B"
    with pytest.raises(NotFoundError, match="version 1 has no rubric"):
        admin("rubrics", "get", "letter", "--version", "1")
    with pytest.raises(ConflictError, match="its rubric can not be replaced"):
        admin("rubrics", "register", "letter", file(tmp_path, "other.md", "Judge the language."))
    history = as_json("history", "letter")
    assert [(one["actor"], one["action"], one["version"]) for one in history] == [
        ("ada", "create", 1),
        ("ada", "change", 2),
        ("bo", "change", 3),
        ("ada", "change", 4),
        ("ada", "change", 5),
        ("ada", "change", 6),
    ]
    assert "anchors deleted: first" in admin("history")
    assert [one["version"] for one in as_json("history", "--by", "bo")] == [3]
    assert [one["version"] for one in as_json("history", "--action", "create", "--since", "1h")] == [1]
    assert as_json("history", "letter", "--since", "2999-01-01") == []


def test_a_folder_is_registered_whole_and_listed(tmp_path: Path) -> None:
    folder = write_assignment(tmp_path / "letter")
    assert "it stands at version 1" in admin("import-dir", folder)
    assert "it stands at version 1" in admin("import-dir", folder)
    for table in (admin("instructions", "list"), admin("prompts", "list"), admin("rubrics", "list")):
        assert "letter" in table
        assert SCALE in table
    assert as_json("instructions", "list", "--grade-scale", "cefr_6_level")["assignments"] == []
    shown = admin("instructions", "get", "letter")
    assert all(text in shown for text in (PROMPT, RUBRIC, "high_A", "version 1 (current)"))
    assert "Letter number" not in shown, "the anchors' texts are shown by `anchors get` alone"
    assert as_json("instructions", "get", "letter")["prompt"] == PROMPT
    assert "restores it" in admin("instructions", "delete", "letter")
    assert "No assignment is registered" in admin("instructions", "list")
    assert "version 1 (deleted)" in admin("instructions", "get", "letter", "--version", "1")
    assert "it stands at version 1" in admin("import-dir", folder)


def test_own_scales_are_registered_from_a_file(tmp_path: Path) -> None:
    scales = file(tmp_path, "scales.yaml", OWN_SCALE)
    assert "1 2 3" in admin("scales", "register", scales)
    assert as_json("scales", "register", scales) == [as_json("scales", "get", "school_3_step")]
    assert [one["scale_id"] for one in as_json("scales", "list")][-1] == "school_3_step"
    assert "Our own" in admin("scales", "get", "school_3_step")
    assert admin("scales", "delete", "school_3_step") == "scale school_3_step: deleted\n"
    admin("scales", "register", scales)
    assert as_json("scales", "delete", "school_3_step") == {"scale_id": "school_3_step", "is_deleted": True}
    assert "school_3_step" not in admin("scales", "list")


def test_a_folder_for_a_batch_that_takes_everything_from_an_assignment(tmp_path: Path) -> None:
    batch = tmp_path / "my-class"
    init = ["init", str(batch), "--assignment-id", "letter"]
    result = CliRunner().invoke(app, init)
    assert isinstance(result.exception, NotFoundError)
    assert not batch.exists()
    admin("import-dir", write_assignment(tmp_path / "letter"))
    assert CliRunner().invoke(app, init).exit_code == 0
    assert sorted(path.name for path in batch.iterdir()) == ["batch.yaml", "essays"]
    assert isinstance(CliRunner().invoke(app, init).exception, TemplateError)
    for number in range(3):
        file(batch / "essays", f"pupil_{number}.txt", f"I wrote letter {number} to my friend about the lake.")
    told = CliRunner().invoke(app, ["estimate", str(batch)])
    assert told.stdout.startswith("batch my-class: 10 comparisons by gpt-6-luna")


def test_a_bad_input_is_named_with_its_file_and_the_remedy(home: Path, tmp_path: Path) -> None:
    empty = file(tmp_path, "empty.md", " ")
    refused = huleedu(home, "admin", "instructions", "create", "A B", empty, "--grade-scale", SCALE)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "error: empty.md: has no words (write the text)\n"
    with pytest.raises(InvalidInputError, match="assignment A B: assignment_id: 'A B' can not name an assignment"):
        admin("instructions", "create", "A B", file(tmp_path, "i.md", "Assess a letter."), "--grade-scale", SCALE)
    with pytest.raises(InvalidInputError, match="assignment letter: grade_scale: 'eng5' is not a known scale"):
        admin("instructions", "create", "letter", tmp_path / "i.md", "--grade-scale", "eng5")
    with pytest.raises(InvalidInputError, match=r"nowhere\.md: can not be read: No such file"):
        admin("prompts", "register", "letter", tmp_path / "nowhere.md")
    with pytest.raises(InvalidInputError, match=r"i\.md: has 16 characters, and 100 are the least"):
        admin("anchors", "register", "letter", tmp_path / "i.md", "--grade", "A")
