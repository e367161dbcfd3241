"""Group pairing: which essays are compared with which, and in which order they are shown."""

from collections import Counter

import dagster as dg

from assets.common import explained, materialised, schema_contract, table_asset
from huleedu_pipeline.lake.tables import COMPARISON_PAIRS, ESSAYS
from huleedu_pipeline.providers.human import judged_pairs
from huleedu_pipeline.providers.planning import plan_comparisons, planned_pairs, planned_scale, planned_spec
from resources import LakeResource, LedgerResource


@table_asset(COMPARISON_PAIRS, deps=["essays"])
def comparison_pairs(
    context: dg.AssetExecutionContext, lake: LakeResource, ledger: LedgerResource
) -> dg.MaterializeResult[None]:
    """The comparisons of a batch: balanced, connected, and the same for the same seed.

    Different pairs up to the batch's cap; each essay is shown first and second equally often, give or take one, and each
    pupil's essay meets anchors of different grades. Of large waves one pair in twenty is asked in both orders. In the live
    modes this is the first wave, and later waves follow what the earlier ones showed: they are planned while judging, and
    written down here from the ledger. Of a batch that people judge: the pairs that they judged. With fewer than two pupils'
    essays: none.
    """
    batch_id = context.partition_key
    with explained(), ledger.open() as book:
        spec = planned_spec(book, batch_id)
        batch = book.batch(batch_id)
        pairs = judged_pairs(book, batch_id) if batch.is_human else planned_pairs(book, batch_id)
        is_to_plan = batch.status.takes_judgements and not batch.is_human and not batch.has_too_few_essays
        if is_to_plan and not pairs:
            grades = {row["essay_id"]: row["anchor_grade"] for row in lake.open().read_rows(ESSAYS, batch_id)}
            pairs = plan_comparisons(spec, planned_scale(book, batch_id), grades)
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
    n_essays = batch.n_essays + batch.n_anchors
    degree = Counter(essay for pair in pairs for essay in (pair.essay_a_id, pair.essay_b_id))
    unordered = Counter(frozenset((pair.essay_a_id, pair.essay_b_id)) for pair in pairs)
    return materialised(
        data,
        n_pairs=len(pairs),
        n_waves=max((pair.wave for pair in pairs), default=0),
        n_reachable_pairs=n_essays * (n_essays - 1) // 2,
        n_pairs_in_both_orders=sum(times > 1 for times in unordered.values()),
        fewest_comparisons=min(degree.values(), default=0) if len(degree) == n_essays else 0,
        most_comparisons=max(degree.values(), default=0),
        seed=spec.seed,
    )


checks = [schema_contract(COMPARISON_PAIRS)]
