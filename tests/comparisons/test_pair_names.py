"""Pairs by name: the same pair has the same id on every machine, and any other pair has another."""

import os
import re
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huleedu_pipeline.comparisons import ComparisonPair, plan_pairs, specified_pairs

PRINT_IDS = """
from huleedu_pipeline.comparisons import plan_pairs
print([pair.pair_id for pair in plan_pairs("eng5", ["åsa", "bo", "c d", "e", "f"], 7, 3)])
"""
words = st.text(st.characters(exclude_categories=["Cs"]))


def in_another_process(hash_seed: str) -> str:
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    done = subprocess.run([sys.executable, "-c", PRINT_IDS], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_pairs_are_the_same_in_every_process() -> None:
    here = [pair.pair_id for pair in plan_pairs("eng5", ["åsa", "bo", "c d", "e", "f"], 7, 3)]
    assert in_another_process("1") == in_another_process("2") == str(here)


def test_a_known_id_stays_what_it_is() -> None:
    # What `printf '["eng5","anna","bo",1]' | sha256sum` prints, cut to 24 digits.
    assert ComparisonPair("eng5", "anna", "bo").pair_id == "p_85f03e1ed7a872eccc0eaaa8"


@given(words, words, words, st.integers(1, 10**6))
def test_ids_are_plain_whatever_the_names(batch_id: str, first: str, second: str, replicate: int) -> None:
    pair = ComparisonPair(batch_id, first, second, replicate=replicate)
    assert re.fullmatch(r"p_[0-9a-f]{24}", pair.pair_id)


def test_what_makes_another_question_makes_another_id() -> None:
    pairs = [
        ComparisonPair("eng5", "anna", "bo"),
        ComparisonPair("eng5", "bo", "anna"),
        ComparisonPair("eng5", "anna", "bo", replicate=2),
        ComparisonPair("eng6", "anna", "bo"),
        ComparisonPair("eng5", "anna", "cilla"),
        ComparisonPair("eng5", "cilla", "bo"),
        ComparisonPair("eng5a", "nna", "bo"),
        ComparisonPair("eng5", "annab", "o"),
    ]
    assert len({pair.pair_id for pair in pairs}) == len(pairs)


def test_the_wave_in_which_a_pair_is_asked_is_not_part_of_its_name() -> None:
    assert ComparisonPair("eng5", "a", "b", wave=2).pair_id == ComparisonPair("eng5", "a", "b", wave=1).pair_id


def test_a_coverage_wave_names_the_essays_that_it_was_given() -> None:
    ids = ["anna", "bo", "cilla", "david"]
    pairs = plan_pairs("eng5", ids, 6, 1)
    assert len({pair.pair_id for pair in pairs}) == 6
    assert {frozenset((pair.essay_a_id, pair.essay_b_id)) for pair in pairs} == {
        frozenset((a, b)) for a in ids for b in ids if a != b
    }
    assert {(pair.batch_id, pair.wave, pair.replicate, pair.pair_generation_mode) for pair in pairs} == {
        ("eng5", 1, 1, "coverage")
    }


def test_large_waves_have_pairs_in_both_orders_under_names_of_their_own() -> None:
    pairs = plan_pairs("eng5", [f"e{i}" for i in range(60)], 600, 1)
    assert len({pair.pair_id for pair in pairs}) == 600
    modes = Counter(pair.pair_generation_mode for pair in pairs)
    assert modes == {"coverage": 570, "resampling": 30}
    seen: set[frozenset[str]] = set()
    for pair in pairs:
        both = frozenset((pair.essay_a_id, pair.essay_b_id))
        assert (pair.pair_generation_mode == "resampling") == (both in seen)
        seen.add(both)


@pytest.mark.parametrize(("n", "max_comparisons"), [(36, 360), (60, 480), (32, 496)])
def test_small_waves_and_complete_ones_ask_every_pair_once(n: int, max_comparisons: int) -> None:
    pairs = plan_pairs("eng5", [f"e{i}" for i in range(n)], max_comparisons, 1)
    assert len({frozenset((pair.essay_a_id, pair.essay_b_id)) for pair in pairs}) == len(pairs) == max_comparisons


def test_named_pairs_keep_their_order_and_what_comes_again_is_a_replicate() -> None:
    pairs = specified_pairs("eng5", [("a", "b"), ("b", "a"), ("a", "b"), ("a", "c")])
    assert [(one.essay_a_id, one.essay_b_id, one.replicate) for one in pairs] == [
        ("a", "b", 1),
        ("b", "a", 1),
        ("a", "b", 2),
        ("a", "c", 1),
    ]
    assert [one.pair_generation_mode for one in pairs] == ["coverage", "resampling", "resampling", "coverage"]
    assert len({one.pair_id for one in pairs}) == 4
