"""The spell check of a batch, and the texts that follow from it for whoever plans, prices, renders or imports.

A batch in the ledger is checked once, and its record counts from then on; a folder that is only looked at is checked on the
spot. Both give texts by :mod:`huleedu_pipeline.essays.judged_texts`. Not here: how misspellings are found.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

from huleedu_pipeline.canonical import sha256_hex
from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.essays import Batch, Essay
from huleedu_pipeline.essays.judged_texts import judged_texts
from huleedu_pipeline.ledger import Ledger, SpellCheckRecord, SpellCheckStatus, UnknownBatchError
from huleedu_pipeline.ledger.spelling import is_checked
from huleedu_pipeline.providers.planning import ensure_same_essays, is_registered, planned_judge, planned_spec
from huleedu_pipeline.spelling import SpellCheck, check_texts

# A sensor prices the batches that wait each time it looks; most of them are the ones of the time before.
MOST_REMEMBERED = 16


class SpellingNotCheckedError(HuleeduError):
    """Corrected texts are to be judged and the batch's spelling has not been checked, or gives other texts than it did."""


def spell_check_batch(ledger: Ledger, batch_id: str, essays: Sequence[Essay]) -> list[SpellCheckRecord]:
    """Check the spelling of a registered batch once, and return what is recorded of it, by ``essay_id``.

    Made again, it returns the first result, whatever has become of dictionaries since; another process that was faster counts.

    Args:
        ledger: The ledger, which knows the batch.
        batch_id: The batch.
        essays: Its essays and anchors.

    Raises:
        StaleEssaysError: they are not those that are registered.
        StaleStateError: the batch was registered with other content meanwhile.

    """
    batch, spec = ledger.batch(batch_id), planned_spec(ledger, batch_id)
    ensure_same_essays(ledger, batch_id, essays)
    if is_checked(recorded := ledger.spell_checks(batch_id)):
        return recorded
    texts = {essay.essay_id: essay.text for essay in essays}
    checks: Mapping[str, SpellCheck] | None = None
    status = SpellCheckStatus.SKIPPED
    if spec.spellcheck:
        status = SpellCheckStatus.COMPLETED
        ledger.begin_spell_check(batch_id, batch.content_sha256, list(texts))
        checks = _checked(spec.language, planned_judge(ledger, batch_id).assignment_prompt, tuple(texts.items()))
    judged = judged_texts(texts, spec.judge_text, checks)
    records = [
        SpellCheckRecord(essay_id, status, sha256_hex(text), None if checks is None else checks[essay_id])
        for essay_id, text in judged.items()
    ]
    return ledger.record_spell_check(batch_id, batch.content_sha256, records)


def planned_texts(ledger: Ledger, batch_id: str, essays: Sequence[Essay]) -> dict[str, str]:
    """Return what judges see of each essay of a registered batch, by what is recorded of it.

    Args:
        ledger: The ledger, which knows the batch.
        batch_id: The batch.
        essays: Its essays and anchors.

    Raises:
        SpellingNotCheckedError: corrected texts are judged and no check is recorded, or it gives other texts than it gave.
        StaleEssaysError: the essays are not those that are registered.

    """
    ensure_same_essays(ledger, batch_id, essays)
    texts, judge_text = {essay.essay_id: essay.text for essay in essays}, planned_spec(ledger, batch_id).judge_text
    if judge_text == "raw":
        return judged_texts(texts, judge_text, None)
    recorded = ledger.spell_checks(batch_id)
    if not is_checked(recorded):
        raise SpellingNotCheckedError(
            f"batch {batch_id}: corrected texts are judged, and its spelling has not been checked (materialise "
            "spellchecked_essays, or: huleedu run)"
        )
    judged = judged_texts(texts, judge_text, _checks(recorded))
    for record in recorded:
        if sha256_hex(judged[record.essay_id]) != record.judged_sha256:
            raise SpellingNotCheckedError(
                f"batch {batch_id}: what is recorded of the spelling of {record.essay_id} does not give the text that it gave "
                "when it was recorded (nothing was asked; restore the ledger from a backup, or give the batch another batch_id)"
            )
    return judged


def with_spelling(batch: Batch, ledger: Ledger | None) -> Batch:
    """Return a batch that knows what judges see of it: as is recorded of these very essays, or as they are checked now.

    Args:
        batch: The batch, as it was read.
        ledger: Where a check may be recorded; nothing is written.

    """
    if batch.spec.judge_text == "raw":
        return batch
    recorded = None if ledger is None else _recorded(ledger, batch)
    texts = tuple((essay.essay_id, essay.text) for essay in batch.essays)
    return replace(batch, spelling=recorded or _checked(batch.spec.language, batch.prompt, texts))


def _recorded(ledger: Ledger, batch: Batch) -> Mapping[str, SpellCheck] | None:
    batch_id = batch.spec.batch_id
    try:
        record = ledger.spell_checks(batch_id) if is_registered(ledger, batch) else []
    except UnknownBatchError:
        return None
    return _checks(record) if is_checked(record) else None


def _checks(recorded: Sequence[SpellCheckRecord]) -> dict[str, SpellCheck]:
    return {record.essay_id: record.check for record in recorded if record.check is not None}


@lru_cache(maxsize=MOST_REMEMBERED)
def _checked(language: Literal["en", "sv"], prompt: str, texts: tuple[tuple[str, str], ...]) -> Mapping[str, SpellCheck]:
    return MappingProxyType(check_texts(dict(texts), language=language, prompt=prompt))
