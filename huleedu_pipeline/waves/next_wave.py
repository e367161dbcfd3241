"""The pairs of a later wave: chosen by what the verdicts so far say, oriented by what has been asked so far.

Not here: how large the wave is (:mod:`.decide`), and strategies of choosing (``comparisons.selection``).
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from huleedu_pipeline.comparisons import ComparisonPair, select_pairs
from huleedu_pipeline.waves.decide import ContinuationDecision
from huleedu_pipeline.waves.history import Asked, essays_of, fit_verdicts


def plan_next_wave(batch_id: str, asked: Sequence[Asked], more: ContinuationDecision, seed: int) -> list[ComparisonPair]:
    """Choose the pairs of the next wave.

    In coverage every pair is one that was never asked, whatever came of those that were. A pair that is asked again is
    shown in the order in which it was shown less often. The same requests and outcomes give the same pairs.

    Args:
        batch_id: The batch.
        asked: All its requests so far, every essay among them.
        more: A decision to request more comparisons.
        seed: The batch's seed.

    """
    essay_ids = essays_of(asked)
    place = {essay_id: index for index, essay_id in enumerate(essay_ids)}
    wave = max(request.wave for request in asked) + 1
    fit = fit_verdicts(asked, essay_ids)
    chosen = select_pairs(
        np.zeros(len(essay_ids)) if fit is None else fit.theta,
        np.ones(len(essay_ids)) if fit is None else fit.se**2,
        [place[request.essay_a_id] for request in asked],
        [place[request.essay_b_id] for request in asked],
        more.n_more,
        seed=int(np.random.SeedSequence([seed, wave]).generate_state(1)[0]),
    )
    shown = Counter((request.essay_a_id, request.essay_b_id) for request in asked)
    pairs = []
    for i, j in zip(chosen.first.tolist(), chosen.second.tolist(), strict=True):
        first, second = essay_ids[i], essay_ids[j]
        if shown[first, second] > shown[second, first]:
            first, second = second, first
        shown[first, second] += 1
        pairs.append(ComparisonPair(batch_id, first, second, wave, shown[first, second], more.mode))
    return pairs
