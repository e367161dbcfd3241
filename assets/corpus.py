"""Group corpus: the texts of a batch, identified, and whose they are. Not here: their spelling (:mod:`.spelling`)."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import dagster as dg

from assets.common import (
    cj_batch,
    explained,
    materialised,
    one_materialised,
    schema_contract,
    table_asset,
    table_value,
    tables_asset,
)
from huleedu_pipeline.essays import Batch, Essay
from huleedu_pipeline.essays.class_list import matches_of
from huleedu_pipeline.essays.injection import flags_of, paragraph_of
from huleedu_pipeline.lake.tables import ESSAYS, INJECTION_FLAGS, REDACTIONS, STUDENT_MATCHES
from huleedu_pipeline.languages import detect_language
from huleedu_pipeline.people import MatchStatus
from resources import LakeResource, LedgerResource, PaidWorkResource

MOST_ROWS = 20


@tables_asset(
    "intake",
    {
        ESSAYS: (
            "The texts of a batch as they were written: pupils' essays without names of a class list, and graded anchors. "
            "Reads a batch's folder in the inbox and refuses it whole, before anything is paid, when anything in it is wrong. "
            "A batch that was submitted before can not change: other content needs another batch_id."
        ),
        REDACTIONS: (
            "The names of the class that were taken out of the texts before anything else saw them, by place, so that it can "
            "be undone. None of a guest batch, which has no class list."
        ),
        INJECTION_FLAGS: (
            "What in the texts seems to address whoever judges them, by place and rule. Judging goes on: a person looks at it, "
            "and rankings show which essays are flagged."
        ),
    },
)
def intake(
    context: dg.AssetExecutionContext, lake: LakeResource, ledger: LedgerResource, work: PaidWorkResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Take the batch in and write down its texts, what was taken out of them, and what in them seems to address a judge."""
    batch_id, store = context.partition_key, lake.open()
    with explained(), ledger.open() as book:
        batch = work.take_in(book, batch_id)
        work.keep_content(batch)
        redactions = store.write_rows(REDACTIONS, batch_id, _redaction_rows(batch))
        flagged = store.write_rows(INJECTION_FLAGS, batch_id, _flag_rows(batch))
        rows = [_essay_row(batch, essay) for essay in batch.essays]
        essays = store.write_rows(ESSAYS, batch_id, rows)
    n_anchors = sum(essay.is_anchor for essay in batch.essays)
    words = [essay.n_words for essay in batch.essays]
    yield one_materialised(
        ESSAYS,
        essays,
        n_essays=len(words) - n_anchors,
        n_anchors=n_anchors,
        mean_words=round(sum(words) / len(words), 1),
        shortest_words=min(words),
        longest_words=max(words),
        assignment=batch.spec.assignment or batch.spec.assignment_id or "(not named)",
        assignment_version=batch.assignment_version or "(not registered)",
        grade_scale=batch.spec.grade_scale or "(not graded)",
        n_in_another_language=sum(row["detected_language"] not in (None, batch.spec.language) for row in rows),
    )
    yield one_materialised(
        REDACTIONS,
        redactions,
        kind_of_batch=_kind(batch),
        n_essays_with_names=sum(bool(essay.redactions) for essay in batch.essays),
    )
    yield one_materialised(
        INJECTION_FLAGS,
        flagged,
        n_essays_flagged=len(set(flagged.column("essay_id").to_pylist())),
    )


def _kind(batch: Batch) -> str:
    return "guest: no class list, and no names known" if batch.roster is None else f"regular: {len(batch.roster.pupils)} pupils"


def _essay_row(batch: Batch, essay: Essay) -> dict[str, Any]:
    return {
        "batch_id": batch.spec.batch_id,
        "essay_id": essay.essay_id,
        "is_anchor": essay.is_anchor,
        "anchor_grade": essay.anchor_grade,
        "file_name": essay.file_name,
        "text": essay.text,
        "text_sha256": essay.text_sha256,
        "n_words": essay.n_words,
        "language": batch.spec.language,
        "detected_language": detect_language(essay.text).language,
        "original_sha256": essay.original_sha256,
    }


def _redaction_rows(batch: Batch) -> list[dict[str, Any]]:
    return [
        {
            "batch_id": batch.spec.batch_id,
            "essay_id": essay.essay_id,
            "start": edit.start,
            "end": edit.end,
            "original": edit.original,
            "replacement": edit.replacement,
        }
        for essay in batch.essays
        for edit in essay.redactions
    ]


def _flag_rows(batch: Batch) -> list[dict[str, Any]]:
    return [
        {
            "batch_id": batch.spec.batch_id,
            "essay_id": essay.essay_id,
            "start": flag.start,
            "end": flag.end,
            "rule": str(flag.rule),
            "paragraph": paragraph_of(essay.text, flag),
        }
        for essay, flag in flags_of(batch)
    ]


@dg.asset_check(asset="injection_flags", partitions_def=cj_batch)
def no_text_addresses_the_judge(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> dg.AssetCheckResult:
    """No text seems to give orders to whoever judges it. A flag is a reason to look at the essay; nothing waits for it."""
    with explained():
        rows = lake.open().read_rows(INJECTION_FLAGS, context.partition_key)
    essays = list(dict.fromkeys(row["essay_id"] for row in rows))
    evidence = [{"essay": row["essay_id"], "paragraph": row["paragraph"], "rule": row["rule"]} for row in rows[:MOST_ROWS]]
    return dg.AssetCheckResult(
        passed=not rows,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(essays)} essays seem to address the judge: read them before their places are used"
        if rows
        else "the screen knows nothing in the texts; it does not find everything",
        # Never the text: everybody sees metadata.
        metadata={"n_essays_flagged": len(essays), **({"evidence": table_value(evidence)} if evidence else {})},
    )


@table_asset(STUDENT_MATCHES, deps=["essays"])
def student_matches(
    context: dg.AssetExecutionContext, lake: LakeResource, ledger: LedgerResource, work: PaidWorkResource
) -> dg.MaterializeResult[None]:
    """Whose each pupil's essay is: by file name, document properties and first lines, and by what people decided.

    Judging needs none of it and does not wait for it; results by pupil hold only what is automatic or confirmed. After a
    review (`huleedu match`) it is made again from the class list and matches.csv in the inbox. Of a guest batch: none.
    """
    batch_id = context.partition_key
    with explained(), ledger.open() as book:
        batch = work.read(book, batch_id)
        names = {essay.essay_id: essay.file_name for essay in batch.essays}
        matches = matches_of(batch)
        rows = [
            {
                "batch_id": batch_id,
                "essay_id": match.essay_id,
                "student_id": match.student_id,
                "method": match.method,
                "confidence": match.confidence,
                "status": str(match.status),
                "evidence": match.evidence,
                "file_name": names[match.essay_id],
            }
            for match in matches
        ]
        data = lake.open().write_rows(STUDENT_MATCHES, batch_id, rows)
    counts = Counter(match.status for match in matches)
    return materialised(data, kind_of_batch=_kind(batch), **{f"n_{status}": counts[status] for status in MatchStatus})


@dg.asset_check(asset=student_matches, partitions_def=cj_batch)
def matches_are_settled(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> dg.AssetCheckResult:
    """Nobody has to look at a match any more; until then results by pupil lack these essays, and everything else goes on."""
    with explained():
        rows = lake.open().read_rows(STUDENT_MATCHES, context.partition_key)
    waiting = [row for row in rows if not MatchStatus(row["status"]).is_settled]
    waiting.sort(key=lambda row: (row["confidence"], row["essay_id"]))
    return dg.AssetCheckResult(
        passed=not waiting,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(waiting)} of {len(rows)} essays need a look: huleedu match BATCH_DIR --write"
        if waiting
        else f"all {len(rows)} essays are matched"
        if rows
        else "a guest batch: nothing to match",
        # No pupil's id or name: everybody sees metadata.
        metadata={
            "n_to_review": len(waiting),
            **(
                {
                    "evidence": table_value(
                        {
                            "essay": row["essay_id"],
                            "confidence": row["confidence"],
                            "status": row["status"],
                            "by": row["method"],
                        }
                        for row in waiting[:MOST_ROWS]
                    )
                }
                if waiting
                else {}
            ),
        },
    )


checks = [
    *(schema_contract(table) for table in (ESSAYS, REDACTIONS, INJECTION_FLAGS, STUDENT_MATCHES)),
    no_text_addresses_the_judge,
    matches_are_settled,
]
