"""The judge of a batch that names a registered assignment: what it reads, and that it is held against the manifest."""

from itertools import product
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from huleedu_pipeline.cli.app import app
from huleedu_pipeline.context import AssessmentContext
from huleedu_pipeline.essays import IntakeError, check_judge, read_batch
from huleedu_pipeline.judging import overrides
from huleedu_pipeline.judging.batching import BATCH_API
from huleedu_pipeline.judging.manifest import manifest
from huleedu_pipeline.judging.templates import template_names
from huleedu_pipeline.ledger import BatchStatus, Ledger
from huleedu_pipeline.providers.estimates import estimate_batch
from huleedu_pipeline.providers.planning import register
from huleedu_pipeline.providers.rendering import render_folder, render_planned
from huleedu_pipeline.settings import Settings
from tests.context.kit import INSTRUCTIONS, PROMPT, RUBRIC, anchor, letter, plan, whole, write

JUDGES: list[dict[str, Any]] = [
    {"provider": provider, "api": api, "prompt_template": template}
    for (provider, api), template in product(
        [("openai", "responses"), ("openai", "chat_completions"), ("openai", "decisions"), ("anthropic", "responses")],
        template_names(),
    )
]


@pytest.mark.parametrize("judge", JUDGES, ids=lambda judge: "-".join(judge.values()))
def test_the_assignment_reaches_the_judge_through_every_template_and_nothing_else_of_it_does(
    judge: dict[str, Any], tmp_path: Path, book: Ledger, context: AssessmentContext, settings: Settings
) -> None:
    assignment = letter().model_copy(update={"assignment_id": "qzlettreqz"})
    anchors = [anchor(f"qz{grade}{n}qz", grade, n) for n, grade in enumerate(("F+", "C-", "A"), start=1)]
    registered = whole().model_copy(update={"assignment": assignment, "anchors": tuple(anchors)})
    context.put_all(registered, by="qzadaqz")
    folder = write(tmp_path / "b1", assignment_id="qzlettreqz", llm_batching_mode="per_request", waves=1, judge=judge)
    batch = read_batch(folder, context)
    plan(book, settings, batch)
    requests = book.requests("b1")
    assert {one.label for one in anchors} <= {name for request in requests for name in (request.essay_a_id, request.essay_b_id)}
    for number, request in enumerate(requests, start=1):
        body = book.body(request.custom_id)
        assert [text in body for text in (PROMPT, INSTRUCTIONS, RUBRIC)] == [True, True, True]
        assert "qz" not in body.lower()
        assert str(batch.spec.grade_scale) not in body
        assert render_folder(batch, number, BATCH_API, is_emulated=True) == render_planned(book, "b1", number)


def test_what_would_be_sent_is_shown_of_a_folder_that_names_an_assignment(
    tmp_path: Path, ledger: Ledger, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = AssessmentContext(ledger)
    context.put_all(whole(), by="ada")
    monkeypatch.setenv("HULEEDU_HOME", str(settings.home))
    folder = write(tmp_path / "b1")
    shown = CliRunner().invoke(app, ["prompts", "render", str(folder), "--pair", "2", "--format", "json"])
    assert shown.stdout == render_folder(read_batch(folder, context), 2, BATCH_API, is_emulated=True).body + "\n"
    assert INSTRUCTIONS in shown.stdout
    assert ledger.batches() == []


def test_a_judge_that_the_manifest_speaks_against_is_refused_before_anything_is_recorded(
    tmp_path: Path, book: Ledger, context: AssessmentContext, settings: Settings
) -> None:
    context.put_all(whole(), by="ada")
    batch = read_batch(write(tmp_path / "b1", judge={"model": "gpt-6-lunar"}), context)
    for refuse in (check_judge, lambda batch: estimate_batch(batch, BATCH_API), lambda batch: register(book, settings, batch)):
        with pytest.raises(IntakeError, match=r"batch b1: batch\.yaml: judge: model 'gpt-6-lunar' is not in the manifest"):
            refuse(batch)
    assert book.batches() == []


@pytest.mark.parametrize("how", ["planned", "ended without a request"])
def test_a_batch_that_keeps_its_version_is_not_held_against_a_newer_manifest(
    how: str, tmp_path: Path, book: Ledger, context: AssessmentContext, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    context.put_all(whole(), by="ada")
    folder = write(tmp_path / "b1", judge={"model": "gpt-6-sol"})
    batch = read_batch(folder, context)
    register(book, settings, batch)
    models = {name: entry for name, entry in manifest().models.items() if name != "gpt-6-sol"}
    newer = manifest().model_copy(update={"models": models})
    with monkeypatch.context() as later:
        later.setattr(overrides, "manifest", lambda: newer)
        with pytest.raises(IntakeError, match="is not in the manifest"):
            register(book, settings, read_batch(folder, context))
    if how == "planned":
        plan(book, settings, batch)
    else:
        book.move_batch("b1", BatchStatus.CANCELLED)
    monkeypatch.setattr(overrides, "manifest", lambda: newer)
    assert register(book, settings, read_batch(folder, context)).assignment_version == 1
