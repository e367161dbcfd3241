"""Spell checks in the ledger: the first result stands, and goes only with the content that it is of."""

import pytest

from huleedu_pipeline.ledger import Ledger, SpellCheckRecord, SpellCheckStatus, StaleStateError
from huleedu_pipeline.spelling import Correction, Rule, SpellCheck
from tests.ledger.test_store import plan, register

CORRECTIONS = (
    Correction(0, 4, "alot", "a lot", Rule.LEARNER_ERROR, True, ("a lot",)),
    Correction(5, 9, "åäö\n", "", Rule.DICTIONARY, False, ()),
)


def result(*corrections: Correction) -> list[SpellCheckRecord]:
    check = SpellCheck(corrections, 7)
    return [SpellCheckRecord(name, SpellCheckStatus.COMPLETED, name * 64, check) for name in "ab"]


def content_of(ledger: Ledger) -> str:
    return ledger.batch("b1").content_sha256


def test_what_was_found_comes_back_as_it_was(ledger: Ledger) -> None:
    register(ledger)
    assert (ledger.spell_checks("b1"), ledger.spell_check_states("b1")) == ([], [])
    ledger.begin_spell_check("b1", content_of(ledger), ["a", "b"])
    assert ledger.spell_check_states("b1") == [SpellCheckStatus.PROCESSING] * 2
    assert [record.check for record in ledger.spell_checks("b1")] == [None, None]
    assert ledger.record_spell_check("b1", content_of(ledger), result(*CORRECTIONS)) == result(*CORRECTIONS)
    assert ledger.spell_checks("b1") == result(*CORRECTIONS)
    assert ledger.spell_check_states("b1") == [SpellCheckStatus.COMPLETED] * 2


def test_the_first_result_stands(ledger: Ledger) -> None:
    register(ledger)
    ledger.record_spell_check("b1", content_of(ledger), result(*CORRECTIONS))
    ledger.begin_spell_check("b1", content_of(ledger), ["a", "b"])
    assert ledger.record_spell_check("b1", content_of(ledger), result()) == result(*CORRECTIONS)
    assert ledger.spell_checks("b1") == result(*CORRECTIONS)


def test_a_check_that_broke_off_is_made_again(ledger: Ledger) -> None:
    register(ledger)
    ledger.begin_spell_check("b1", content_of(ledger), ["a", "b"])
    ledger.begin_spell_check("b1", content_of(ledger), ["a", "b"])
    assert ledger.record_spell_check("b1", content_of(ledger), result()) == result()


def test_a_skipped_check_is_recorded_as_that(ledger: Ledger) -> None:
    register(ledger)
    skipped = [SpellCheckRecord("a", SpellCheckStatus.SKIPPED, "a" * 64)]
    assert ledger.record_spell_check("b1", content_of(ledger), skipped) == skipped


def test_other_content_takes_its_check_with_it_and_refuses_that_of_the_old(ledger: Ledger) -> None:
    register(ledger)
    before = content_of(ledger)
    ledger.record_spell_check("b1", before, result())
    register(ledger, content="other")
    assert ledger.spell_checks("b1") == []
    with pytest.raises(StaleStateError, match="batch b1: was registered with other content while its spelling was checked"):
        ledger.begin_spell_check("b1", before, ["a", "b"])
    with pytest.raises(StaleStateError, match="other content"):
        ledger.record_spell_check("b1", before, result())


def test_the_same_content_again_and_planned_requests_keep_it(ledger: Ledger) -> None:
    register(ledger)
    ledger.record_spell_check("b1", content_of(ledger), result(*CORRECTIONS))
    plan(ledger, range(2))
    register(ledger)
    assert ledger.spell_checks("b1") == result(*CORRECTIONS)
