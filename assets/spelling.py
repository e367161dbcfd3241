"""Group corpus: the spelling of a batch's texts, and thereby the text that judges see.

Words of pupils stand in the two tables and nowhere else: metadata and checks show numbers and ids.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from assets.common import cj_batch, essays_of, explained, one_materialised, schema_contract, table_value, tables_asset
from huleedu_pipeline.canonical import sha256_hex
from huleedu_pipeline.edits import Edit, EditError, apply_edits
from huleedu_pipeline.essays import Essay
from huleedu_pipeline.lake import Lake
from huleedu_pipeline.lake.tables import SPELL_CORRECTIONS, SPELLCHECKED_ESSAYS
from huleedu_pipeline.ledger import SpellCheckRecord
from huleedu_pipeline.providers.planning import planned_spec
from huleedu_pipeline.providers.spelling import spell_check_batch
from resources import LakeResource, LedgerResource

# A quarter of the words: no learner's text that a judge can read, but one of another language, or none at all.
MOST_PLAUSIBLE_DENSITY = 25.0
# In fewer words a density says little: one misspelling more or less decides.
FEWEST_WORDS = 20
MOST_ROWS = 20

Rows = list[dict[str, Any]]


@tables_asset(
    "spellcheck",
    {
        SPELLCHECKED_ESSAYS: (
            "How each text is spelt, and the text that judges see: as it was written, or corrected, as the batch chooses. "
            "Checked once for each batch; the ledger keeps what was found, and a newer dictionary changes nothing."
        ),
        SPELL_CORRECTIONS: (
            "Each misspelling with its place in the text as it was written: what it is taken to mean, what found it, and "
            "whether the corrected text has it."
        ),
    },
    deps=["essays"],
)
def spellcheck(
    context: dg.AssetExecutionContext, lake: LakeResource, ledger: LedgerResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Check the spelling of a batch, or find it skipped, and write both tables from the ledger's record."""
    batch_id, store = context.partition_key, lake.open()
    with explained(), ledger.open() as book:
        essays = essays_of(store, batch_id)
        records = {record.essay_id: record for record in spell_check_batch(book, batch_id, essays)}
        judge_text = planned_spec(book, batch_id).judge_text
        rows = [_essay_row(batch_id, essay, records[essay.essay_id], judge_text) for essay in essays]
        found = [row for essay in essays for row in _correction_rows(batch_id, records[essay.essay_id])]
        checked = store.write_rows(SPELLCHECKED_ESSAYS, batch_id, rows)
        corrections = store.write_rows(SPELL_CORRECTIONS, batch_id, found)
    shown = {"status": ", ".join(sorted({row["status"] for row in rows})), "judge_text": judge_text}
    yield one_materialised(SPELLCHECKED_ESSAYS, checked, **shown, **_numbers(rows))
    rules = [row["rule"] for row in found]
    by_rule = {f"n_{rule}": rules.count(rule) for rule in sorted(set(rules))}
    n_applied = sum(row["is_applied"] for row in found)
    yield one_materialised(SPELL_CORRECTIONS, corrections, **shown, n_found=len(found), n_applied=n_applied, **by_rule)


@dg.asset_check(asset="spellchecked_essays", blocking=True, partitions_def=cj_batch)
def corrections_fit_their_text(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> dg.AssetCheckResult:
    """Each correction stands where its text has what it corrects, no two overlap, and together they make what judges see."""
    with explained():
        store, batch_id = lake.open(), context.partition_key
        corrections = _by_essay(store, batch_id)
        texts = {essay.essay_id: essay.text for essay in essays_of(store, batch_id)}
        rows = store.read_rows(SPELLCHECKED_ESSAYS, batch_id)
    wrong = {row["essay_id"]: why for row in rows if (why := _misfit(row, texts, corrections[row["essay_id"]])) is not None}
    wrong |= dict.fromkeys(texts.keys() ^ {row["essay_id"] for row in rows}, "is in one of the two tables only")
    n = sum(map(len, corrections.values()))
    return dg.AssetCheckResult(
        passed=not wrong,
        description=f"{len(wrong)} of {len(texts)} texts are not what their corrections make of them, first {min(wrong)} "
        "(materialise essays and spellchecked_essays again)"
        if wrong
        else f"all {n} fit",
        metadata={
            "corrections": n,
            **(_evidence([{"essay": essay_id, "why": wrong[essay_id]} for essay_id in sorted(wrong)]) if wrong else {}),
        },
    )


@dg.asset_check(asset="spellchecked_essays", partitions_def=cj_batch)
def spelling_plausible(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> dg.AssetCheckResult:
    """No text of twenty words and more has a quarter of them misspelt: it may be of another language, or badly read."""
    with explained():
        rows = lake.open().read_rows(SPELLCHECKED_ESSAYS, context.partition_key)
    dense = sorted((row for row in rows if row["correction_density"] is not None), key=lambda row: -row["correction_density"])
    odd = [row for row in dense if row["word_count"] >= FEWEST_WORDS and row["correction_density"] > MOST_PLAUSIBLE_DENSITY]
    description = f"at most {dense[0]['correction_density']:.1f} corrections in 100 words" if dense else "skipped"
    if odd:
        description = (
            f"{len(odd)} texts have more than {MOST_PLAUSIBLE_DENSITY:g} corrections in 100 words, most of all "
            f"{odd[0]['essay_id']}: {odd[0]['correction_density']:.1f} (look whether they are in the batch's language, and "
            "read in the right order: huleedu inspect)"
        )
    shown = ("word_count", "total_corrections", "correction_density")
    evidence = [
        {"essay": row["essay_id"], **{name.replace("_", " "): round(row[name], 2) for name in shown}}
        for row in (odd or dense)[:MOST_ROWS]
    ]
    return dg.AssetCheckResult(
        passed=not odd,
        severity=dg.AssetCheckSeverity.WARN,
        description=description,
        metadata={"n_implausible": len(odd), **(_evidence(evidence) if evidence else {})},
    )


def _essay_row(batch_id: str, essay: Essay, record: SpellCheckRecord, judge_text: str) -> dict[str, Any]:
    check = record.check
    return {
        "batch_id": batch_id,
        "essay_id": essay.essay_id,
        "status": str(record.status),
        "judge_text": judge_text,
        "text_corrected": None if check is None else check.corrected(essay.text),
        "text_sha256": record.judged_sha256,
        "word_count": essay.n_words if check is None else check.n_words,
        "total_corrections": None if check is None else check.total_corrections,
        "l2_dictionary_corrections": None if check is None else check.l2_dictionary_corrections,
        "spellchecker_corrections": None if check is None else check.spellchecker_corrections,
        "correction_density": None if check is None else check.correction_density,
    }


def _correction_rows(batch_id: str, record: SpellCheckRecord) -> Rows:
    if record.check is None:
        return []
    return [
        {
            "batch_id": batch_id,
            "essay_id": record.essay_id,
            "start": one.start,
            "end": one.end,
            "original": one.original,
            "suggestion": one.suggestion,
            "rule": str(one.rule),
            "is_applied": one.is_applied,
            "candidates": list(one.candidates),
        }
        for one in record.check.corrections
    ]


def _numbers(rows: Rows) -> Mapping[str, float]:
    """Return numbers for the UI to plot; none of a batch whose spell check was skipped."""
    done = [row for row in rows if row["status"] == "completed"]
    counts = {"n_completed": len(done), "n_skipped": len(rows) - len(done)}
    if not done:
        return counts
    n_words, n_corrections = (sum(row[name] for row in done) for name in ("word_count", "total_corrections"))
    return counts | {
        "words": n_words,
        "total_corrections": n_corrections,
        "l2_dictionary_corrections": sum(row["l2_dictionary_corrections"] for row in done),
        "spellchecker_corrections": sum(row["spellchecker_corrections"] for row in done),
        "corrections_per_100_words": round(100 * n_corrections / n_words, 2) if n_words else 0.0,
        "highest_density": round(max(row["correction_density"] for row in done), 2),
    }


def _by_essay(store: Lake, batch_id: str) -> dict[str, Rows]:
    found: dict[str, Rows] = defaultdict(list)
    for row in store.read_rows(SPELL_CORRECTIONS, batch_id):
        found[row["essay_id"]].append(row)
    return found


def _misfit(row: Mapping[str, Any], texts: Mapping[str, str], corrections: Sequence[Mapping[str, Any]]) -> str | None:
    """Return what is wrong with an essay's corrections, in words that are not the pupil's, or ``None``."""
    text = texts.get(row["essay_id"])
    if text is None:
        return None
    edits = [(Edit(one["start"], one["end"], one["original"], one["suggestion"]), one["is_applied"]) for one in corrections]
    try:
        apply_edits(text, [edit for edit, _ in edits])
        corrected = apply_edits(text, [edit for edit, is_applied in edits if is_applied])
    except EditError as error:
        return str(error)
    if row["text_corrected"] not in (None, corrected):
        return "text_corrected is another text"
    judged = text if row["judge_text"] == "raw" else corrected
    return None if sha256_hex(judged) == row["text_sha256"] else "text_sha256 is of another text"


def _evidence(rows: Rows) -> dict[str, dg.TableMetadataValue]:
    return {"evidence": table_value(rows[:MOST_ROWS])}


checks = [
    schema_contract(SPELLCHECKED_ESSAYS),
    schema_contract(SPELL_CORRECTIONS),
    corrections_fit_their_text,
    spelling_plausible,
]
