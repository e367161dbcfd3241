"""What judges see: the same text in the estimate, in the plan, in the request and after a dictionary has changed."""

import json
from pathlib import Path
from typing import Any

import pytest

from huleedu_pipeline.canonical import sha256_hex
from huleedu_pipeline.essays import Batch, read_batch
from huleedu_pipeline.essays.judgements import JudgementColumns, read_judgements
from huleedu_pipeline.ledger import Ledger, SpellCheckStatus
from huleedu_pipeline.ledger.schema import spell_checks
from huleedu_pipeline.providers import spelling
from huleedu_pipeline.providers.estimates import estimate_batch
from huleedu_pipeline.providers.human import record_judgements
from huleedu_pipeline.providers.planning import StaleEssaysError, plan_comparisons, plan_requests, planned_spec, register
from huleedu_pipeline.providers.rendering import render_folder, render_planned
from huleedu_pipeline.providers.spelling import SpellingNotCheckedError, planned_texts, spell_check_batch, with_spelling
from huleedu_pipeline.settings import Settings
from huleedu_pipeline.spelling import Correction, Rule, SpellCheck
from tests.human_kit import human_batch, write_judgements
from tests.kit import PUPILS, write_batch

MISSPELT = "becouse"


class Dictionary:
    """A dictionary that knows one misspelling and may come to know it better."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.suggestion = "because"
        self.n_checks = 0
        monkeypatch.setattr(spelling, "check_texts", self.check)
        spelling._checked.cache_clear()

    def check(self, texts: dict[str, str], **_: object) -> dict[str, SpellCheck]:
        self.n_checks += 1
        return {name: SpellCheck(tuple(self._corrections(text)), len(text.split())) for name, text in texts.items()}

    def _corrections(self, text: str) -> list[Correction]:
        start = text.find(MISSPELT)
        if start < 0:
            return []
        end = start + len(MISSPELT)
        return [Correction(start, end, MISSPELT, self.suggestion, Rule.LEARNER_ERROR, True, (self.suggestion,))]

    def becomes(self, suggestion: str) -> None:
        """Forget what was checked, as another process with another version of the dictionary has."""
        self.suggestion = suggestion
        spelling._checked.cache_clear()


@pytest.fixture
def dictionary(monkeypatch: pytest.MonkeyPatch) -> Dictionary:
    return Dictionary(monkeypatch)


def taken_in(ledger: Ledger, settings: Settings, folder: Path, **spec: Any) -> Batch:
    batch = read_batch(write_batch(folder, **spec))
    register(ledger, settings, batch)
    return batch


def plan(ledger: Ledger, batch: Batch) -> None:
    spec = planned_spec(ledger, "b1")
    pairs = plan_comparisons(spec, batch.scale, {essay.essay_id: essay.anchor_grade for essay in batch.essays})
    plan_requests(ledger, "b1", pairs, planned_texts(ledger, "b1", batch.essays))


def sent_of(ledger: Ledger, essay_id: str) -> set[str]:
    """Return every text under which an essay stands in the recorded requests."""
    fragments = ledger.fragments("b1")
    requests = ledger.requests("b1")
    ids = {r.fragment_a_id for r in requests if r.essay_a_id == essay_id}
    ids |= {r.fragment_b_id for r in requests if r.essay_b_id == essay_id}
    return {json.loads(f'"{fragments[one]}"') for one in ids}


def test_raw_texts_are_judged_as_they_were_written(
    ledger: Ledger, settings: Settings, tmp_path: Path, dictionary: Dictionary
) -> None:
    batch = taken_in(ledger, settings, tmp_path / "b1")
    plan(ledger, batch)
    (sent,) = sent_of(ledger, "bertil")
    assert PUPILS["bertil"] in sent
    assert (dictionary.n_checks, with_spelling(batch, ledger)) == (0, batch), "what is found changes nothing, so nothing waits"
    records = {record.essay_id: record for record in spell_check_batch(ledger, "b1", batch.essays)}
    assert records["bertil"].judged_sha256 == sha256_hex(PUPILS["bertil"])
    assert [c.suggestion for c in records["bertil"].check.corrections] == ["because"]  # type: ignore[union-attr]


def test_corrected_texts_are_the_same_in_estimate_folder_plan_and_request(
    ledger: Ledger, settings: Settings, tmp_path: Path, dictionary: Dictionary
) -> None:
    batch = taken_in(ledger, settings, tmp_path / "b1", judge_text="corrected")
    with pytest.raises(ValueError, match="their spelling has not been checked"):
        estimate_batch(batch, "provider_batch_api")
    with pytest.raises(SpellingNotCheckedError, match="batch b1: corrected texts are judged, and its spelling has not been"):
        plan(ledger, batch)
    dictionary.becomes("because of everything that has ever happened to her")
    longer = with_spelling(batch, ledger)
    dictionary.becomes("because")
    seen = with_spelling(batch, ledger)
    assert seen.judged_texts["bertil"] == PUPILS["bertil"].replace(MISSPELT, "because")
    tokens = [estimate_batch(one, "provider_batch_api").input_tokens for one in (seen, longer)]
    assert tokens[0] < tokens[1], "what is priced is what is judged"
    spell_check_batch(ledger, "b1", batch.essays)
    plan(ledger, batch)
    folder = [render_folder(seen, n, "provider_batch_api", is_emulated=True) for n in range(1, 29)]
    assert folder == [render_planned(ledger, "b1", n) for n in range(1, 29)]
    (sent,) = sent_of(ledger, "bertil")
    assert "because she want it" in sent
    assert MISSPELT not in sent


def test_a_newer_dictionary_does_not_change_the_texts_of_a_batch_under_way(
    ledger: Ledger, settings: Settings, tmp_path: Path, dictionary: Dictionary
) -> None:
    batch = taken_in(ledger, settings, tmp_path / "b1", judge_text="corrected")
    first = spell_check_batch(ledger, "b1", batch.essays)
    texts = planned_texts(ledger, "b1", batch.essays)
    plan(ledger, batch)
    dictionary.becomes("be-cause")
    assert with_spelling(read_batch(tmp_path / "b1"), None).judged_texts != texts, "a new batch is checked by the new one"
    register(ledger, settings, read_batch(tmp_path / "b1"))
    assert spell_check_batch(ledger, "b1", batch.essays) == first
    assert planned_texts(ledger, "b1", batch.essays) == with_spelling(batch, ledger).judged_texts == texts
    n_fragments = len(ledger.fragments("b1"))
    plan(ledger, batch)
    assert len(ledger.fragments("b1")) == n_fragments
    (sent,) = sent_of(ledger, "bertil")
    assert "because" in sent


def test_a_record_that_does_not_give_its_text_any_more_is_refused_before_anything_is_asked(
    ledger: Ledger, settings: Settings, tmp_path: Path, dictionary: Dictionary
) -> None:
    batch = taken_in(ledger, settings, tmp_path / "b1", judge_text="corrected")
    spell_check_batch(ledger, "b1", batch.essays)
    with ledger.engine.begin() as connection:
        connection.execute(spell_checks.update().where(spell_checks.c.essay_id == "bertil").values(corrections="[]"))
    with pytest.raises(SpellingNotCheckedError, match="what is recorded of the spelling of bertil does not give the text"):
        plan(ledger, batch)
    assert ledger.requests("b1") == []


def test_other_essays_are_refused(ledger: Ledger, settings: Settings, tmp_path: Path, dictionary: Dictionary) -> None:
    batch = taken_in(ledger, settings, tmp_path / "b1")
    (tmp_path / "b1" / "essays" / "anna.txt").write_text("Another text.", encoding="utf-8")
    other = read_batch(tmp_path / "b1")
    for refuse in (spell_check_batch, planned_texts):
        with pytest.raises(StaleEssaysError):
            refuse(ledger, "b1", other.essays)
    assert dictionary.n_checks == 0
    spell_check_batch(ledger, "b1", batch.essays)
    register(ledger, settings, other)
    assert ledger.spell_checks("b1") == [], "what was found goes with the text that it was found in"


def test_a_skipped_check_is_recorded_with_the_texts_as_they_were_written(
    ledger: Ledger, settings: Settings, tmp_path: Path, dictionary: Dictionary
) -> None:
    batch = taken_in(ledger, settings, tmp_path / "b1", spellcheck=False)
    records = spell_check_batch(ledger, "b1", batch.essays)
    assert {record.status for record in records} == {SpellCheckStatus.SKIPPED}
    assert {record.judged_sha256 for record in records} == {essay.text_sha256 for essay in batch.essays}
    assert dictionary.n_checks == 0


def test_people_judge_the_text_that_the_batch_names(
    ledger: Ledger, settings: Settings, tmp_path: Path, dictionary: Dictionary
) -> None:
    batch = read_batch(human_batch(tmp_path / "b1", judge_text="corrected"))
    register(ledger, settings, batch)
    source = write_judgements(tmp_path / "judged.csv", [("anna", "bertil", "anna", "Ada", "")])
    columns = JudgementColumns("left", "right", "better", "teacher", "why")
    record_judgements(ledger, batch, read_judgements(source, batch, columns), source.name)
    assert sent_of(ledger, "bertil") == {PUPILS["bertil"].replace(MISSPELT, "because")}
    dictionary.becomes("be-cause")
    more = write_judgements(tmp_path / "more.csv", [("bertil", "cilla", "cilla", "Ada", "")])
    record_judgements(ledger, batch, read_judgements(more, batch, columns), more.name)
    assert sent_of(ledger, "bertil") == {PUPILS["bertil"].replace(MISSPELT, "because")}


def test_a_batch_that_names_neither_is_still_the_same_batch(tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "b1")
    plain = read_batch(folder).content_sha256
    text = (folder / "batch.yaml").read_text(encoding="utf-8")
    for more, is_same in (
        ("spellcheck: on\njudge_text: raw", True),
        ("spellcheck: off", False),
        ("judge_text: corrected", False),
    ):
        (folder / "batch.yaml").write_text(f"{text}{more}\n", encoding="utf-8")
        assert (read_batch(folder).content_sha256 == plain) is is_same
