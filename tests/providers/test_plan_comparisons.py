"""What is priced and what is asked is one plan, and the anchors' grades reach it in the order of their scale."""

import pytest

from huleedu_pipeline.essays.spec import BatchSpec
from huleedu_pipeline.grading import GradeScale, get_scale
from huleedu_pipeline.judging.spec import BatchingMode
from huleedu_pipeline.providers.planning import most_comparisons_of, plan_comparisons, rules_of

ANCHORS = {"a1": "F", "a2": "A", "a3": "C", "a4": "E"}
ESSAYS: dict[str, str | None] = {**ANCHORS, **{f"p{number}": None for number in range(20)}}
SPEC = BatchSpec(batch_id="b", max_comparisons=150, llm_batching_mode="provider_batch_api")
SCALE = get_scale("swedish_8_anchor")


def test_every_pupil_meets_a_lower_and_a_higher_anchor() -> None:
    met: dict[str, set[str]] = {essay: set() for essay in ESSAYS if essay not in ANCHORS}
    for pair in plan_comparisons(SPEC, SCALE, ESSAYS):
        for essay, other in ((pair.essay_a_id, pair.essay_b_id), (pair.essay_b_id, pair.essay_a_id)):
            if essay in met and other in ANCHORS:
                met[essay].add(ANCHORS[other])
    # Two anchors each, half of the scale apart: F and C, or E and A.
    assert {frozenset(grades) for grades in met.values()} == {frozenset("FC"), frozenset("EA")}


def test_the_plan_keeps_to_the_cap_and_to_the_seed() -> None:
    pairs = plan_comparisons(SPEC, SCALE, ESSAYS)
    assert len({pair.pair_id for pair in pairs}) == 150
    assert pairs == plan_comparisons(SPEC, SCALE, ESSAYS)
    assert pairs != plan_comparisons(SPEC.model_copy(update={"seed": 2}), SCALE, ESSAYS)


@pytest.mark.parametrize("scale", [None, SCALE])
def test_without_anchors_everybody_is_compared_equally_often(scale: GradeScale | None) -> None:
    pairs = plan_comparisons(SPEC, scale, dict.fromkeys(map(str, range(20))))
    shown = [essay for pair in pairs for essay in (pair.essay_a_id, pair.essay_b_id)]
    assert {shown.count(str(number)) for number in range(20)} == {15}


@pytest.mark.parametrize("mode", ["provider_batch_api", "per_request"])
def test_named_pairs_are_one_wave_in_every_mode_and_are_all_that_is_priced(mode: BatchingMode) -> None:
    pairs = (("x", "y"), ("y", "x"), ("x", "y"), ("x", "z"))
    spec = BatchSpec(batch_id="b", pairs=pairs, llm_batching_mode=mode)
    essays = dict.fromkeys("xyz")
    planned = plan_comparisons(spec, None, essays)
    assert sorted((pair.essay_a_id, pair.essay_b_id) for pair in planned) == sorted(pairs)
    assert {pair.pair_id for pair in most_comparisons_of(spec, None, essays)} == {pair.pair_id for pair in planned}
    rules = rules_of(spec, 3)
    assert (rules.is_single_wave, rules.max_comparisons) == (True, 4)
