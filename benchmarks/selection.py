"""How many comparisons a strategy of selection saves, by the number of waves, and how long choosing takes.

``python benchmarks/selection.py`` lets a simulated logistic judge rank essays from theta ~ N(0, sigma^2), in 1 to 10 equal
waves by each strategy, and prints how many comparisons each essay needs until Kendall's tau between estimate and truth
reaches a target, and the saving over one balanced random wave with its standard error. All strategies judge the same
essays; k at the target is interpolated on the logarithm of k. Every judge here is simulated: the numbers say what a
strategy is worth where the model holds. Nothing here asserts how long something takes.
"""

import argparse
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

from huleedu_pipeline.comparisons.graphs import Ints
from huleedu_pipeline.comparisons.orientation import orient
from huleedu_pipeline.comparisons.selection import STRATEGIES, Knowledge, Strategy, local_rank, select_pairs
from huleedu_pipeline.scaling import fit_bradley_terry
from huleedu_pipeline.simulation import SimulatedJudge, draw_locations, simulate_verdicts

Floats = NDArray[np.float64]

POSITION_EFFECT = 0.3
GRID_RATIO = 1.12
LEAST_PER_ESSAY = 6


# Designs that are here to be compared with


def swiss(known: Knowledge, n_pairs: int, rng: np.random.Generator) -> Ints:
    """Match neighbours in rank who have not met, from the top down, each essay once."""
    from huleedu_pipeline.comparisons.loops import greedy

    pairs = known.nearest_open(np.lexsort((rng.random(known.n), -known.theta)), known.n - 1)
    return pairs[greedy(pairs, np.ones(known.n, dtype=np.int64), n_pairs)]


def circular(n: int, n_pairs: int, rng: np.random.Generator) -> Ints:
    """Let each essay meet its nearest ones in a ring of essays in random order."""
    rings = [np.column_stack([np.arange(n), (np.arange(n) + distance) % n]) for distance in range(1, n_pairs // n + 2)]
    return np.asarray(rng.permutation(n)[np.vstack(rings)[:n_pairs]], dtype=np.int64)


def independent(n: int, n_pairs: int, rng: np.random.Generator) -> Ints:
    """Draw different pairs independently of each other: essays have unequal numbers of comparisons."""
    rows, columns = np.triu_indices(n, 1)
    chosen = rng.choice(len(rows), n_pairs, replace=False)
    return np.column_stack([rows[chosen], columns[chosen]])


SINGLE_WAVES = {"circular": circular, "independent": independent}


# One simulated batch


@dataclass
class Study:
    """Mean tau by strategy, waves and comparisons, over the same simulated batches; remembers what it has computed."""

    n: int
    sigma: float
    n_repetitions: int
    seed: int
    known: dict[tuple[str, int, int], Floats] = field(default_factory=dict)
    selection_seconds: dict[tuple[str, int, int], float] = field(default_factory=dict)

    def taus(self, strategy: str, n_waves: int, step: int) -> Floats:
        """Return tau of each repetition with ``k(step)`` comparisons for each essay."""
        key = (strategy, n_waves, step)
        if key not in self.known:
            self.selection_seconds[key] = 0.0
            self.known[key] = np.array([self._tau(key, repetition) for repetition in range(self.n_repetitions)])
        return self.known[key]

    def k(self, step: int) -> float:
        """Return the comparisons of each essay at a step of the grid, as far as whole pairs allow."""
        return 2 * self.n_pairs(step) / self.n

    def n_pairs(self, step: int) -> int:
        """Return the size of the design at a step of the grid."""
        return min(round(LEAST_PER_ESSAY * GRID_RATIO**step * self.n / 2), self.n * (self.n - 1) // 2)

    def _tau(self, key: tuple[str, int, int], repetition: int) -> float:
        strategy, n_waves, step = key
        rng = np.random.default_rng([self.seed, repetition])
        theta = draw_locations(self.n, self.sigma, rng)
        rng = np.random.default_rng([self.seed, repetition, n_waves, step])
        judge = SimulatedJudge(position_effect=POSITION_EFFECT)
        first, second, won = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0)
        estimate, variance = np.zeros(self.n), np.full(self.n, self.sigma**2)
        sizes = np.diff(np.linspace(0, self.n_pairs(step), n_waves + 1).round().astype(int))
        for size in sizes.tolist():
            begin = time.process_time()
            seed = int(rng.integers(2**32))
            if strategy in SINGLE_WAVES:
                i, j = orient(self.n, SINGLE_WAVES[strategy](self.n, size, rng), rng).T
            else:
                wave = select_pairs(estimate, variance, first, second, size, strategy=strategies()[strategy], seed=seed)
                i, j = wave.first, wave.second
            self.selection_seconds[key] += time.process_time() - begin
            first, second = np.r_[first, i], np.r_[second, j]
            won = np.r_[won, simulate_verdicts(theta, i, j, rng, judges=[judge])]
            fit = fit_bradley_terry(first, second, won, prior_sd=self.sigma, n_items=self.n)
            estimate = fit.theta
            if len(first) < self.n_pairs(step):
                variance = fit.se**2
        return float(kendalltau(estimate, theta).statistic)


def strategies() -> dict[str, Strategy]:
    """Return all strategies by name; ``random`` is wave one of any of them."""
    return {"random": local_rank, **STRATEGIES, "swiss": swiss}


@dataclass(frozen=True)
class Needed:
    """Comparisons of each essay at which mean tau reaches a target, and the same without each of the repetitions."""

    k: float
    without: Floats


def needed(study: Study, strategy: str, n_waves: int, target: float, guess: float) -> Needed | None:
    """Walk the grid from ``guess`` until two neighbouring steps have the target between them; ``None`` if none have."""
    step = max(0, round(np.log(guess / LEAST_PER_ESSAY) / np.log(GRID_RATIO)))
    while study.taus(strategy, n_waves, step).mean() >= target:
        if step == 0:
            return None
        step -= 1
    while study.taus(strategy, n_waves, step + 1).mean() < target:
        step += 1
        if study.n_pairs(step) == study.n_pairs(step + 1):
            return None
    low, high = study.taus(strategy, n_waves, step), study.taus(strategy, n_waves, step + 1)
    log_low, log_high = np.log(study.k(step)), np.log(study.k(step + 1))

    def at(mean_low: float, mean_high: float) -> float:
        return float(np.exp(log_low + (target - mean_low) / (mean_high - mean_low) * (log_high - log_low)))

    n = study.n_repetitions
    without = np.array([at((low.sum() - low[r]) / (n - 1), (high.sum() - high[r]) / (n - 1)) for r in range(n)])
    return Needed(at(low.mean(), high.mean()), without)


def saving(one: Needed, random: Needed) -> tuple[float, float]:
    """Return the saving over random in per cent and its standard error, by the jackknife over repetitions."""
    n = len(one.without)
    parts = 100 * (1 - one.without / random.without)
    return 100 * (1 - one.k / random.k), float(np.sqrt((n - 1) / n * ((parts - parts.mean()) ** 2).sum()))


def compare(study: Study, names: list[str], waves: list[int], targets: list[float]) -> None:
    """Print comparisons needed and savings, for each target a table."""
    for strategy in (*STRATEGIES.values(), swiss):
        select_pairs(np.zeros(4), np.ones(4), [0], [1], 2, strategy=strategy, seed=1)  # compiles
    for target in targets:
        guess = 20.0 * ((1 - 0.8) / (1 - target)) ** 2 * (2 / study.sigma) ** 1.2
        random = needed(study, "random", 1, target, guess)
        print(
            f"\nSimulated judge, n = {study.n}, sigma = {study.sigma:g}, position effect {POSITION_EFFECT}, "
            f"{study.n_repetitions} repetitions, seed {study.seed}: comparisons of each essay for tau = {target:.2f}\n"
        )
        if random is None:
            print("one random wave does not reach this target, or needs fewer comparisons than the grid has")
            continue
        print("| strategy | waves | k | saving over one random wave, % (SE) | share of k | choosing, CPU ms a batch |")
        print("|---|---|---|---|---|---|")
        print(f"| random | 1 | {random.k:.1f} | 0 | 1.00 | |", flush=True)
        for name, n_waves in itertools.product(names, waves):
            if (name in SINGLE_WAVES) != (n_waves == 1):
                continue
            found = needed(study, name, n_waves, target, random.k * (0.72 if n_waves > 2 else 0.85))
            if found is None:
                print(f"| {name} | {n_waves} | not reached | | | |", flush=True)
                continue
            part, error = saving(found, random)
            near = min(
                (key for key in study.known if key[:2] == (name, n_waves)), key=lambda key: abs(study.k(key[2]) - found.k)
            )
            cpu = 1e3 * study.selection_seconds[near] / study.n_repetitions
            print(
                f"| {name} | {n_waves} | {found.k:.1f} | {part:.1f} ({error:.1f}) | {found.k / random.k:.2f} | {cpu:.0f} |",
                flush=True,
            )


def one_wave(study: Study) -> None:
    """Print how other single waves compare with a random regular graph, with which all strategies begin."""
    step = round(np.log(20 / LEAST_PER_ESSAY) / np.log(GRID_RATIO))
    random = study.taus("random", 1, step)
    print(f"\nOne wave, {study.k(step):.0f} comparisons of each essay: tau {random.mean():.4f} by a random regular graph, with")
    print("which every strategy begins; difference of other designs, by paired repetitions:\n")
    for name in SINGLE_WAVES:
        difference = study.taus(name, 1, step) - random
        error = difference.std(ddof=1) / np.sqrt(len(difference))
        print(f"- {name}: {difference.mean():+.4f} (SE {error:.4f})", flush=True)


# How long choosing takes


def best_seconds(call: Callable[[], object], n_repeats: int = 5) -> float:
    """Return the least CPU time of a call, in seconds, after one that is not counted (compilation)."""
    call()
    times = []
    for _ in range(n_repeats):
        begin = time.process_time()
        call()
        times.append(time.process_time() - begin)
    return min(times)


def speed(sizes: list[int], seed: int) -> None:
    """Print the CPU time of choosing a second wave of ten comparisons for each essay, orientation included."""
    print(
        "\nChoosing a second wave of 10 comparisons for each essay, A/B orientation included, CPU ms (compilation excluded)\n"
    )
    print("| n | wave one (random regular) |", " | ".join(STRATEGIES), "|")
    print("|---|---|" + "---|" * len(STRATEGIES))
    for n in sizes:
        rng = np.random.default_rng(seed)
        theta, variance = draw_locations(n, 2.0, rng), rng.uniform(0.2, 0.8, n)
        first = select_pairs(theta, variance, [], [], 5 * n, seed=seed)
        calls = [partial(select_pairs, theta, variance, [], [], 5 * n, seed=seed)]
        calls += [
            partial(select_pairs, theta, variance, first.first, first.second, 5 * n, strategy=strategy, seed=seed)
            for strategy in STRATEGIES.values()
        ]
        cells = [best_seconds(call) for call in calls]
        print(f"| {n} |", " | ".join(f"{1e3 * cell:.1f}" for cell in cells), "|", flush=True)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=500, help="essays")
    parser.add_argument("--sigma", type=float, default=2.0, help="standard deviation of theta, in logits")
    parser.add_argument("--repetitions", type=int, default=20)
    parser.add_argument("--seed", type=int, default=20261120)
    parser.add_argument("--waves", type=int, nargs="+", default=[1, 2, 3, 5, 10])
    parser.add_argument("--targets", type=float, nargs="+", default=[0.8, 0.9], help="Kendall's tau")
    names = [*STRATEGIES, "swiss", *SINGLE_WAVES]
    parser.add_argument("--strategies", nargs="+", default=names, choices=names)
    parser.add_argument("--sizes", type=int, nargs="*", default=[100, 300, 1000, 3000, 10_000], help="of the speed table")
    options = parser.parse_args()
    study = Study(options.n, options.sigma, options.repetitions, options.seed)
    compare(study, options.strategies, options.waves, options.targets)
    if 1 in options.waves:
        one_wave(study)
    if options.sizes:
        speed(options.sizes, options.seed)


if __name__ == "__main__":
    main()
