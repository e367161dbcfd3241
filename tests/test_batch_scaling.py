"""A batch from its rows: what is scaled, flagged, and told of its judges, its course and its anchors' earlier places."""

from typing import Any

import numpy as np
import pytest

from huleedu_pipeline.batch_scaling import scale_batch
from huleedu_pipeline.comparisons import plan_single_wave
from huleedu_pipeline.scaling import ScalingError
from huleedu_pipeline.simulation import SimulatedJudge, draw_locations, simulate_verdicts

Rows = list[dict[str, Any]]


def batch_rows(
    theta: Any, n_pairs: int, *, n_anchors: int = 0, seed: int = 1, judges: tuple[str, ...] = ("j1",), texts: str = "b"
) -> tuple[Rows, Rows]:
    """Return rows of essays, the first of which are anchors, and of judgements by judges who take turns."""
    rng, n = np.random.default_rng(seed), len(theta)
    pairs = plan_single_wave(n, n_pairs, seed)
    first, second = np.array([pair.first for pair in pairs]), np.array([pair.second for pair in pairs])
    won = simulate_verdicts(theta, first, second, rng, judges=[SimulatedJudge(0.3)])
    essays = [
        {
            "essay_id": f"e{i:02}",
            "is_anchor": i < n_anchors,
            "anchor_grade": "C" if i < n_anchors else None,
            "text_sha256": f"anchor-{i}" if i < n_anchors else f"{texts}-{i}",
            "n_words": 200 + 10 * i,
        }
        for i in range(n)
    ]
    judgements = [
        {
            "essay_a_id": f"e{i:02}",
            "essay_b_id": f"e{j:02}",
            "winner_essay_id": f"e{i if y else j:02}",
            "outcome": "success",
            "p_a": None,
            "judge_id": judges[k % len(judges)],
            "provider": "openai",
            "model": "emulated-x",
            "wave": 1 + k // (n_pairs // 2),
            "is_contradictory": k == 0,
        }
        for k, (i, j, y) in enumerate(zip(first, second, won, strict=True))
    ]
    return essays, judgements


def test_the_batch_is_scaled_and_described() -> None:
    theta = draw_locations(20, 1.5, np.random.default_rng(1))
    batch = scale_batch(*batch_rows(theta, 150))
    assert np.corrcoef(batch.fit.theta, theta)[0, 1] > 0.8
    assert batch.is_simulated
    (judge,) = batch.judges
    assert (judge.n_judgements, judge.n_contradictory) == (150, 1)
    assert len(batch.fit.judge_discrimination) == 1
    assert ((batch.intervals.lower < theta) & (theta < batch.intervals.upper)).mean() > 0.8
    steps = batch.convergence()
    assert [step.label for step in steps] == ["wave 1", "wave 2"]
    assert steps[-1].correlation == pytest.approx(1)
    assert steps[0].mean_se > steps[1].mean_se
    assert batch.length_effect is not None


def test_judges_with_enough_verdicts_have_a_discrimination_each() -> None:
    theta = draw_locations(30, 1.5, np.random.default_rng(1))
    assert len(scale_batch(*batch_rows(theta, 200, judges=("j1", "j2"))).fit.judge_discrimination) == 2
    few = scale_batch(*batch_rows(theta, 150, judges=("j1", "j2")))
    assert len(few.fit.judge_discrimination) == 1
    assert few.misfit.judges is not None
    assert few.misfit.judges.infit.shape == (2,)


def test_essays_that_need_a_warning_have_a_flag() -> None:
    essays, judgements = batch_rows(np.linspace(-2, 2, 10), 45)
    lonely = {**essays[0], "essay_id": "lonely"}
    won = [{**row, "winner_essay_id": "e09"} if "e09" in (row["essay_a_id"], row["essay_b_id"]) else row for row in judgements]
    flags = dict(zip([*(f"e{i:02}" for i in range(10)), "lonely"], scale_batch([*essays, lonely], won).flags, strict=True))
    assert {"no_comparisons", "disconnected"} <= set(flags["lonely"])
    assert "one_sided" in flags["e09"]
    assert "few_comparisons" in flags["e05"]


def test_a_probability_and_a_failure_are_taken_for_what_they_are() -> None:
    essays, judgements = batch_rows(np.array([1.0, 0.0, -1.0]), 3)
    judgements[0] |= {"p_a": 0.5}
    judgements.append({**judgements[1], "outcome": "failure", "winner_essay_id": None})
    batch = scale_batch(essays, judgements)
    assert batch.fit.comparisons.first_won[0] == 0.5
    assert len(batch.verdicts) == 3
    with pytest.raises(ScalingError, match="none of 1 judgements has a verdict"):
        scale_batch(essays, judgements[-1:])


class TestAnchorsOfAnEarlierBatch:
    def drifted(self, moved: float, seed: int) -> Any:
        rng = np.random.default_rng(seed)
        anchors = np.linspace(-2, 2, 8)
        earlier = np.concatenate([anchors, draw_locations(16, 1.5, rng)])
        now = np.concatenate([anchors, draw_locations(16, 1.5, rng)])
        now[3] += moved
        old = scale_batch(*batch_rows(earlier, 270, n_anchors=8, seed=seed, texts="old"))
        new = scale_batch(*batch_rows(now, 270, n_anchors=8, seed=seed + 1000, texts="new"))
        return new.drift_from(old)

    def test_one_that_moved_is_found(self) -> None:
        found = [self.drifted(3.0, seed).displacement_z[3] for seed in range(12)]
        assert np.median(found) < -2.7  # it lies below where it lay, seen from the others
        assert np.abs([self.drifted(0.0, seed).displacement_z[3] for seed in range(12)]).mean() < 1.5

    def test_only_common_anchors_have_a_figure(self) -> None:
        drift = self.drifted(0.0, 1)
        assert drift.n_common == 8
        assert np.isfinite(drift.displacement_z[:8]).all()
        assert np.isnan(drift.displacement_z[8:]).all()
        assert np.isnan(drift.drift_z[8:]).all()
        assert 0.5 < drift.slope < 2
        assert drift.slope_p is not None

    def test_batches_without_common_anchors_are_not_compared(self) -> None:
        theta = np.linspace(-1, 1, 6)
        new, old = (scale_batch(*batch_rows(theta, 15, n_anchors=n)) for n in (4, 2))
        with pytest.raises(ScalingError, match="have 2 anchors in common, and drift needs 3"):
            new.drift_from(old)
