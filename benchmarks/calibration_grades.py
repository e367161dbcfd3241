"""Do grade probabilities keep their word? Calibration in simulation, from verdicts to grades.

``python benchmarks/calibration_grades.py`` simulates examiners, essays and a logistic judge, grades the pupils' essays from
the anchors, and prints how often grades of each probability are right, and the expected calibration error (Naeini, Cooper &
Hauskrecht 2015) of each condition and of all together. Judges and examiners are simulated, and so is everything printed.
"""

import argparse
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from huleedu_pipeline.comparisons import plan_single_wave
from huleedu_pipeline.grading import GradeProjection, GradeScale, get_scale, project_grades
from huleedu_pipeline.scaling import fit_bradley_terry
from huleedu_pipeline.simulation import SimulatedJudge, simulate_verdicts

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SEED = 20261120
SCALES = ("swedish_8_anchor", "eng5_np_legacy_9_step", "cefr_6_level")
N_ANCHORS, N_PUPILS, SPREAD = 12, 48, 2.0
COMPARISONS = (10, 20, 40)
BLURS = (0.0, 0.2, 0.4, 0.8)
GAP_SD = 0.4
N_BINS = 10


@dataclass(frozen=True)
class Claims:
    """Probabilities that were claimed, and whether what they were claimed of came true; of printed grades, and of all."""

    printed: Floats
    printed_came: Bools
    every: Floats
    every_came: Bools

    @classmethod
    def joined(cls, claims: "list[Claims]") -> "Claims":
        """Return the claims of several batches together."""
        return cls(*(np.concatenate([getattr(one, name) for one in claims]) for name in cls.__dataclass_fields__))


def expected_calibration_error(probability: Floats, came: Bools) -> float:
    """Return the mean distance between probability and frequency over ten equal bins of probability, by their sizes."""
    bins = np.minimum((probability * N_BINS).astype(int), N_BINS - 1)
    sizes = np.bincount(bins, minlength=N_BINS)
    gaps = np.abs(np.bincount(bins, probability - came, minlength=N_BINS))
    return float(gaps.sum() / sizes.sum())


def simulate_batch(scale: GradeScale, n_comparisons: int, blur: float, rng: np.random.Generator) -> Claims | None:
    """Simulate one batch and grade it; ``None`` when its anchors allow no grades.

    Grades are of uneven width (log-normal, GAP_SD) and span three standard deviations of the essays. Examiners blur them by
    a logistic of scale ``blur`` (in mean widths of a grade). Anchors are drawn from all grades in turn.
    """
    k = len(scale.ladder)
    bounds = np.concatenate([[0.0], np.cumsum(np.exp(rng.normal(0, GAP_SD, k - 2)))])
    bounds = (bounds - bounds.mean()) * 3 * SPREAD / (bounds[-1] - bounds[0])
    width = 3 * SPREAD / (k - 2)
    pool = rng.normal(0, SPREAD, 4000)
    levels = np.searchsorted(bounds, pool + blur * width * rng.logistic(size=len(pool)))
    lowest = scale.ladder.index(scale.grades[0])
    wanted = np.resize(rng.permutation(np.arange(lowest, k)), N_ANCHORS)
    anchors: list[int] = []
    for level in wanted:
        anchors.append(int(rng.choice(np.setdiff1d(np.flatnonzero(levels == level), anchors))))
    pupils = rng.choice(np.setdiff1d(np.arange(len(pool)), anchors), N_PUPILS, replace=False)
    essays = np.concatenate([anchors, pupils])
    n = len(essays)
    pairs = plan_single_wave(n, n * n_comparisons // 2, int(rng.integers(2**31)))
    first, second = np.array([pair.first for pair in pairs]), np.array([pair.second for pair in pairs])
    won = simulate_verdicts(pool[essays], first, second, rng, judges=[SimulatedJudge(position_effect=0.3)])
    fit = fit_bradley_terry(first, second, won, n_items=n)
    grades = [scale.ladder[levels[i]] for i in anchors] + [None] * N_PUPILS
    projection = project_grades(fit.theta, fit.covariance(), grades, scale, seed=int(rng.integers(2**31)))
    if not isinstance(projection, GradeProjection):
        return None
    own = levels[pupils]
    probabilities = projection.probabilities[N_ANCHORS:]
    printed = projection.levels[N_ANCHORS:]
    return Claims(
        printed=probabilities[np.arange(N_PUPILS), printed],
        printed_came=printed == own,
        every=probabilities.ravel(),
        every_came=(own[:, None] == np.arange(k)).ravel(),
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--batches", type=int, default=12, help="batches of each condition (default 12)")
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args()
    rng, started = np.random.default_rng(given.seed), time.process_time()
    n_essays = f"{N_ANCHORS} anchors, {N_PUPILS} pupils' essays"
    print(f"simulated judge and examiners, seed {given.seed}, {given.batches} batches for each line, {n_essays}")
    print(f"{'scale':<22} {'comparisons':>11} {'blur':>5} {'graded':>7} {'claimed':>8} {'right':>6} {'ECE':>12} {'of all':>8}")
    everything: list[Claims] = []
    for scale in map(get_scale, SCALES):
        for n_comparisons in COMPARISONS:
            for blur in BLURS:
                batches = [simulate_batch(scale, n_comparisons, blur, rng) for _ in range(given.batches)]
                graded = [batch for batch in batches if batch is not None]
                if not graded:
                    print(f"{scale.scale_id:<22} {n_comparisons:>11} {blur:>5} {0:>7}")
                    continue
                everything += graded
                _print_line(f"{scale.scale_id:<22} {n_comparisons:>11} {blur:>5} {len(graded):>7}", Claims.joined(graded))
    together = Claims.joined(everything)
    _print_line(f"{'all':<22} {'':>11} {'':>5} {len(everything):>7}", together)
    print(f"\n{'probability of the printed grade':<34} {'grades':>7} {'claimed':>8} {'right':>6}")
    bins = np.minimum((together.printed * N_BINS).astype(int), N_BINS - 1)
    for b in np.unique(bins):
        inside = bins == b
        claimed, right = together.printed[inside].mean(), together.printed_came[inside].mean()
        print(f"{f'{b / N_BINS:.1f}-{(b + 1) / N_BINS:.1f}':<34} {inside.sum():>7} {claimed:>8.3f} {right:>6.3f}")
    print(f"\n{time.process_time() - started:.0f} CPU seconds")


def _print_line(start: str, claims: Claims) -> None:
    printed = expected_calibration_error(claims.printed, claims.printed_came)
    every = expected_calibration_error(claims.every, claims.every_came)
    right = claims.printed_came.mean()
    print(f"{start} {claims.printed.mean():>8.3f} {right:>6.3f} {printed:>12.3f} {every:>8.3f}", flush=True)


if __name__ == "__main__":
    main()
