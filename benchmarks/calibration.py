"""Whether printed uncertainty is true: intervals, reliability and misfit flags against essays whose truth is known.

``python benchmarks/calibration.py`` simulates assessments by a simulated judge and prints the tables of docs/statistics.md as
Markdown. Everything follows from the seed. Pairs are random (one wave), or adaptive in equal waves: random first, then
essays near each other by the estimates so far, which is harder on all figures than rules that keep long links.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from huleedu_pipeline.comparisons import plan_single_wave
from huleedu_pipeline.scaling import BradleyTerryFit, credible_intervals, fit_bradley_terry, misfit, reliability
from huleedu_pipeline.simulation import SimulatedJudge, draw_locations, simulate_verdicts

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

JUDGE = SimulatedJudge(position_effect=0.3)
SPREADS = (0.5, 1.0, 2.0, 3.0)
COMPARISONS = (10, 15, 20, 40)
DESIGNS = {"random": 1, "3 waves": 3, "5 waves": 5}
# How far from the estimates, in standard errors, essays are thought to lie when the next pairs are chosen.
BLUR = 0.5


@dataclass(frozen=True)
class Assessment:
    """One simulated assessment: the truth, and what was made of the verdicts."""

    truth: Floats
    fit: BradleyTerryFit


def assess(
    n: int, each: int, spread: float, n_waves: int, seed: int, *, is_noise: bool = False, blur: float = BLUR
) -> Assessment:
    """Simulate an assessment of ``n`` essays with ``each`` comparisons an essay in equal waves; noise is tosses of a coin."""
    rng = np.random.default_rng([seed, n, each, n_waves, round(100 * spread)])
    truth = draw_locations(n, spread, rng)
    judged = np.zeros(n) if is_noise else truth
    pairs = plan_single_wave(n, max(n * each // (2 * n_waves), n), seed)
    first, second = np.array([pair.first for pair in pairs]), np.array([pair.second for pair in pairs])
    won = simulate_verdicts(judged, first, second, rng, judges=[JUDGE])
    n_wave = -(-(n * each // 2 - len(first)) // max(n_waves - 1, 1))
    while len(first) < n * each // 2:
        # Without blur: by near-maximum-likelihood estimates, as a Swiss tournament pairs players with equal wins.
        fit = fit_bradley_terry(first, second, won, n_items=n, prior_sd="estimate" if blur else 10.0)
        more = nearest_pairs(fit, first, second, min(n_wave, n * each // 2 - len(first)), rng, blur)
        won = np.concatenate([won, simulate_verdicts(judged, *more, rng, judges=[JUDGE])])
        first, second = np.concatenate([first, more[0]]), np.concatenate([second, more[1]])
    return Assessment(truth, fit_bradley_terry(first, second, won, n_items=n))


def nearest_pairs(
    fit: BradleyTerryFit, first: Ints, second: Ints, n_pairs: int, rng: np.random.Generator, blur: float
) -> tuple[Ints, Ints]:
    """Pair essays with the nearest not yet met, round by round, in the order of blurred estimates."""
    n, se = len(fit.theta), fit.se
    met = np.eye(n, dtype=bool)
    met[first, second] = met[second, first] = True
    chosen: list[tuple[int, int]] = []
    while len(chosen) < n_pairs:
        before = len(chosen)
        queue = [int(i) for i in np.argsort(fit.theta + blur * se * rng.normal(size=n))]
        while queue:
            i = queue.pop(0)
            j = next((other for other in queue if not met[i, other]), None)
            if j is not None:
                queue.remove(j)
                met[i, j] = met[j, i] = True
                chosen.append((i, j) if rng.random() < 0.5 else (j, i))
        if len(chosen) == before:
            raise RuntimeError("all pairs are judged")
    pairs = np.array(chosen[:n_pairs], dtype=np.int64)
    return pairs[:, 0], pairs[:, 1]


def conditions() -> Iterator[tuple[float, int, str, int]]:
    """Yield spread, comparisons an essay, and design with its waves."""
    for spread in SPREADS:
        for each in COMPARISONS:
            for design, n_waves in DESIGNS.items():
                yield spread, each, design, n_waves


def intervals_and_reliability(n: int, n_replications: int, seed: int) -> None:
    """Print cover of the 95 % intervals, and each reliability beside the true one."""
    print(f"\n{n} essays, {n_replications} replications, seed {seed}; ± is the Monte-Carlo standard error.\n")
    kinds = ("marginal", "marginal − true", "separation", "separation G", "split-half")
    headings = ("σ", "comparisons", "pairs", "cover, corrected", "cover, ± 1.96 SE", "true r²", *kinds)
    print(f"| {' | '.join(headings)} |\n{'|---' * len(headings)}|")
    for spread, each, design, n_waves in conditions():
        rows = []
        for replication in range(n_replications):
            one = assess(n, each, spread, n_waves, seed + replication)
            fit, quality, intervals = one.fit, reliability(one.fit, n_splits=10), credible_intervals(one.fit)
            true = float(np.corrcoef(fit.theta, one.truth)[0, 1] ** 2)
            corrected = float(np.mean((intervals.lower <= one.truth) & (one.truth <= intervals.upper)))
            plain = float(np.mean(np.abs(fit.theta - one.truth) <= 1.96 * fit.se))
            classical = [quality.separation, quality.separation_g, quality.split_half]
            excess = quality.marginal - true
            rows.append([corrected, plain, excess, true, quality.marginal, *(np.nan if x is None else x for x in classical)])
        mean, error = np.nanmean(rows, axis=0), np.std(rows, axis=0, ddof=1) / np.sqrt(n_replications)
        print(
            f"| {spread:g} | {each} | {design} | {mean[0]:.3f} ± {error[0]:.3f} | {mean[1]:.3f} | {mean[3]:.2f} "
            f"| {mean[4]:.2f} | {mean[2]:+.3f} ± {error[2]:.3f} | {mean[5]:.2f} | {mean[6]:.2f} | {mean[7]:.2f} |",
            flush=True,
        )


def noise(n: int, n_replications: int, seed: int) -> None:
    """Print what each reliability reads on tosses of a coin, by design, and what the same-design null says."""
    print(f"\nTosses of a coin: {n} essays, {n_replications} replications, seed {seed}.\n")
    print("| comparisons | pairs | marginal | separation | separation G | split-half |")
    print("|---|---|---|---|---|---|")
    for each in (10, 20):
        for design, n_waves in {"random": 1, "Swiss, 5 waves": 5, "Swiss, a wave a round": each - 1}.items():
            rows = []
            for replication in range(n_replications):
                fit = assess(n, each, 1.0, n_waves, seed + replication, is_noise=True, blur=0.0).fit
                quality = reliability(fit, n_splits=10)
                kinds = [quality.marginal, quality.separation, quality.separation_g, quality.split_half]
                rows.append([np.nan if kind is None else kind for kind in kinds])
            cells = " | ".join(f"{value:.2f}" for value in np.nanmean(rows, axis=0))
            print(f"| {each} | {design} | {cells} |", flush=True)


def false_alarms(n: int, n_replications: int, seed: int) -> None:
    """Print how often essays are flagged that do nothing but what the model says."""
    print(f"\nFalse alarms of infit: {n} essays, {n_replications} replications with 100 bootstrap fits each, seed {seed}.\n")
    print("| σ | comparisons | pairs | misfit % | overfit % | together % |")
    print("|---|---|---|---|---|---|")
    for spread, each, design, n_waves in conditions():
        rows = []
        for replication in range(n_replications):
            found = misfit(assess(n, each, spread, n_waves, seed + replication).fit, n_replications=100).essays
            rows.append([100 * found.is_misfit.mean(), 100 * found.is_overfit.mean()])
        above, below = np.mean(rows, axis=0)
        print(f"| {spread:g} | {each} | {design} | {above:.1f} | {below:.1f} | {above + below:.1f} |", flush=True)


TABLES: dict[str, Callable[[int, int, int], None]] = {
    "intervals": intervals_and_reliability,
    "noise": noise,
    "misfit": false_alarms,
}


def main() -> None:
    """Print the tables that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="*", default=list(TABLES), help=f"any of: {', '.join(TABLES)}")
    parser.add_argument("--n-essays", type=int, default=100)
    parser.add_argument("--replications", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    for table in chosen.tables:
        TABLES[table](chosen.n_essays, chosen.replications, chosen.seed)


if __name__ == "__main__":
    main()
