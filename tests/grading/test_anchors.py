"""Anchors are checked: each by the others, by earlier locations, and by its fit; nothing is claimed that can not be seen."""

import numpy as np
import pytest

from huleedu_pipeline.grading import AnchorReport, Unavailable, check_anchors, get_scale, project_grades
from huleedu_pipeline.grading.ladder import ladder_residuals
from tests.grading.kit import CEFR, Floats, Grades, centred_covariance

SCALE = get_scale("eng5_np_national_9_step")
LEVELS = np.array([0, 0, 1, 2, 3, 4, 5, 6, 7, 7, 8, 8])
GRADES: Grades = [SCALE.grades[level] for level in LEVELS]
STEP, SE = 0.5, 0.2


def report_on(theta: Floats, grades: Grades = GRADES, se: float = SE, **more: object) -> AnchorReport:
    covariance = centred_covariance(len(theta), se)
    projection = project_grades(theta, covariance, grades, SCALE)
    report = check_anchors(theta, covariance, grades, SCALE, projection, **more)  # type: ignore[arg-type]
    assert isinstance(report, AnchorReport)
    return report


def test_an_even_ladder_raises_no_flag_and_rows_are_complete() -> None:
    report = report_on(STEP * LEVELS + np.tile([-0.05, 0.05], 6))
    assert [row.flags for row in report.anchors] == [()] * 12
    assert [row.grade for row in report.anchors] == GRADES
    assert report.rise_per_grade == pytest.approx(STEP, abs=0.02)
    for row in report.anchors:
        assert row.theta_se == pytest.approx(SE * (11 / 12) ** 0.5)
        assert row.grade_probability is not None
        assert row.leave_one_out_probability is not None
        assert 0 <= row.leave_one_out_probability <= 1
        assert row.ladder_z is not None
        assert abs(row.ladder_z) < 2
        assert (row.displacement_z, row.drift_z, row.infit, row.outfit) == (None, None, None, None)


def test_a_wrong_anchor_is_found_and_its_own_grade_is_improbable_without_it() -> None:
    theta = STEP * LEVELS + np.tile([-0.05, 0.05], 6)
    theta[4] += 1.5
    report = report_on(theta)
    wrong = report.anchors[4]
    assert "ladder" in wrong.flags
    assert "order" in wrong.flags
    assert wrong.ladder_residual == pytest.approx(1.5, abs=0.25)
    assert wrong.n_contradictions >= 1
    assert wrong.leave_one_out_probability is not None
    assert wrong.leave_one_out_probability < 0.15
    assert [row.essay for row in report.anchors if "ladder" in row.flags] == [4]
    assert report.regions[0].from_grade == wrong.grade


def test_planted_wrong_anchors_are_found_and_right_ones_are_left_alone() -> None:
    rng = np.random.default_rng(1)
    n_found = n_alarms = 0
    n = 300
    for k in range(n):
        clean = STEP * LEVELS + rng.normal(0, SE, 12)
        n_alarms += any(one is not None and one.is_off for one in ladder_residuals(clean, LEVELS, SE**2 * np.eye(12)))
        place = int(rng.integers(12))
        clean[place] += 1.5 if k % 2 else -1.5
        planted = ladder_residuals(clean, LEVELS, SE**2 * np.eye(12))[place]
        n_found += planted is not None and planted.is_off
    assert n_found >= 0.95 * n
    assert n_alarms <= 0.06 * n


def test_what_a_wide_or_uneven_ladder_can_not_show_is_said() -> None:
    even = report_on(STEP * LEVELS + np.tile([-0.05, 0.05], 6))
    uneven = report_on(np.array([0.0, 0.1, 0.2, 2.0, 2.2, 2.4, 4.5, 4.6, 6.0, 6.5, 9.0, 9.5]))
    assert even.can_find(1.5)
    assert not uneven.can_find(1.5)
    detectable = [row.detectable for row in uneven.anchors]
    assert all(logits is not None and logits > 1.5 for logits in detectable)


def test_displacement_drift_and_fit_join_the_rows() -> None:
    none = np.full(12, np.nan)
    displaced, drifted = none.copy(), none.copy()
    displaced[[1, 2]], drifted[3] = (-3.0, 2.6), 2.8
    infit = np.ones(12)
    infit[[5, 6]] = 1.6, 0.4
    outfit = np.ones(12)
    outfit[7] = 2.0
    report = report_on(
        STEP * LEVELS + np.tile([-0.05, 0.05], 6),
        displacement_z=displaced,
        drift_z=drifted,
        infit=infit,
        outfit=outfit,
        infit_limits=(0.5, 1.5),
        outfit_limits=(0.3, 1.8),
    )
    flags = {row.essay: row.flags for row in report.anchors if row.flags}
    assert flags == {1: ("displacement",), 3: ("drift",), 5: ("infit",), 6: ("infit",), 7: ("outfit",)}
    assert [report.anchors[i].displacement_z for i in (0, 1, 2)] == [None, -3.0, 2.6]
    assert report.anchors[7].outfit == 2.0


def test_anchors_that_allow_no_grades_are_checked_all_the_same() -> None:
    theta = -STEP * LEVELS * 1.0
    covariance = centred_covariance(12, SE)
    projection = project_grades(theta, covariance, GRADES, SCALE)
    assert isinstance(projection, Unavailable)
    report = check_anchors(theta, covariance, GRADES, SCALE, projection)
    assert isinstance(report, AnchorReport)
    assert all(row.projected_grade is None and row.leave_one_out_grade is None for row in report.anchors)
    assert all("order" in row.flags for row in report.anchors)
    (region,) = report.regions
    assert (region.from_grade, region.to_grade) == ("1", "9")


def test_few_anchors_are_said_to_show_little() -> None:
    grades: Grades = ["A1", "C2", None]
    covariance = centred_covariance(3, 0.1)
    report = check_anchors(
        [-2.0, 2.0, 0.0], covariance, grades, CEFR, project_grades([-2.0, 2.0, 0.0], covariance, grades, CEFR)
    )
    assert isinstance(report, AnchorReport)
    for row in report.anchors:
        assert (row.leave_one_out_grade, row.ladder_z, row.detectable, row.flags) == (None, None, None, ())
        assert row.projected_grade == row.grade
    assert not report.can_find(10.0)


def test_one_grade_can_not_be_checked() -> None:
    found = check_anchors([0.0, 1.0], np.eye(2), ["B1", None], CEFR, Unavailable("one grade"))
    assert found == Unavailable("1 different anchor grades; at least 2 are needed to place boundaries")
