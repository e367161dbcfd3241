"""Group pairing: which essays are compared with which, and in which order they are shown."""

from collections import Counter

import dagster as dg

from assets.common import explained, materialised, schema_contract, table_asset
from huleedu_pipeline.lake.tables import COMPARISON_PAIRS, ESSAYS
from huleedu_pipeline.providers.human import judged_pairs
from huleedu_pipeline.providers.planning import plan_comparisons, planned_spec
from resources import LakeResource, LedgerResource


@table_asset(COMPARISON_PAIRS, deps=["essays"])
def comparison_pairs(
    context: dg.AssetExecutionContext, lake: LakeResource, ledger: LedgerResource
) -> dg.MaterializeResult[None]:
    """The comparisons of a batch: balanced, connected, and the same for the same seed.

    One wave of different pairs up to the batch's cap; each essay is shown first and second equally often, give or take one,
    and each pupil's essay meets anchors of different grades. Of large batches one pair in twenty is asked in both orders.
    Of a batch that people judge: the pairs that they judged. With fewer than two pupils' essays: none.
    """
    batch_id = context.partition_key
    with explained(), ledger.open() as book:
        spec = planned_spec(book, batch_id)
        grades = {row["essay_id"]: row["anchor_grade"] for row in lake.open().read_rows(ESSAYS, batch_id)}
        batch = book.batch(batch_id)
        if batch.has_too_few_essays:
            pairs = []
        else:
            pairs = judged_pairs(book, batch_id) if batch.is_human else plan_comparisons(spec, grades)
        rows = [
            {
                "batch_id": batch_id,
                "pair_id": pair.pair_id,
                "wave": pair.wave,
                "replicate": pair.replicate,
                "essay_a_id": pair.essay_a_id,
                "essay_b_id": pair.essay_b_id,
                "pair_generation_mode": pair.pair_generation_mode,
            }
            for pair in pairs
        ]
        data = lake.open().write_rows(COMPARISON_PAIRS, batch_id, rows)
    degree = Counter(essay for pair in pairs for essay in (pair.essay_a_id, pair.essay_b_id))
    unordered = Counter(frozenset((pair.essay_a_id, pair.essay_b_id)) for pair in pairs)
    return materialised(
        data,
        n_pairs=len(pairs),
        n_reachable_pairs=len(grades) * (len(grades) - 1) // 2,
        n_pairs_in_both_orders=sum(times > 1 for times in unordered.values()),
        fewest_comparisons=min(degree[essay_id] for essay_id in grades),
        most_comparisons=max(degree.values(), default=0),
        seed=spec.seed,
    )


checks = [schema_contract(COMPARISON_PAIRS)]
