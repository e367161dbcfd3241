"""Are wrong anchors found? A planted anchor 1.5 logits off, in simulation from verdicts to flags.

``python benchmarks/wrong_anchors.py`` prints, for several ladders and numbers of comparisons, how often the planted anchor is
flagged by its distance from the others' ladder, and by displacement from its banked location; how often a batch without one
raises a flag; and for how many batches the report itself says that 1.5 logits can be seen. The judge is simulated.
"""

import argparse
import time

import numpy as np
from numpy.typing import NDArray

from huleedu_pipeline.comparisons import plan_single_wave
from huleedu_pipeline.grading.ladder import ladder_residuals
from huleedu_pipeline.scaling import fit_bradley_terry
from huleedu_pipeline.scaling.linking import link_scales
from huleedu_pipeline.simulation import simulate_verdicts

Floats = NDArray[np.float64]

SEED = 20261120
LEVELS = np.array([0, 0, 1, 2, 3, 4, 5, 6, 7, 7, 8, 8])
N_PUPILS, OFF, IN_BANK = 24, 1.5, 240
# A narrow prior draws an essay that lies far out towards the rest, which hides what is looked for here.
PRIOR_SD = 3.0
DISPLACEMENT_Z = 2.7


def judged(truth: Floats, n_comparisons: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return the anchors' locations and covariance by ``n_comparisons`` verdicts for each essay; anchors come first."""
    n = len(truth)
    n_pairs, every = n * n_comparisons // 2, n * (n - 1) // 2
    pairs = [pair for _ in range(n_pairs // every) for pair in plan_single_wave(n, every, int(rng.integers(2**31)))]
    rest = n_pairs % every
    pairs += plan_single_wave(n, max(rest, n - 1), int(rng.integers(2**31))) if rest else []
    first, second = np.array([pair.first for pair in pairs]), np.array([pair.second for pair in pairs])
    fit = fit_bradley_terry(first, second, simulate_verdicts(truth, first, second, rng), prior_sd=PRIOR_SD, n_items=n)
    anchors = np.arange(len(LEVELS))
    return fit.theta[anchors], fit.covariance(anchors)


def flags(truth: Floats, bank: tuple[Floats, Floats], n_comparisons: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return which anchors are flagged by the ladder and by displacement, and whether OFF logits can be seen, shape (3, n)."""
    theta, covariance = judged(truth, n_comparisons, rng)
    residuals = ladder_residuals(theta, LEVELS, covariance)
    by_ladder = [one is not None and one.is_off for one in residuals]
    can_find = [one is not None and one.detectable <= OFF for one in residuals]
    displaced = np.abs(link_scales(theta, covariance, *bank, method="shift").residual_z) > DISPLACEMENT_Z
    return np.array([by_ladder, displaced, can_find])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--batches", type=int, default=60, help="batches of each condition (default 60)")
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args()
    rng, started = np.random.default_rng(given.seed), time.process_time()
    print(f"simulated judge, seed {given.seed}; {len(LEVELS)} anchors over 9 grades, {N_PUPILS} pupils' essays;")
    print(f"banked by {IN_BANK} comparisons each; one anchor {OFF} logits off; {given.batches} batches for each line")
    print(f"{'':>33} | {'ladder':^36} | {'displacement':^18}")
    print(f"{'logits a grade':>14} {'uneven':>6} {'comparisons':>11}", end=" | ")
    print(f"{'finds':>12} {'false alarm':>11} {'says it can':>11} | {'finds':>6} {'false alarm':>11}")
    for step in (0.4, 0.8, 1.6):
        for uneven in (0.0, 0.25):
            for n_comparisons in (20, 40, 80, 160, 240):
                found, alarm, possible = np.zeros(2), np.zeros(2), 0
                for k in range(given.batches):
                    # Places on the ladder, off an even one by so many steps (standard deviation).
                    anchors = step * (LEVELS + uneven * rng.normal(0, 1, len(LEVELS)))
                    pupils = rng.normal(anchors.mean(), max(anchors.std() / 2, 0.5), N_PUPILS)
                    truth = np.concatenate([anchors, pupils])
                    bank = judged(truth, IN_BANK, rng)
                    by_ladder, displaced, can_find = flags(truth, bank, n_comparisons, rng)
                    alarm += by_ladder.any(), displaced.any()
                    possible += can_find.all()
                    place = int(rng.integers(len(LEVELS)))
                    truth[place] += OFF if k % 2 else -OFF
                    by_ladder, displaced, _ = flags(truth, bank, n_comparisons, rng)
                    found += by_ladder[place], displaced[place]
                found, alarm = found / given.batches, alarm / given.batches
                print(
                    f"{step:>14} {uneven:>6} {n_comparisons:>11} | {found[0]:>12.2f} {alarm[0]:>11.2f} "
                    f"{possible / given.batches:>11.2f} | {found[1]:>6.2f} {alarm[1]:>11.2f}",
                    flush=True,
                )
    print(f"\n{time.process_time() - started:.0f} CPU seconds")


if __name__ == "__main__":
    main()
