"""How fast verdicts become locations and standard errors, beside the packages that people use for it.

``make benchmark-scaling`` measures everything in one run: at each size the same verdicts (random rounds, locations
N(0, 0.7^2), a seed at which the maximum-likelihood estimate exists) go to every method, each in a process of its own,
pinned to one core, with one thread. Printed are CPU seconds (the best of several repetitions, imports and the first call's
compilation left out; the latter is printed at the end), the peak of memory over an interpreter that has only made the data,
the largest difference to the exact optimum, and the gradient norm in wins at the method's own answer. Ratios are to our fit,
or for methods with standard errors to our fit with standard errors. What runs out of memory or time says so. Nothing here
asserts how long something takes.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SEED, SIGMA = 20261120, 0.7
SIZES = {"30x300": (30, 300), "300x4k": (300, 4_000), "500x10k": (500, 10_000), "1kx10k": (1_000, 10_000),
         "5kx200k": (5_000, 200_000), "50kx2M": (50_000, 2_000_000), "200kx10M": (200_000, 10_000_000)}  # fmt: skip
MOST_MEMORY = 14 * 2**30
MOST_SECONDS_OF_REPETITION = 5.0


@dataclass(frozen=True)
class Verdicts:
    """Verdicts on random rounds."""

    first: Ints
    second: Ints
    won: Floats
    n: int


def verdicts(n: int, m: int) -> Verdicts:
    """Draw verdicts of a logistic judge, with the first seed at which no essay won or lost everything."""
    for seed in range(SEED, SEED + 100):
        rng = np.random.default_rng(seed)
        theta = rng.normal(0, SIGMA, n)
        rounds = -(-2 * m // (n // 2 * 2))
        pairs = np.concatenate([rng.permutation(n)[: n // 2 * 2].reshape(-1, 2) for _ in range(rounds)])[:m]
        first, second = np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1])
        won = (rng.random(m) < expit(theta[first] - theta[second])).astype(np.float64)
        wins = np.bincount(first, won, n) + np.bincount(second, 1 - won, n)
        played = np.bincount(first, minlength=n) + np.bincount(second, minlength=n)
        if wins.min() > 0 and (played - wins).min() > 0:
            return Verdicts(first, second, won, n)
    raise SystemExit(f"no seed gives a finite estimate at n = {n}, m = {m}")


# The methods: each takes verdicts and returns a function to time and a function that reads locations from its result.

Timed = tuple[Callable[[], Any], Callable[[Any], Floats]]


def ours(data: Verdicts) -> Timed:
    """Fit with this project."""
    from huleedu_pipeline.scaling import fit_bradley_terry

    def fit() -> Any:
        return fit_bradley_terry(data.first, data.second, data.won, prior_sd=None, position_effect=False, n_items=data.n)

    return fit, lambda result: result.theta


def ours_se(data: Verdicts) -> Timed:
    """Fit with standard errors, exact or estimated as the size suggests."""
    fit, theta = ours(data)

    def with_errors() -> Any:
        result = fit()
        assert np.isfinite(result.se).all()
        return result

    return with_errors, theta


def ours_exact(data: Verdicts) -> Timed:
    """Fit with exact standard errors."""
    fit, theta = ours(data)

    def with_errors() -> Any:
        result = fit()
        assert np.isfinite(result.exact_se()).all()
        return result

    return with_errors, theta


def choix(data: Verdicts) -> Timed:
    """Fit with choix (iterative Luce spectral ranking)."""
    import choix as package

    winner, loser = np.where(data.won > 0, (data.first, data.second), (data.second, data.first))
    games = list(zip(winner.tolist(), loser.tolist(), strict=True))
    return lambda: package.ilsr_pairwise(data.n, games), np.asarray


def choix_se(data: Verdicts) -> Timed:
    """Fit with choix and take standard errors from a pseudo-inverse of the information: the earlier system's way."""
    fit, _ = choix(data)

    def with_errors() -> Floats:
        theta = np.asarray(fit())
        p = expit(theta[data.first] - theta[data.second])
        information = np.zeros((data.n, data.n))
        np.subtract.at(information, (data.first, data.second), p * (1 - p))
        information += information.T
        np.fill_diagonal(information, -information.sum(axis=1))
        assert np.isfinite(np.sqrt(np.diag(np.linalg.pinv(information, rcond=1e-10, hermitian=True)))).all()
        return theta

    return with_errors, np.asarray


def evalica(data: Verdicts) -> Timed:
    """Fit with evalica, compiled."""
    import evalica as package

    first, second = data.first.tolist(), data.second.tolist()
    winners = [package.Winner.X if won else package.Winner.Y for won in data.won]
    return lambda: package.bradley_terry(first, second, winners), lambda result: _logs(result, data.n)


def _logs(result: Any, n: int) -> Floats:
    return np.asarray(np.log(result.scores.reindex(range(n)).to_numpy()), dtype=np.float64)


def evalica_bootstrap(data: Verdicts) -> Timed:
    """Fit with evalica a hundred times for bootstrapped errors."""
    import evalica as package

    first, second = data.first.tolist(), data.second.tolist()
    winners = [package.Winner.X if won else package.Winner.Y for won in data.won]

    def fit() -> Any:
        rng = np.random.default_rng(1)
        for _ in range(100):
            weights = np.bincount(rng.integers(0, len(first), len(first)), minlength=len(first)).astype(np.float64)
            package.bradley_terry(first, second, winners, weights=weights)
        return package.bradley_terry(first, second, winners)

    return fit, lambda result: _logs(result, data.n)


def _sklearn(data: Verdicts, tolerance: float) -> Timed:
    from scipy.sparse import csr_array
    from sklearn.linear_model import LogisticRegression

    m = len(data.first)
    rows, columns = np.tile(np.arange(m), 2), np.concatenate([data.first, data.second])
    design = csr_array((np.repeat([1.0, -1.0], m), (rows, columns)), shape=(m, data.n))
    model = LogisticRegression(C=np.inf, fit_intercept=False, tol=tolerance, max_iter=100_000)
    return lambda: model.fit(design, data.won), lambda result: result.coef_[0]


def sklearn(data: Verdicts) -> Timed:
    """Fit a logistic regression on a sparse design with its default tolerance."""
    return _sklearn(data, 1e-4)


def sklearn_exact(data: Verdicts) -> Timed:
    """Fit the same to the gradient that ours stops at."""
    # Its tolerance is on the gradient of the mean loss: ours is on the sum's.
    return _sklearn(data, 1e-8 / len(data.first))


def statsmodels(data: Verdicts) -> Timed:
    """Fit a generalised linear model on a dense design."""
    from statsmodels.api import GLM, families

    design = np.zeros((len(data.first), data.n))
    design[np.arange(len(data.first)), data.first] = 1
    design[np.arange(len(data.first)), data.second] = -1

    def fit() -> Any:
        result = GLM(data.won, design[:, 1:], family=families.Binomial()).fit(tol=1e-10)
        assert np.isfinite(result.bse).all()
        return result

    return fit, lambda result: np.append(0.0, result.params)


def _arena_rank(data: Verdicts, *, with_errors: bool) -> Timed:
    import pandas as pd
    from arena_rank.models.bradley_terry import BradleyTerry
    from arena_rank.utils.data_utils import PairDataset

    frame = pd.DataFrame(
        {"model_a": data.first, "model_b": data.second, "winner": np.where(data.won > 0, "model_a", "model_b")}
    )
    dataset = PairDataset.from_pandas(frame)

    def fit() -> Any:
        model = BradleyTerry(n_competitors=data.n, init_rating=0.0, scale=np.log(10.0))
        if with_errors:
            model.compute_ratings_and_cis(dataset)
        else:
            model.fit(dataset)
        return model

    return fit, lambda model: np.asarray(model.params["ratings"])


def arena_rank(data: Verdicts) -> Timed:
    """Fit with arena-rank."""
    return _arena_rank(data, with_errors=False)


def arena_rank_se(data: Verdicts) -> Timed:
    """Fit with arena-rank and its sandwich errors."""
    return _arena_rank(data, with_errors=True)


@dataclass(frozen=True)
class Method:
    """One way to scale, what it is called in the table, and the number of essays above which it is not tried."""

    run: Callable[[Verdicts], Timed]
    label: str
    has_errors: bool
    most: int


METHODS = {
    method.run.__name__: method
    for method in (
        Method(ours, "huleedu fit", False, 10**9),
        Method(choix, "choix ilsr_pairwise", False, 5_000),
        Method(evalica, "evalica bradley_terry", False, 50_000),
        Method(sklearn, "scikit-learn, its own tolerance", False, 10**9),
        Method(sklearn_exact, "scikit-learn, our tolerance", False, 50_000),
        Method(arena_rank, "arena-rank fit", False, 50_000),
        Method(ours_se, "huleedu fit + SE", True, 10**9),
        Method(ours_exact, "huleedu fit + exact SE", True, 5_000),
        Method(choix_se, "choix + pseudo-inverse SE", True, 1_000),
        Method(evalica_bootstrap, "evalica, 100 bootstraps", True, 1_000),
        Method(statsmodels, "statsmodels GLM with SE", True, 500),
        Method(arena_rank_se, "arena-rank with sandwich SE", True, 5_000),
    )
}


# One method in a process of its own


def measure(name: str, n: int, m: int, target: Path) -> None:
    """Run a method, print what it took as JSON, and leave its locations in ``target``."""
    warnings.simplefilter("ignore")
    data = verdicts(n, m)
    run, read = METHODS[name].run(data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    result = run()
    first, times = time.process_time() - started, list[float]()
    begin = time.perf_counter()
    while not times or (time.perf_counter() - begin < MOST_SECONDS_OF_REPETITION and len(times) < 200):
        started = time.process_time()
        result = run()
        times.append(time.process_time() - started)
    theta = read(result)
    np.save(target, theta - theta.mean())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    error = getattr(result, "se_error", 0.0) if name == "ours_se" else 0.0
    print(json.dumps({"cpu": min(times), "first": first, "mb": peak / 1024, "se_error": error}))


def child(name: str, n: int, m: int, target: Path, seconds: float) -> dict[str, float] | str:
    """Measure one method in a process of its own; return its figures, or why there are none."""
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    flags = {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1", "JAX_PLATFORMS": "cpu"}

    def limits() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

    command = [sys.executable, __file__, "--measure", name, str(n), str(m), str(target)]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            check=False,
            text=True,
            timeout=seconds,
            env={**os.environ, **one_thread, **flags},
            preexec_fn=limits,
        )
    except subprocess.TimeoutExpired:
        return f"more than {seconds:.0f} s"
    if done.returncode == 0:
        figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return figures
    last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
    is_memory = done.returncode < 0 or any(word in done.stderr for word in ("MemoryError", "RESOURCE_EXHAUSTED", "bad_alloc"))
    return "out of memory" if is_memory else last[0][:90]


def gradient_norm(theta: Floats, data: Verdicts) -> float:
    """Return the largest difference between an essay's wins and those expected at ``theta``."""
    residual = data.won - expit(theta[data.first] - theta[data.second])
    return float(np.abs(np.bincount(data.first, residual, data.n) - np.bincount(data.second, residual, data.n)).max())


def table(size: str, names: list[str], seconds: float) -> None:
    """Measure and print every method at one size."""
    n, m = SIZES[size]
    data = verdicts(n, m)
    print(f"\n{n:,} essays, {m:,} verdicts")
    print(f"  {'method':32} {'CPU':>11} {'ratio':>8} {'memory':>9} {'max |d theta|':>14} {'gradient':>9}")
    with tempfile.TemporaryDirectory() as folder:
        exact: Floats | None = None
        base: dict[bool, float] = {}
        for name in names:
            method = METHODS[name]
            if n > method.most:
                continue
            target = Path(folder) / f"{name}.npy"
            figures = child(name, n, m, target, seconds)
            if isinstance(figures, str):
                print(f"  {method.label:32} {figures}")
                continue
            theta = np.load(target)
            exact = theta if exact is None else exact
            base.setdefault(method.has_errors, figures["cpu"])
            if name == "ours_exact":
                base[True] = figures["cpu"]  # the peers' errors are exact or bootstrapped
            ratio = figures["cpu"] / base[method.has_errors]
            note = f"  (SE within {figures['se_error']:.2%})" if figures["se_error"] else ""
            print(
                f"  {method.label:32} {figures['cpu'] * 1e3:>8.3f} ms {ratio:>7.1f}x {figures['mb']:>6.0f} MB "
                f"{np.abs(theta - exact).max():>14.1e} {gradient_norm(theta, data):>9.1e}{note}",
                flush=True,
            )


def start_up() -> None:
    """Print what the first fit of a process costs, compilation kept from an earlier one."""
    code = (
        "import time; a = time.process_time(); from huleedu_pipeline.scaling import fit_bradley_terry as f; "
        "b = time.process_time(); f([0, 1, 2, 0], [1, 2, 0, 2], [1, 1, 1, 0]).se; print(b - a, time.process_time() - b)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imports, first = (float(word) for word in done.stdout.split())
    print(f"\nIn each new process, once: {imports:.2f} CPU-s for imports, {first:.2f} CPU-s to load the compiled loops.")


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES), metavar="SIZE", help=", ".join(SIZES))
    parser.add_argument(
        "--methods", nargs="+", choices=METHODS, default=list(METHODS), metavar="METHOD", help=", ".join(METHODS)
    )
    parser.add_argument("--seconds", type=float, default=300.0, help="most wall time for one method at one size")
    parser.add_argument("--measure", nargs=4, metavar=("METHOD", "N", "M", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        name, n, m, target = options.measure
        measure(name, int(n), int(m), Path(target))
        return
    print(f"seed {SEED}, locations N(0, {SIGMA}^2), one core, one thread; CPU time is the best of several calls")
    for size in options.sizes:
        table(size, options.methods, options.seconds)
    start_up()


if __name__ == "__main__":
    main()
