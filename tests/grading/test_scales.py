"""Grade scales: known by name, ordered from the lowest grade, and nothing is looked up by guessing."""

import subprocess
import sys

import pytest

from huleedu_pipeline.grading import get_scale, list_scales
from huleedu_pipeline.grading.scales import UnknownScaleError


@pytest.mark.parametrize(
    ("scale_id", "grades"),
    [
        ("swedish_8_anchor", "F E D D+ C C+ B A"),
        ("eng5_np_legacy_9_step", "F+ E- E+ D- D+ C- C+ B A"),
        ("eng5_np_national_9_step", "1 2 3 4 5 6 7 8 9"),
        ("cefr_6_level", "A1 A2 B1 B2 C1 C2"),
    ],
)
def test_the_scales_run_from_the_lowest_grade_to_the_highest(scale_id: str, grades: str) -> None:
    scale = get_scale(scale_id)
    assert scale.grades == tuple(grades.split())
    assert [scale.ladder[scale.index(grade)] for grade in scale.grades] == list(scale.grades)


def test_an_essay_may_be_given_a_grade_below_the_lowest_where_the_scale_has_one() -> None:
    below = {scale.scale_id: scale.below_lowest for scale in list_scales()}
    assert below == {
        "swedish_8_anchor": None,
        "eng5_np_legacy_9_step": "F",
        "eng5_np_national_9_step": "0",
        "cefr_6_level": None,
    }
    assert get_scale("eng5_np_legacy_9_step").ladder[:2] == ("F", "F+")
    assert get_scale("cefr_6_level").ladder == get_scale("cefr_6_level").grades


def test_every_scale_is_listed_with_a_description_and_no_grade_twice() -> None:
    scales = list_scales()
    assert [get_scale(scale.scale_id) for scale in scales] == list(scales)
    assert len(scales) == 4
    for scale in scales:
        assert scale.description
        assert len(set(scale.grades)) == len(scale.grades)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ("cefr_6_levels", "did you mean 'cefr_6_level'?"),
        ("eng5_np_legacy", "did you mean 'eng5_np_legacy_9_step'?"),
        ("Swedish_8_anchor", "did you mean 'swedish_8_anchor'?"),
        ("xyz", "choose one of swedish_8_anchor, eng5_np_legacy_9_step, eng5_np_national_9_step, cefr_6_level"),
        ("", "choose one of swedish_8_anchor, eng5_np_legacy_9_step, eng5_np_national_9_step, cefr_6_level"),
    ],
)
def test_an_unknown_scale_is_refused_with_the_nearest(wrong: str, hint: str) -> None:
    with pytest.raises(UnknownScaleError) as refused:
        get_scale(wrong)
    assert str(refused.value) == f"grade_scale: '{wrong}' is not a known scale ({hint})"


@pytest.mark.parametrize("grade", ["a", "A+", "", "F"])
def test_a_grade_of_another_scale_has_no_place(grade: str) -> None:
    with pytest.raises(ValueError, match="is no anchor's grade"):
        get_scale("eng5_np_legacy_9_step").index(grade)


def test_asking_for_a_scale_costs_no_scipy() -> None:
    program = "import sys, huleedu_pipeline.grading as g; g.get_scale('cefr_6_level'); print('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "False\n"
