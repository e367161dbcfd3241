"""How many comparisons of a pupil's essay should be with anchors, in one wave.

``python benchmarks/anchored_designs.py`` lets a simulated logistic judge compare pupils' essays, theta ~ N(0, 2^2), with
each other and with twelve anchors on nine grades whose middles lie 0.9 logits apart (anchors scatter around them by
0.3), with ten comparisons paid for each essay in all. It prints, for several shares, how far the pupils' essays are from
their true places relative to the anchors, how many get their true grade from a line through the anchors, and how well they
are ordered among themselves. ``random`` is the design that knows of no anchors.
"""

import argparse

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

from huleedu_pipeline.comparisons.anchoring import anchored, split
from huleedu_pipeline.comparisons.graphs import near_regular
from huleedu_pipeline.comparisons.orientation import orient
from huleedu_pipeline.scaling import fit_bradley_terry
from huleedu_pipeline.simulation import SimulatedJudge, draw_locations, simulate_verdicts

ANCHOR_LEVELS = (0, 0, 1, 2, 3, 3, 4, 5, 5, 6, 7, 8)
STEP, ANCHOR_SD, SIGMA, POSITION_EFFECT = 0.9, 0.3, 2.0, 0.3
PER_ESSAY = 10


def outcome(n_pupils: int, share: float | None, links: int, seed: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return error relative to the anchors (logits), exact grades, mean grade error and tau of one simulated batch."""
    rng = np.random.default_rng(seed)
    levels: list[int | None] = [*ANCHOR_LEVELS, *[None] * n_pupils]
    n, n_anchors = len(levels), len(ANCHOR_LEVELS)
    centre = STEP * (np.arange(9) - 4)
    anchors = centre[list(ANCHOR_LEVELS)] + rng.normal(0, ANCHOR_SD, n_anchors)
    pupils = draw_locations(n_pupils, SIGMA, rng)
    theta = np.r_[anchors, pupils]
    if share is None:
        pairs = near_regular(n, PER_ESSAY * n, rng)
    else:
        parts = split(n_pupils, n_anchors, PER_ESSAY * n, anchor_share=share, least_anchors_met=1, links_per_anchor=links)
        pairs, _ = anchored(levels, parts, 0, rng)
    first, second = orient(n, pairs, rng).T
    won = simulate_verdicts(theta, first, second, rng, judges=[SimulatedJudge(position_effect=POSITION_EFFECT)])
    fit = fit_bradley_terry(first, second, won, prior_sd=SIGMA, n_items=n)
    error = fit.theta - theta
    error = error[n_anchors:] - error[:n_anchors].mean()
    # Boundaries from a line through the anchors, grade on place: what any projection rests on, in its plainest form.
    slope, start = np.polyfit(fit.theta[:n_anchors], ANCHOR_LEVELS, 1)
    given = np.clip(np.rint(start + slope * fit.theta[n_anchors:]), 0, 8)
    true_grade = np.clip(np.rint(pupils / STEP + 4), 0, 8)
    off = np.abs(given - true_grade)
    tau = float(kendalltau(fit.theta[n_anchors:], pupils).statistic)
    return float(np.sqrt(np.mean(error**2))), float(np.mean(off == 0)), float(np.mean(off)), tau


def summary(values: NDArray[np.float64], reference: NDArray[np.float64]) -> str:
    """Return mean and, by paired repetitions, difference from the reference with its standard error."""
    difference = values - reference
    return f"{values.mean():.3f} ({difference.mean():+.3f} ± {difference.std(ddof=1) / np.sqrt(len(values)):.3f})"


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pupils", type=int, nargs="+", default=[24, 100, 300])
    parser.add_argument("--shares", type=float, nargs="+", default=[0.05, 0.12, 0.2, 0.3, 0.5, 0.8])
    parser.add_argument("--links", type=int, nargs="+", default=[2], help="comparisons of an anchor with other anchors")
    parser.add_argument("--repetitions", type=int, default=150)
    parser.add_argument("--seed", type=int, default=20261120)
    options = parser.parse_args()
    for n_pupils in options.pupils:
        n_pairs = PER_ESSAY * (n_pupils + len(ANCHOR_LEVELS))
        print(f"\n{n_pupils} pupils' essays, {len(ANCHOR_LEVELS)} anchors, {n_pairs} comparisons, simulated judge, ", end="")
        print(f"{options.repetitions} repetitions, seed {options.seed}; in brackets the difference from random, ± SE\n")
        print("| share with anchors | links of an anchor | anchors met | error, logits | true grade | grades off | tau |")
        print("|---|---|---|---|---|---|---|")
        reference = np.empty(0)
        for share, links in [(None, 0), *((share, links) for links in options.links for share in options.shares)]:
            results = np.array([outcome(n_pupils, share, links, (options.seed, r)) for r in range(options.repetitions)])
            if share is None:
                reference, name, met = (
                    results,
                    "random",
                    2.0 * PER_ESSAY * len(ANCHOR_LEVELS) / (n_pupils + len(ANCHOR_LEVELS) - 1),
                )
            else:
                parts = split(
                    n_pupils, len(ANCHOR_LEVELS), n_pairs, anchor_share=share, least_anchors_met=1, links_per_anchor=links
                )
                name, met = f"{share:g}", parts.n_with_anchor / n_pupils
            cells = [summary(results[:, c], reference[:, c]) for c in range(4)]
            print(f"| {name} | {links} | {met:.1f} |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
