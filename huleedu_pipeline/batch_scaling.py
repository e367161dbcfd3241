"""A batch as the scaling takes it: from its rows of essays and judgements to a fit, and everything that is said of the fit.

Two lines in a notebook, from the frames of the warehouse or the rows of the lake. Not here: the statistics themselves
(``huleedu_pipeline.scaling``), tables, and grades.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from huleedu_pipeline.judging.spec import is_simulated
from huleedu_pipeline.scaling import (
    FEW_COMPARISONS,
    BradleyTerryFit,
    CredibleIntervals,
    LikelihoodRatio,
    Misfit,
    Reliability,
    ScalingError,
    circular_triads,
    credible_intervals,
    fit_bradley_terry,
    length_difference,
    misfit,
    order_consistency,
    reliability,
    repeat_consistency,
)
from huleedu_pipeline.scaling.consistency import Agreement, CircularTriads, OrderConsistency
from huleedu_pipeline.scaling.linking import link_scales

Row = Mapping[str, Any]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# Judges share one discrimination unless each has so many verdicts: with fewer their own would be mostly noise.
VERDICTS_FOR_DISCRIMINATION = 100
STEPS_OF_ONE_WAVE = 10
FEWEST_COMMON_ANCHORS, WEAK_PRIOR_SD = 3, 3.0


@dataclass(frozen=True)
class Judge:
    """A judge of the batch, with what its own verdicts say of it."""

    judge_id: str
    provider: str
    model: str
    n_judgements: int
    n_contradictory: int
    orders: OrderConsistency
    repeats: Agreement


@dataclass(frozen=True)
class LengthEffect:
    """gamma of the covariate ``tanh(difference of lengths / sd)`` in logits: a diagnosis, which the ranking does not use.

    It holds both what the judge likes of length and how much better longer essays are; verdicts alone can not tell them apart.
    """

    effect: float
    se: float
    test: LikelihoodRatio


@dataclass(frozen=True)
class Step:
    """What was known after a part of the verdicts.

    Attributes:
        label: The part.
        n_comparisons: Verdicts so far.
        correlation: Of the locations then with those of all verdicts.
        mean_se: Mean standard error then, in logits.

    """

    label: str
    n_comparisons: int
    correlation: float
    mean_se: float


@dataclass(frozen=True)
class AnchorDrift:
    """How the anchors of two batches lie on both scales.

    Attributes:
        n_common: Anchors that both batches have.
        slope: Units of the earlier scale in one unit of this one, by mean and standard deviation.
        slope_p: Test against 1, the same unit; ``None`` where that is known exactly.
        displacement_z: Distance of each essay from its earlier place, the units being the same, in standard errors, shape (n,);
            not a number for essays that are no common anchor.
        drift_z: The same distance when the unit may have changed, shape (n,).

    """

    n_common: int
    slope: float
    slope_p: float | None
    displacement_z: Floats
    drift_z: Floats


@dataclass(frozen=True)
class BatchScaling:
    """A scaled batch.

    Attributes:
        essays: Rows of the essays, in the order of the fit's items.
        verdicts: Rows of the judgements that were scaled, in the order of the fit's comparisons.
        fit: Locations and their uncertainty.

    """

    essays: Sequence[Row]
    verdicts: Sequence[Row]
    fit: BradleyTerryFit

    @property
    def models(self) -> list[str]:
        """The models whose verdicts were scaled."""
        return sorted({row["model"] for row in self.verdicts})

    @property
    def is_simulated(self) -> bool:
        """Whether any verdict is a simulation and no judgement."""
        return any(is_simulated(model) for model in self.models)

    @cached_property
    def judge_ids(self) -> list[str]:
        """The judges, in the order of their numbers."""
        return sorted({row["judge_id"] for row in self.verdicts})

    @cached_property
    def judge(self) -> Ints:
        """Number of each verdict's judge, shape (m,)."""
        return _judge_numbers(self.verdicts)

    @cached_property
    def quality(self) -> Reliability:
        """Reliability of each kind, worked out when it is first looked at."""
        return reliability(self.fit)

    @cached_property
    def intervals(self) -> CredibleIntervals:
        """95 % intervals of the locations."""
        return credible_intervals(self.fit)

    @cached_property
    def misfit(self) -> Misfit:
        """Infit and outfit of essays and judges, with bootstrap limits."""
        return misfit(self.fit, judge=self.judge)

    @cached_property
    def circles(self) -> CircularTriads:
        """Circular triads."""
        c = self.fit.comparisons
        return circular_triads(c.first, c.second, c.first_won, n_items=c.n_items)

    @property
    def judges(self) -> list[Judge]:
        """What each judge's own verdicts say of it."""
        c = self.fit.comparisons
        found = []
        for number, judge_id in enumerate(self.judge_ids):
            mine = np.flatnonzero(self.judge == number)
            rows = [self.verdicts[int(k)] for k in mine]
            verdicts = c.first[mine], c.second[mine], c.first_won[mine]
            found.append(
                Judge(
                    judge_id=judge_id,
                    provider=rows[0]["provider"],
                    model=rows[0]["model"],
                    n_judgements=len(rows),
                    n_contradictory=sum(row["is_contradictory"] is True for row in rows),
                    orders=order_consistency(*verdicts),
                    repeats=repeat_consistency(*verdicts),
                )
            )
        return found

    @cached_property
    def length_effect(self) -> LengthEffect | None:
        """How much more longer texts win; ``None`` when all compared texts are of one length."""
        c = self.fit.comparisons
        x = length_difference([row["n_words"] for row in self.essays], c.first, c.second)
        if not np.ptp(x):
            return None
        fit = fit_bradley_terry(
            c.first, c.second, c.first_won, judge=c.judge, covariate=x, prior_sd=self.fit.prior_sd, n_items=c.n_items
        )
        return LengthEffect(fit.covariate_effect, fit.covariate_effect_se or 0.0, fit.test("covariate"))

    @cached_property
    def flags(self) -> list[list[str]]:
        """What to know of each essay before believing its location."""
        fit = self.fit
        largest = int(np.argmax(np.bincount(fit.components)))
        raised = {
            "no_comparisons": fit.n_comparisons == 0,
            "one_sided": np.isin(np.arange(len(fit.theta)), fit.separated_items),
            "few_comparisons": (fit.n_comparisons > 0) & (fit.n_comparisons < FEW_COMPARISONS),
            "disconnected": fit.components != largest,
            "misfit": self.misfit.essays.is_misfit,
            "overfit": self.misfit.essays.is_overfit,
        }
        return [[name for name, essays in raised.items() if essays[i]] for i in range(len(fit.theta))]

    def drift_from(self, earlier: "BatchScaling") -> "AnchorDrift":
        """Return how the anchors that this batch shares with an earlier one (the same texts) lie in both.

        Both are scaled anew with a weak prior: a narrow one draws a displaced anchor in.

        Raises:
            ScalingError: fewer than three common anchors, or none that spread.

        """
        old_place = {essay["text_sha256"]: i for i, essay in enumerate(earlier.essays) if essay["is_anchor"]}
        common = [
            (i, old_place[essay["text_sha256"]])
            for i, essay in enumerate(self.essays)
            if essay["is_anchor"] and essay["text_sha256"] in old_place
        ]
        if len(common) < FEWEST_COMMON_ANCHORS:
            raise ScalingError(f"the batches have {len(common)} anchors in common, and drift needs {FEWEST_COMMON_ANCHORS}")
        new_items, old_items = (np.array(items) for items in zip(*common, strict=True))
        new, old = (batch.fit.refit(prior_sd=WEAK_PRIOR_SD) for batch in (self, earlier))
        scales = new.theta[new_items], new.covariance(new_items), old.theta[old_items], old.covariance(old_items)
        shift, line = link_scales(*scales, method="shift"), link_scales(*scales)
        displacement, drift = np.full((2, len(self.essays)), np.nan)
        displacement[new_items], drift[new_items] = shift.residual_z, line.residual_z
        return AnchorDrift(len(common), line.slope, line.slope_p_value, displacement, drift)

    def convergence(self) -> list[Step]:
        """Return what was known after each wave; of a single wave, after each tenth of its verdicts in random order."""
        waves = np.array([row["wave"] for row in self.verdicts])
        if len(np.unique(waves)) > 1:
            parts = [(f"wave {wave}", np.flatnonzero(waves <= wave)) for wave in np.unique(waves)]
        else:
            order = np.random.default_rng(1).permutation(len(waves))
            ends = np.linspace(0, len(order), STEPS_OF_ONE_WAVE + 1).astype(int)[1:]
            parts = [(f"{k} tenths", order[:end]) for k, end in enumerate(ends, start=1) if end]
        steps = []
        for label, part in parts:
            then = self.fit.refit(keep=part)
            both = np.std(then.theta) > 0 and np.std(self.fit.theta) > 0
            r = float(np.corrcoef(then.theta, self.fit.theta)[0, 1]) if both else 0.0
            steps.append(Step(label, len(part), r, float(then.se.mean())))
        return steps


def scale_batch(essays: Sequence[Row], judgements: Sequence[Row]) -> BatchScaling:
    """Scale the successful judgements of a batch.

    A judge that gives a probability is taken at its word, and a tie is one half. Several judges each have a discrimination
    when all of them have at least VERDICTS_FOR_DISCRIMINATION verdicts.

    Args:
        essays: Rows of the table ``essays`` of one batch.
        judgements: Rows of the table ``llm_judgements`` of the same batch.

    Raises:
        ScalingError: no judgement has a verdict.

    """
    place = {essay["essay_id"]: index for index, essay in enumerate(essays)}
    verdicts = [row for row in judgements if row["outcome"] == "success"]
    if not verdicts:
        raise ScalingError(f"none of {len(judgements)} judgements has a verdict, so there is nothing to scale")
    judge = _judge_numbers(verdicts)
    counts = np.bincount(judge)
    has_own = len(counts) > 1 and counts.min() >= VERDICTS_FOR_DISCRIMINATION
    fit = fit_bradley_terry(
        [place[row["essay_a_id"]] for row in verdicts],
        [place[row["essay_b_id"]] for row in verdicts],
        [_first_won(row) for row in verdicts],
        judge=judge if has_own else None,
        n_items=len(essays),
    )
    return BatchScaling(essays, verdicts, fit)


def _first_won(row: Row) -> float:
    p_a = row["p_a"]
    return float(row["winner_essay_id"] == row["essay_a_id"]) if p_a is None or np.isnan(p_a) else float(p_a)


def _judge_numbers(verdicts: Sequence[Row]) -> Ints:
    names = [row["judge_id"] for row in verdicts]
    number = {name: index for index, name in enumerate(sorted(set(names)))}
    return np.array([number[name] for name in names], dtype=np.int64)
