"""The bounds outside of which a scaled batch is to be looked at."""

import pytest

from huleedu_pipeline.scaling.acceptance import position_effect_problem, reliability_problem


@pytest.mark.parametrize(
    ("effect", "p_value", "words"),
    [
        (0.5, 0.0, None),
        (-0.4, 1e-9, None),
        (0.9, 0.2, None),
        (0.51, 0.04, "shown first by 0.51 logits"),
        (-1.2, 1e-9, "shown second by 1.20 logits"),
    ],
)
def test_a_position_effect_is_a_problem_when_it_is_large_and_more_than_chance(
    effect: float, p_value: float, words: str | None
) -> None:
    problem = position_effect_problem(effect, p_value)
    assert (problem is None) if words is None else words in (problem or "")


@pytest.mark.parametrize(
    ("marginal", "of_noise", "target", "words"),
    [
        (0.7, 0.3, None, None),
        (0.69, 0.3, None, "below the floor of 0.70"),
        (0.69, 0.3, 0.6, None),
        (0.75, 0.3, 0.8, "below target_reliability of 0.80"),
        (0.72, 0.75, None, "no more than tosses of a coin reach"),
        (0.0, 0.0, None, "no more than tosses of a coin reach"),
    ],
)
def test_a_ranking_needs_more_than_noise_and_its_floor(
    marginal: float, of_noise: float, target: float | None, words: str | None
) -> None:
    problem = reliability_problem(marginal, of_noise, target)
    assert (problem is None) if words is None else words in (problem or "")
