"""Grade projection: anchors place the boundaries, and every grade comes with an honest probability."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huleedu_pipeline.grading import GradeProjection, Unavailable, confidence_label, get_scale, project_grades
from tests.grading.kit import (
    CEFR,
    ORDERED,
    OWN,
    Floats,
    Grades,
    centred_covariance,
    errors,
    places,
    projected,
    with_pupils,
)


def test_well_separated_anchors_get_their_own_grades() -> None:
    projection = with_pupils((0.0,))
    assert [projection.grade(i) for i in range(12)] == OWN
    assert min(projection.grade_probability(i) for i in range(12)) > 0.7


@pytest.mark.parametrize("scale_id", ["swedish_8_anchor", "eng5_np_legacy_9_step", "eng5_np_national_9_step", "cefr_6_level"])
def test_one_anchor_for_each_grade_of_any_scale_is_enough(scale_id: str) -> None:
    scale = get_scale(scale_id)
    k = len(scale.grades)
    projection = projected(np.arange(k) * 3.0, centred_covariance(k, 0.1), list(scale.grades), scale)
    assert [projection.grade(i) for i in range(k)] == list(scale.grades)
    assert [(one.lower, one.upper) for one in projection.boundaries] == list(pairwise(scale.ladder))
    assert [one.n_upper for one in projection.boundaries] == [1] * len(projection.boundaries)


def test_boundaries_lie_between_the_anchors_of_neighbouring_grades() -> None:
    for k, boundary in enumerate(places(with_pupils((0.0,)))):
        assert ORDERED[k + 6] - 0.5 < boundary < ORDERED[k + 1] + 0.5


@st.composite
def graded_batches(draw: st.DrawFn) -> tuple[Floats, Floats, Grades]:
    n = draw(st.integers(4, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    theta = rng.normal(0, draw(st.floats(0.1, 4)), n)
    root = rng.normal(0, draw(st.floats(0.01, 1)), (n, n))
    grades: Grades = [CEFR.grades[g] if g < 6 else None for g in rng.integers(0, 8, n)]
    centring = np.eye(n) - 1 / n
    return theta - theta.mean(), centring @ root @ root.T @ centring / n, grades


@settings(deadline=None, max_examples=12)
@given(graded_batches())
def test_whatever_the_anchors_the_result_is_a_distribution_or_a_reason(batch: tuple[Floats, Floats, Grades]) -> None:
    theta, covariance, grades = batch
    result = project_grades(theta, covariance, grades, CEFR)
    if isinstance(result, Unavailable):
        assert result.reason
        return
    assert result.probabilities.shape == (len(theta), 6)
    assert (result.probabilities >= -1e-12).all()
    assert result.probabilities.sum(axis=1) == pytest.approx(np.ones(len(theta)), abs=1e-9)
    assert (np.diff(places(result)) > 0).all()
    assert (errors(result) > 0).all()
    edges = [-np.inf, *places(result), np.inf]
    for i in range(len(theta)):
        level = CEFR.index(result.grade(i))
        assert edges[level] <= theta[i] <= edges[level + 1]
        assert result.grade_probability(i) == result.probabilities[i, level]
        assert result.grade(i) in result.split_grade(i).split("/")


def test_exactly_at_a_boundary_it_is_fifty_fifty_between_the_neighbours() -> None:
    # One set of draws leaves an error of some hundredths where grades are sharp: the mean of several is asked for.
    def of(pupils: tuple[float, ...], seed: int) -> GradeProjection:
        n = 12 + len(pupils)
        return projected([*ORDERED, *pupils], centred_covariance(n, 0.1), OWN + [None] * len(pupils), seed=seed)

    boundaries = np.mean([places(of((-4.0, -2.0, 0.0, 2.0, 4.0), seed)) for seed in range(6)], axis=0)
    at_boundaries = np.mean([of(tuple(boundaries.tolist()), seed).probabilities[12:] for seed in range(6)], axis=0)
    for k in range(5):
        assert at_boundaries[k, : k + 1].sum() == pytest.approx(0.5, abs=0.04)
        assert at_boundaries[k, k : k + 2].sum() > 0.93


def test_a_higher_place_never_has_a_lower_grade() -> None:
    projection = with_pupils(tuple(np.linspace(-9, 9, 60).tolist()))
    levels = [CEFR.index(projection.grade(12 + i)) for i in range(60)]
    assert levels == sorted(levels)
    assert (levels[0], levels[-1]) == (0, 5)
    at_most = np.cumsum(projection.probabilities[12:], axis=1)
    assert (np.diff(at_most, axis=0) <= 1e-9).all()


def test_neither_unit_nor_origin_of_the_scale_matters() -> None:
    theta, covariance, grades = np.array([*ORDERED, 0.4, 3.1]), centred_covariance(14, 0.4), [*OWN, None, None]
    plain = projected(theta, covariance, grades)
    for factor, shift in ((0.01, 0.0), (7.0, -3.0)):
        other = projected(factor * theta + shift, factor**2 * covariance, grades)
        assert [other.grade(i) for i in range(14)] == [plain.grade(i) for i in range(14)]
        assert other.probabilities == pytest.approx(plain.probabilities, abs=0.05)
        assert (places(other) - shift) / factor == pytest.approx(places(plain), abs=0.1)


def test_the_less_is_known_of_an_essay_the_less_probable_its_grade() -> None:
    projection = with_pupils((1.0,) * 4, se=(0.1, 0.5, 1.0, 2.0))
    assert {projection.grade(12 + i) for i in range(4)} == {"B2"}
    probabilities = [projection.grade_probability(12 + i) for i in range(4)]
    assert probabilities == sorted(probabilities, reverse=True)
    assert probabilities[0] > 0.8
    assert probabilities[-1] < 0.4


def test_the_less_is_known_of_the_anchors_the_less_is_known_of_the_boundaries() -> None:
    known, vague = with_pupils((1.0,)), with_pupils((1.0,), anchor_se=1.0)
    assert (errors(vague) > errors(known)).all()
    assert vague.grade_probability(12) < known.grade_probability(12)


def test_uncertainty_that_essay_and_anchors_share_does_not_blur_the_grade() -> None:
    # A shift of the whole scale moves the boundaries along with the essay: as if nothing were uncertain.
    theta, grades, sure = [*ORDERED, 1.0], [*OWN, None], 0.01 * np.eye(13)
    shared = projected(theta, sure + 4.0 * np.ones((13, 13)), grades)
    assert shared.grade_probability(12) == pytest.approx(projected(theta, sure, grades).grade_probability(12), abs=0.05)
    alone = sure + 4.0 * np.diag([0.0] * 12 + [1.0])
    assert projected(theta, alone, grades).grade_probability(12) < shared.grade_probability(12) - 0.3


def test_grades_without_an_anchor_get_their_share_between_the_others() -> None:
    grades: Grades = ["A1", "A1", "C2", "C2", None, None, None]
    projection = projected([-5.3, -4.7, 4.7, 5.3, -5.0, 0.0, 5.0], centred_covariance(7, 0.1), grades)
    assert (projection.grade(4), projection.grade(6)) == ("A1", "C2")
    assert projection.grade(5) in ("B1", "B2")
    assert projection.grade_probability(5) < 0.7
    assert (np.diff(places(projection)) > 0).all()
    assert [(one.n_lower, one.n_upper) for one in projection.boundaries] == [(2, 0), (0, 0), (0, 0), (0, 0), (0, 2)]


@pytest.mark.parametrize(
    ("grades", "n"),
    [([None] * 4, 0), (["B2", None, None, None], 1), (["B2", "B2", "B2", None], 1)],
)
def test_fewer_than_two_different_grades_place_no_boundary(grades: Grades, n: int) -> None:
    assert project_grades([-1, 0, 0, 1], centred_covariance(4, 0.1), grades, CEFR) == Unavailable(
        f"{n} different anchor grades; at least 2 are needed to place boundaries"
    )


@pytest.mark.parametrize("theta", [[3.0, 1.0, -1.0, -3.0], [0.0, 0.0, 0.0, 0.0], [1.0, -1.0, -1.0, 1.0]])
def test_anchors_that_do_not_rise_with_their_grades_give_no_grades(theta: list[float]) -> None:
    found = project_grades(theta, centred_covariance(4, 0.1), ["A1", "A2", "B1", "B2"], CEFR)
    assert isinstance(found, Unavailable)
    assert "the anchors' locations do not clearly rise with their grades" in found.reason
    assert "logits a grade, SE 0." in found.reason


def test_anchors_that_say_nothing_are_hardly_ever_believed() -> None:
    rng = np.random.default_rng(1)
    grades: Grades = ["A1", "A1", "A2", "A2", "B1", "B1", "B2", "B2", "C1", "C1", "C2", "C2"]
    believed = [project_grades(rng.normal(0, 1, 12), centred_covariance(12, 0.4), grades, CEFR) for _ in range(60)]
    assert sum(not isinstance(found, Unavailable) for found in believed) <= 5


def test_anchors_that_change_places_cost_certainty_and_not_the_scale() -> None:
    swapped = ORDERED.copy()
    swapped[[2, 3]] = swapped[[3, 2]]
    projection = projected(swapped, centred_covariance(12, 0.1), OWN)
    assert projection.probabilities.max(axis=1).mean() < with_pupils((0.0,)).probabilities[:12].max(axis=1).mean() - 0.05
    assert (projection.grade(0), projection.grade(5)) == ("A1", "C2")


def test_the_same_seed_gives_the_same_grades_and_another_seed_nearly_the_same() -> None:
    theta, covariance, grades = [*ORDERED, 0.4], centred_covariance(13, 0.4), [*OWN, None]
    one, again, other = (projected(theta, covariance, grades, seed=seed) for seed in (1, 1, 2))
    assert (one.probabilities == again.probabilities).all()
    assert one.boundaries == again.boundaries
    assert (one.probabilities != other.probabilities).any()
    assert other.probabilities == pytest.approx(one.probabilities, abs=0.05)


def test_a_grade_that_is_not_on_the_scale_is_an_error() -> None:
    with pytest.raises(ValueError, match="cefr_6_level: 'A' is no anchor's grade"):
        project_grades([0, 1], centred_covariance(2, 0.1), ["A1", "A"], CEFR)


@pytest.mark.parametrize(
    ("probability", "label"),
    [
        (1.0, "HIGH"),
        (0.70, "HIGH"),
        (float(np.nextafter(0.70, 0)), "MID"),
        (0.40, "MID"),
        (float(np.nextafter(0.40, 0)), "LOW"),
        (0.0, "LOW"),
    ],
)
def test_labels_of_certainty_begin_exactly_at_their_limits(probability: float, label: str) -> None:
    assert confidence_label(probability) == label


def test_probabilities_keep_their_word() -> None:
    # Examiners of three kinds, from exact to rather vague: of grades with probability p, a share of about p is right.
    rng = np.random.default_rng(1)
    n, n_anchors, sd, se = 160, 12, 2.0, 0.4
    shrinkage = sd**2 / (sd**2 + se**2)
    claimed, right = [], []
    for blur in (0.0, 0.2, 0.4) * 4:
        gaps = np.exp(rng.normal(0, 0.4, 4))
        boundaries = np.concatenate([[0.0], np.cumsum(gaps)]) * 3 * sd / gaps.sum() - 1.5 * sd
        truth = rng.normal(0, sd, n)
        levels = np.searchsorted(boundaries, truth + blur * 1.5 * sd / 2 * rng.logistic(size=n))
        grades: Grades = [CEFR.grades[level] if i < n_anchors else None for i, level in enumerate(levels)]
        theta = shrinkage * (truth + rng.normal(0, se, n))
        projection = project_grades(theta, shrinkage * se**2 * np.eye(n), grades, CEFR)
        if isinstance(projection, GradeProjection):
            claimed.append(projection.probabilities[np.arange(n), projection.levels][n_anchors:])
            right.append((projection.levels == levels)[n_anchors:])
    probability, came = np.concatenate(claimed), np.concatenate(right)
    bins = np.minimum((probability * 10).astype(int), 9)
    gaps_by_bin = np.abs(np.bincount(bins, probability - came, minlength=10))
    assert len(claimed) >= 10
    assert gaps_by_bin.sum() / len(probability) <= 0.05
    assert np.mean(came) == pytest.approx(np.mean(probability), abs=0.03)


def test_the_stated_monte_carlo_error_is_that_between_seeds() -> None:
    theta, covariance, grades = [*ORDERED, 0.4, 2.9], centred_covariance(14, 0.4), [*OWN, None, None]
    projections = [projected(theta, covariance, grades, seed=seed) for seed in range(8)]
    observed = np.std([one.probabilities for one in projections], axis=0, ddof=1).max()
    stated = np.mean([one.monte_carlo_error for one in projections])
    assert 0.6 * stated <= observed <= 2 * stated
    assert stated < 0.02
