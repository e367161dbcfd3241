"""Grade projection: anchors place the boundaries, and every grade comes with an honest probability."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huleedu_pipeline.grading import GradeProjection, Unavailable, confidence_label, get_scale, project_grades
from tests.grading.kit import NINE, Floats, centred_covariance, projected

# Two anchors for each grade, two logits from grade to grade, a little apart from one another.
ORDERED = np.concatenate([np.arange(9) * 2.0 - 8.3, np.arange(9) * 2.0 - 7.7])
OWN: list[str | None] = [*NINE.grades, *NINE.grades]


def with_pupils(theta: list[float], se: float = 0.1, anchor_se: float = 0.1) -> GradeProjection:
    """Project onto pupils' essays at ``theta``, whose uncertainty is independent of the ordered anchors'."""
    n = len(theta)
    covariance = np.zeros((18 + n, 18 + n))
    covariance[:18, :18] = centred_covariance(18, anchor_se)
    covariance[18:, 18:] = se**2 * np.eye(n)
    return projected([*ORDERED, *theta], covariance, OWN + [None] * n)


def test_well_separated_anchors_get_their_own_grades() -> None:
    projection = projected(ORDERED, centred_covariance(18, 0.1), OWN)
    assert [projection.grade(i) for i in range(18)] == OWN
    assert min(projection.grade_probability(i) for i in range(18)) > 0.7


def test_one_anchor_for_each_grade_is_enough() -> None:
    projection = projected(np.arange(9) * 2.0 - 8, centred_covariance(9, 0.1), list(NINE.grades))
    assert [projection.grade(i) for i in range(9)] == list(NINE.grades)
    single, double = projection.boundaries_se, projected(ORDERED, centred_covariance(18, 0.1), OWN).boundaries_se
    assert single.mean() > double.mean()


@pytest.mark.parametrize("scale_id", ["swedish_8_anchor", "eng5_np_national_9_step", "cefr_6_level"])
def test_every_scale_is_projected_alike(scale_id: str) -> None:
    scale = get_scale(scale_id)
    k = len(scale.grades)
    projection = projected(np.arange(k) * 3.0, centred_covariance(k, 0.1), list(scale.grades), scale)
    assert [projection.grade(i) for i in range(k)] == list(scale.grades)
    assert projection.boundaries.shape == projection.boundaries_se.shape == (k - 1,)


def test_boundaries_lie_between_the_anchors_of_neighbouring_grades() -> None:
    boundaries = projected(ORDERED, centred_covariance(18, 0.1), OWN).boundaries
    # The outermost grades are open on one side, so only their inner neighbours say where they begin.
    for k, boundary in enumerate(boundaries):
        assert ORDERED[k + 9] - 0.5 < boundary < ORDERED[k + 1] + 0.5


@st.composite
def graded_batches(draw: st.DrawFn) -> tuple[Floats, Floats, list[str | None]]:
    n = draw(st.integers(4, 12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    theta = rng.normal(0, draw(st.floats(0.1, 4)), n)
    root = rng.normal(0, draw(st.floats(0.01, 1)), (n, n))
    grades: list[str | None] = [NINE.grades[g] if g < 9 else None for g in rng.integers(0, 12, n)]
    centring = np.eye(n) - 1 / n
    return theta - theta.mean(), centring @ root @ root.T @ centring / n, grades


@settings(deadline=None, max_examples=25)
@given(graded_batches())
def test_whatever_the_anchors_the_result_is_a_distribution_or_a_reason(batch: tuple[Floats, Floats, list[str | None]]) -> None:
    theta, covariance, grades = batch
    result = project_grades(theta, covariance, grades, NINE)
    if isinstance(result, Unavailable):
        assert result.reason
        return
    assert result.probabilities.shape == (len(theta), 9)
    assert (result.probabilities >= -1e-12).all()
    assert result.probabilities.sum(axis=1) == pytest.approx(np.ones(len(theta)), abs=1e-9)
    assert (np.diff(result.boundaries) > 0).all()
    assert (result.boundaries_se > 0).all()
    for i in range(len(theta)):
        level = NINE.index(result.grade(i))
        assert result.grade_probability(i) == result.probabilities[i, level]
        # The grade is the median: at least half of the probability on it and above, at least half on it and below.
        assert result.probabilities[i, : level + 1].sum() >= 0.5 - 1e-9
        assert result.probabilities[i, level:].sum() >= 0.5 - 1e-9


@pytest.mark.parametrize("k", range(8))
def test_exactly_at_a_boundary_it_is_fifty_fifty_between_the_neighbours(k: int) -> None:
    boundary = float(projected(ORDERED, centred_covariance(18, 0.1), OWN).boundaries[k])
    below, above = with_pupils([boundary]).probabilities[18, k : k + 2]
    assert below == pytest.approx(0.5, abs=0.03)
    assert above == pytest.approx(0.5, abs=0.03)


def test_a_higher_place_never_has_a_lower_grade() -> None:
    places = np.linspace(-12, 12, 60).tolist()
    projection = with_pupils(places)
    levels = [NINE.index(projection.grade(18 + i)) for i in range(60)]
    assert levels == sorted(levels)
    assert (levels[0], levels[-1]) == (0, 8)
    at_most = np.cumsum(projection.probabilities[18:], axis=1)
    assert (np.diff(at_most, axis=0) <= 1e-9).all()


@pytest.mark.parametrize("factor", [0.01, 0.3, 7.0])
def test_the_unit_of_the_scale_does_not_matter(factor: float) -> None:
    theta, covariance, grades = [*ORDERED, 0.4, 3.1], centred_covariance(20, 0.5), [*OWN, None, None]
    plain = projected(theta, covariance, grades)
    scaled = projected(factor * np.array(theta), factor**2 * covariance, grades)
    assert [scaled.grade(i) for i in range(20)] == [plain.grade(i) for i in range(20)]
    assert scaled.probabilities == pytest.approx(plain.probabilities, abs=0.02)
    assert scaled.boundaries / factor == pytest.approx(plain.boundaries, abs=0.05)


def test_the_origin_of_the_scale_does_not_matter() -> None:
    theta, covariance, grades = np.array([*ORDERED, 0.4, 3.1]), centred_covariance(20, 0.5), [*OWN, None, None]
    plain, moved = projected(theta, covariance, grades), projected(theta + 5, covariance, grades)
    assert moved.probabilities == pytest.approx(plain.probabilities, abs=0.02)
    assert moved.boundaries - 5 == pytest.approx(plain.boundaries, abs=0.05)


def test_the_less_is_known_of_an_essay_the_less_probable_its_grade() -> None:
    probabilities = [with_pupils([0.0], se).grade_probability(18) for se in (0.1, 0.5, 1.0, 2.0)]
    assert probabilities == sorted(probabilities, reverse=True)
    assert probabilities[0] > 0.8
    assert probabilities[-1] < 0.4


def test_the_less_is_known_of_the_anchors_the_less_is_known_of_the_boundaries() -> None:
    known, vague = with_pupils([0.0], anchor_se=0.1), with_pupils([0.0], anchor_se=1.5)
    assert (vague.boundaries_se > known.boundaries_se).all()
    assert vague.grade_probability(18) < known.grade_probability(18)


def test_uncertainty_that_essay_and_anchors_share_does_not_blur_the_grade() -> None:
    # A shift of the whole scale moves the boundaries along with the essay: as if nothing were uncertain.
    theta, grades = [*ORDERED, 0.0], [*OWN, None]
    sure = 0.01 * np.eye(19)
    shifted = projected(theta, sure + 4.0 * np.ones((19, 19)), grades)
    assert shifted.grade_probability(18) == pytest.approx(projected(theta, sure, grades).grade_probability(18), abs=0.02)
    apart = sure.copy()
    apart[18, 18] += 4.0
    assert projected(theta, apart, grades).grade_probability(18) < shifted.grade_probability(18) - 0.3


def test_grades_without_an_anchor_get_their_share_between_the_others() -> None:
    grades: list[str | None] = ["F+", "F+", "A", "A", None, None, None]
    theta = [-8.3, -7.7, 7.7, 8.3, -8.0, 0.0, 8.0]
    projection = projected(theta, centred_covariance(7, 0.1), grades)
    assert (projection.grade(4), projection.grade(6)) == ("F+", "A")
    assert projection.grade(5) in ("D-", "D+", "C-")
    assert projection.grade_probability(5) < 0.7
    assert (np.diff(projection.boundaries) > 0).all()


@pytest.mark.parametrize(
    ("grades", "reason"),
    [
        ([None] * 4, "0 different anchor grades; at least 2 are needed to place boundaries"),
        (["B", None, None, None], "1 different anchor grades; at least 2 are needed to place boundaries"),
        (["B", "B", "B", None], "1 different anchor grades; at least 2 are needed to place boundaries"),
    ],
)
def test_fewer_than_two_different_grades_place_no_boundary(grades: list[str | None], reason: str) -> None:
    assert project_grades([-1, 0, 0, 1], centred_covariance(4, 0.1), grades, NINE) == Unavailable(reason)


@pytest.mark.parametrize("theta", [[3.0, 1.0, -1.0, -3.0], [0.0, 0.0, 0.0, 0.0], [1.0, -1.0, -1.0, 1.0]])
def test_anchors_that_do_not_rise_with_their_grades_give_no_grades(theta: list[float]) -> None:
    result = project_grades(theta, centred_covariance(4, 0.1), ["E-", "D-", "C-", "B"], NINE)
    assert result == Unavailable("the anchors' locations do not rise with their grades; the judge does not follow this scale")


def test_two_anchors_that_change_places_cost_certainty_and_not_the_grades() -> None:
    swapped = ORDERED.copy()
    swapped[[3, 4]] = swapped[[4, 3]]
    projection, clean = (projected(theta, centred_covariance(18, 0.1), OWN) for theta in (swapped, ORDERED))
    assert projection.probabilities.max(axis=1).mean() < clean.probabilities.max(axis=1).mean()
    assert (projection.grade(0), projection.grade(8)) == ("F+", "A")


def test_the_same_seed_gives_the_same_grades_and_another_seed_nearly_the_same() -> None:
    theta, covariance, grades = [*ORDERED, 0.4], centred_covariance(19, 0.5), [*OWN, None]
    one, again, other = (projected(theta, covariance, grades, seed=seed) for seed in (1, 1, 2))
    assert (one.probabilities == again.probabilities).all()
    assert (one.boundaries == again.boundaries).all()
    assert (one.probabilities != other.probabilities).any()
    assert other.probabilities == pytest.approx(one.probabilities, abs=0.03)


def test_a_grade_that_is_not_on_the_scale_is_an_error() -> None:
    with pytest.raises(ValueError, match="not in tuple"):
        project_grades([0, 1], centred_covariance(2, 0.1), ["A", "Z"], NINE)


@pytest.mark.parametrize(
    ("probability", "label"),
    [
        (1.0, "HIGH"),
        (0.70, "HIGH"),
        (np.nextafter(0.70, 0), "MID"),
        (0.40, "MID"),
        (np.nextafter(0.40, 0), "LOW"),
        (0.0, "LOW"),
    ],
)
def test_labels_of_certainty_begin_exactly_at_their_limits(probability: float, label: str) -> None:
    assert confidence_label(probability) == label


def test_probabilities_keep_their_word() -> None:
    # Essays and anchors drawn with known boundaries: grades with probability p are right in about a share p of cases.
    rng, claimed, right = np.random.default_rng(1), [], []
    boundaries = np.array([-2.4, -1.5, -0.8, -0.1, 0.6, 1.3, 2.0, 2.9])
    for _ in range(25):
        truth = rng.normal(0, 1.8, 40)
        levels = np.searchsorted(boundaries, truth)
        theta = truth + rng.normal(0, 0.35, 40)
        anchors = rng.choice(40, 14, replace=False)
        grades: list[str | None] = [NINE.grades[level] if i in anchors else None for i, level in enumerate(levels)]
        projection = projected(theta, 0.35**2 * np.eye(40), grades)
        for i in set(range(40)) - set(anchors.tolist()):
            claimed.append(projection.grade_probability(i))
            right.append(projection.grade(i) == NINE.grades[levels[i]])
    assert np.mean(claimed) == pytest.approx(np.mean(right), abs=0.06)
