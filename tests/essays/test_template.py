"""The template of `huleedu init`: it documents every field, means all defaults, and overwrites nothing."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from huleedu_pipeline.essays import IntakeError, read_batch
from huleedu_pipeline.essays.batch_folder import read_spec
from huleedu_pipeline.essays.spec import BatchSpec, parse_spec
from huleedu_pipeline.essays.template import TemplateError, batch_yaml, write_template
from huleedu_pipeline.judging.spec import JudgeSettings


def prose(text: str) -> str:
    """Return the comments of a YAML text as running words."""
    return " ".join(re.sub(r"^\s*#", "", line).strip() for line in text.splitlines())


def test_the_template_as_it_stands_means_all_defaults(tmp_path: Path) -> None:
    write_template(tmp_path / "class-7b")
    assert read_spec(tmp_path / "class-7b") == BatchSpec(batch_id="class-7b")


def test_the_lines_that_are_commented_out_show_the_defaults(tmp_path: Path) -> None:
    write_template(tmp_path)
    text = (tmp_path / "batch.yaml").read_text(encoding="utf-8")
    names = "|".join([*BatchSpec.model_fields, *JudgeSettings.model_fields])
    uncommented = re.sub(rf"^( *)# ((?:{names}):)(?= |$)", r"\1\2", text, flags=re.MULTILINE)
    uncommented = uncommented.replace("batch_id: null", "batch_id: class-7b")
    assert parse_spec(uncommented, default_batch_id="other") == BatchSpec(batch_id="class-7b")
    for name in {*BatchSpec.model_fields, *JudgeSettings.model_fields}:
        assert re.search(rf"^ *{name}:", uncommented, flags=re.MULTILINE), name


@pytest.mark.parametrize("model", [BatchSpec, JudgeSettings])
def test_every_field_stands_in_the_template_with_its_description(tmp_path: Path, model: type[BaseModel]) -> None:
    write_template(tmp_path)
    text = (tmp_path / "batch.yaml").read_text(encoding="utf-8")
    for name, field in model.model_fields.items():
        assert field.description
        assert prose(field.description) in prose(text)
        assert re.search(rf"^ *# {name}:", text, flags=re.MULTILINE), name


def test_lines_fit_an_editor(tmp_path: Path) -> None:
    for path in write_template(tmp_path):
        assert max(map(len, path.read_text(encoding="utf-8").splitlines())) <= 128


def test_with_two_essays_the_template_is_a_batch(tmp_path: Path) -> None:
    folder = tmp_path / "class-7b"
    made = write_template(folder)
    assert made == [folder / "batch.yaml", folder / "prompt.md", folder / "rubric.md"]
    with pytest.raises(IntakeError, match="essays/: holds 0 pupils' essays"):
        read_batch(folder)
    for name in ("anna", "bo"):
        (folder / "essays" / f"{name}.txt").write_text(f"An essay by {name}.")
    assert [essay.essay_id for essay in read_batch(folder).essays] == ["anna", "bo"]


@pytest.mark.parametrize("taken", ["batch.yaml", "rubric.md", "prompt.md"])
def test_nothing_is_overwritten_and_nothing_else_is_written(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).write_text("mine")
    with pytest.raises(TemplateError) as refused:
        write_template(tmp_path)
    assert str(refused.value) == f"{tmp_path / taken}: exists already (choose another folder, or move it away)"
    assert [path.name for path in tmp_path.rglob("*")] == [taken]
    assert (tmp_path / taken).read_text() == "mine"


def test_values_that_are_given_are_set_and_the_rest_is_documented() -> None:
    values = {"batch_id": "klass-7å".replace("å", "a"), "assignment": "Ord: en 'saga'", "judge": {"provider": "anthropic"}}
    text = batch_yaml(values)
    spec = parse_spec(text, default_batch_id="other")
    assert (spec.batch_id, spec.assignment, spec.judge.provider) == ("klass-7a", "Ord: en 'saga'", "anthropic")
    assert "# seed: 1" in text
    assert "  # max_output_tokens: 600" in text
