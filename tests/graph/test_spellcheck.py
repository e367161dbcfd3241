"""The spell check through the real graph: tables, phases, skipping, what judges get, and what its checks find."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets import spelling as stage
from assets.grading import _as_judged
from huleedu_pipeline.edits import Edit, apply_edits, undo_edits
from huleedu_pipeline.lake import Lake, open_warehouse
from huleedu_pipeline.lake.tables import ESSAYS, SPELL_CORRECTIONS, SPELLCHECKED_ESSAYS
from huleedu_pipeline.ledger import BatchStatus, Ledger
from huleedu_pipeline.ledger.phases import client_status, phase_of
from huleedu_pipeline.providers import spelling
from huleedu_pipeline.spelling import SpellCheck, check_texts
from tests.graph.kit import Installation
from tests.graph.test_checks import evaluate, rows_of
from tests.graph.test_main_job import failures
from tests.kit import ANCHORS, PUPILS
from tests.lake.kit import a_row

N_ESSAYS = len(PUPILS) + len(ANCHORS)
Rows = list[dict[str, Any]]


def tables(installation: Installation) -> tuple[dict[str, str], Rows, Rows]:
    """Return the texts as written, and both tables of the spell check."""
    lake = Lake(installation.settings.lake_dir)
    texts = {row["essay_id"]: row["text"] for row in lake.read_rows(ESSAYS, "b1")}
    return texts, lake.read_rows(SPELLCHECKED_ESSAYS, "b1"), lake.read_rows(SPELL_CORRECTIONS, "b1")


def shown(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    (event,) = [e for e in result.get_asset_materialization_events() if e.asset_key == dg.AssetKey(asset)]
    return {name: value.value for name, value in event.materialization.metadata.items()}


def standing(installation: Installation) -> tuple[str | None, str]:
    """Return the phase of the batch and what a client is shown."""
    ledger = Ledger(installation.settings.ledger_url)
    try:
        status, checks = ledger.batch("b1").status, ledger.spell_check_states("b1")
        return phase_of(status, N_ESSAYS, checks), client_status(status, checks)
    finally:
        ledger.close()


def test_a_batch_passes_through_its_spell_check_to_its_comparisons(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str | None, str]] = []

    def looking(texts: Mapping[str, str], **more: Any) -> dict[str, SpellCheck]:
        seen.append(standing(installation))
        return check_texts(texts, **more)

    monkeypatch.setattr(spelling, "check_texts", looking)
    spelling._checked.cache_clear()
    installation.drop("b1")
    result = installation.run("submit_batch", "b1")
    assert seen == [("spellcheck", "processing")]
    assert standing(installation) == ("cj_assessment", "processing")
    texts, essays, corrections = tables(installation)
    assert {row["essay_id"] for row in essays} == texts.keys()
    assert {(row["status"], row["judge_text"]) for row in essays} == {("completed", "raw")}
    for row in essays:
        mine = [one for one in corrections if one["essay_id"] == row["essay_id"] and one["is_applied"]]
        edits = [Edit(one["start"], one["end"], one["original"], one["suggestion"]) for one in mine]
        assert apply_edits(texts[row["essay_id"]], edits) == row["text_corrected"]
        assert undo_edits(row["text_corrected"], edits) == texts[row["essay_id"]]
        assert len(mine) == row["total_corrections"] == row["l2_dictionary_corrections"] + row["spellchecker_corrections"]
    numbers = shown(result, "spellchecked_essays")
    assert numbers["total_corrections"] == sum(row["total_corrections"] for row in essays) > 0
    assert numbers["n_completed"] == N_ESSAYS
    checks = {c.check_name: c for c in result.get_asset_check_evaluations()}
    assert checks["corrections_fit_their_text"].passed
    assert checks["spelling_plausible"].passed
    installation.wait_for_provider("b1")
    installation.run("collect_batch", "b1")
    assert standing(installation) == (None, "completed_successfully")
    assert seen == [("spellcheck", "processing")], "a batch is checked once"
    with open_warehouse(installation.settings.warehouse_path) as warehouse:
        beside = warehouse.frame("spelling_and_rank", "b1")
        assert warehouse.sql('SELECT count(*) AS n FROM spell_corrections WHERE "end" > start').iloc[0]["n"] == len(corrections)
    assert set(beside["file_name"]) == {f"{name}.txt" for name in texts}
    assert beside["theta"].notna().all()
    told = "".join(
        repr(record) for run in installation.instance.get_runs() for record in installation.instance.all_logs(run.run_id)
    )
    assert [word for word in ("becouse", "alot") if word in told] == [], "words of pupils are in Dagster's log"


def test_judges_get_the_corrected_texts_where_the_batch_says_so(installation: Installation) -> None:
    installation.drop("b1", judge_text="corrected")
    installation.run("submit_batch", "b1")
    _, essays, _ = tables(installation)
    corrected = {row["essay_id"]: row["text_corrected"] for row in essays}
    assert corrected["bertil"] != PUPILS["bertil"]
    ledger = Ledger(installation.settings.ledger_url)
    try:
        sent = [(r, json.loads(ledger.body(r.custom_id))["input"][0]["content"]) for r in ledger.requests("b1")]
    finally:
        ledger.close()
    assert len(sent) == N_ESSAYS * (N_ESSAYS - 1) // 2
    for request, parts in sent:
        assert corrected[request.essay_a_id] in parts[1]["text"]
        assert corrected[request.essay_b_id] in parts[2]["text"]
        assert "becouse" not in json.dumps(parts)
    ledger = Ledger(installation.settings.ledger_url)
    try:
        with ledger.engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM spell_checks")
    finally:
        ledger.close()
    (message,) = failures(installation.run("collect_batch", "b1", raise_on_error=False))
    assert "corrected texts are judged, and its spelling has not been checked (materialise spellchecked_essays" in message


def test_a_skipped_spell_check_is_shown_as_skipped(installation: Installation) -> None:
    installation.drop("b1", spellcheck=False)
    result = installation.run("submit_batch", "b1")
    texts, essays, corrections = tables(installation)
    assert corrections == []
    assert {(row["status"], row["text_corrected"], row["total_corrections"], row["correction_density"]) for row in essays} == {
        ("skipped", None, None, None)
    }
    assert {row["essay_id"]: row["word_count"] for row in essays} == {name: len(text.split()) for name, text in texts.items()}
    assert shown(result, "spellchecked_essays")["status"] == shown(result, "spell_corrections")["status"] == "skipped"
    assert "total_corrections" not in shown(result, "spellchecked_essays"), "nothing was counted, and that is not 0"
    checks = {c.check_name: c for c in result.get_asset_check_evaluations()}
    assert checks["spelling_plausible"].description == "skipped"
    assert standing(installation) == ("cj_assessment", "processing")


def test_corrections_that_do_not_fit_are_found_and_keep_the_batch_from_being_asked(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows_as_they_are = stage._correction_rows

    def spoilt(*arguments: Any) -> Rows:
        return [{**row, "end": row["end"] + 1} for row in rows_as_they_are(*arguments)]

    monkeypatch.setattr(stage, "_correction_rows", spoilt)
    installation.drop("b1")
    result = installation.run("submit_batch", "b1", raise_on_error=False)
    check = next(c for c in result.get_asset_check_evaluations() if c.check_name == "corrections_fit_their_text")
    assert (result.success, check.passed) == (False, False)
    assert "bertil" in {row["essay"] for row in rows_of(check)}
    assert all("is not what the edit replaces" in row["why"] for row in rows_of(check))
    ledger = Ledger(installation.settings.ledger_url)
    try:
        assert (ledger.requests("b1"), ledger.batch("b1").status) == ([], BatchStatus.PENDING)
    finally:
        ledger.close()
    # The tables themselves, one fault after another.
    lake = Lake(installation.settings.lake_dir)
    _, essays, corrections = tables(installation)
    whole = [{**row, "end": row["end"] - 1} for row in corrections]
    last = whole[-1]
    faults: list[tuple[Rows, Rows, str | None]] = [
        (essays, whole, None),
        (essays, [*whole[:-1], {**last, "original": "x" * len(last["original"])}], "is not what the edit replaces"),
        (essays, [*whole[:-1], {**last, "start": 0, "end": len(last["original"])}], "is not what the edit replaces"),
        (essays, [*whole, {**last, "start": last["start"] + 1, "original": last["original"][1:]}], "two edits overlap"),
        (essays, [*whole[:-1], {**last, "suggestion": "elephant"}], "text_corrected is another text"),
        ([{**row, "text_sha256": "0" * 64} for row in essays], whole, "text_sha256 is of another text"),
        (essays[:-1], whole, "is in one of the two tables only"),
    ]
    for some, found, why in faults:
        lake.write_rows(SPELLCHECKED_ESSAYS, "b1", some)
        lake.write_rows(SPELL_CORRECTIONS, "b1", found)
        again = evaluate(installation.settings, stage.corrections_fit_their_text)
        assert again.passed is (why is None), why
        assert why is None or why in rows_of(again)[0]["why"]
        assert last["original"] not in str(again.metadata)
    lake.write_rows(SPELLCHECKED_ESSAYS, "b1", essays)
    for row, words, density in zip(essays, (20, 400, 19, 400), (25.1, 60.0, 90.0, 25.0), strict=False):
        row.update(word_count=words, correction_density=density)
    lake.write_rows(SPELLCHECKED_ESSAYS, "b1", essays)
    odd = evaluate(installation.settings, stage.spelling_plausible)
    assert (odd.passed, odd.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert [row["essay"] for row in rows_of(odd)] == [essays[1]["essay_id"], essays[0]["essay_id"]]
    assert (odd.description or "").startswith(
        f"2 texts have more than 25 corrections in 100 words, most of all {essays[1]['essay_id']}: 60.0 (look whether"
    )


def test_an_anchor_is_the_same_text_as_before_only_where_judges_saw_the_same(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    essays = [a_row(ESSAYS, essay_id=name, text_sha256=name * 8) for name in ("a", "b")]
    lake.write_rows(ESSAYS, "b1", essays)
    assert [row["text_sha256"] for row in _as_judged(lake, "b1")] == ["a" * 8, "b" * 8], "of a batch without a spell check"
    checked = [a_row(SPELLCHECKED_ESSAYS, essay_id=name, text_sha256=sha) for name, sha in (("b", "c" * 8), ("a", "a" * 8))]
    lake.write_rows(SPELLCHECKED_ESSAYS, "b1", checked)
    assert [row["text_sha256"] for row in _as_judged(lake, "b1")] == ["a" * 8, "c" * 8]
