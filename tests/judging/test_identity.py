"""Identities of judges and requests: the same on every machine, different for anything that could change an answer."""

import os
import re
import subprocess
import sys
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huleedu_pipeline.canonical import canonical_json, short_hash
from huleedu_pipeline.judging.requests import custom_id
from huleedu_pipeline.judging.spec import HUMAN, Judge, JudgeSettings, Provider, default_model, is_simulated, resolve_model

JUDGE = Judge(
    provider="openai",
    model="gpt-6-luna",
    prompt_template="default-1",
    system_prompt="You compare essays.",
    assignment_prompt="Write about Åre.",
    rubric="Content.",
    temperature=None,
    max_output_tokens=600,
    reasoning_effort=None,
    output_verbosity=None,
)
OTHER: dict[str, Any] = {
    "provider": "anthropic",
    "model": "gpt-6-sol",
    "prompt_template": "default-2",
    "system_prompt": "You compare essays. ",
    "assignment_prompt": "Write about åre.",
    "rubric": "Content",
    "temperature": 0.0,
    "max_output_tokens": 601,
    "reasoning_effort": "low",
    "output_verbosity": "low",
    "api": "chat_completions",
    "service_tier": "flex",
    "reason_length": "long",
}
PRINT_IDS = f"""
from huleedu_pipeline.judging.requests import custom_id
from huleedu_pipeline.judging.spec import Judge
print({JUDGE!r}.judge_id, custom_id("eng5", "p_1", "j_1"))
"""
names = st.text(st.characters(exclude_categories=["Cs"]))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("field", [field.name for field in fields(Judge)])
def test_every_field_of_a_judge_is_part_of_its_identity(field: str) -> None:
    assert replace(JUDGE, **{field: OTHER[field]}).judge_id != JUDGE.judge_id


def test_temperature_0_is_not_the_providers_default() -> None:
    assert replace(JUDGE, temperature=0.0).judge_id != replace(JUDGE, temperature=None).judge_id


def test_the_same_judge_has_the_same_id() -> None:
    assert replace(JUDGE).judge_id == JUDGE.judge_id
    assert re.fullmatch(r"j_[0-9a-f]{16}", JUDGE.judge_id)


def test_a_judge_from_before_there_was_a_choice_of_api_keeps_its_id() -> None:
    assert (
        JUDGE.judge_id
        == replace(JUDGE, api="responses", service_tier=None, reason_length="short").judge_id
        == "j_9efff495b4f36422"
    )


def test_identities_are_the_same_in_every_process() -> None:
    def elsewhere(hash_seed: str) -> str:
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        done = subprocess.run([sys.executable, "-c", PRINT_IDS], env=environment, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    assert elsewhere("1") == elsewhere("2") == f"{JUDGE.judge_id} {custom_id('eng5', 'p_1', 'j_1')}"


@given(names, names, names)
def test_custom_ids_are_legal_for_both_providers_whatever_the_names(batch_id: str, pair_id: str, judge_id: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", custom_id(batch_id, pair_id, judge_id))


def test_custom_ids_tell_batch_pair_and_judge_apart() -> None:
    base = ("eng5", "p_1", "j_1")
    others = [
        ("eng6", "p_1", "j_1"),
        ("eng5", "p_2", "j_1"),
        ("eng5", "p_1", "j_2"),
        ("eng5p", "_1", "j_1"),
        ("eng5", "j_1", "p_1"),
    ]
    ids = [custom_id(*names) for names in [base, *others]]
    assert len(set(ids)) == len({request_id.rpartition("_")[2] for request_id in ids}) == 6


@given(names, st.sets(st.tuples(names, names), min_size=2, max_size=5))
def test_requests_of_one_batch_begin_alike_and_end_apart(batch_id: str, pairs_and_judges: set[tuple[str, str]]) -> None:
    ids = [custom_id(batch_id, pair_id, judge_id) for pair_id, judge_id in pairs_and_judges]
    assert len(set(ids)) == len(ids)
    assert len({request_id.rpartition("_")[0] for request_id in ids}) == 1


@given(st.dictionaries(names, json_values, min_size=1), st.randoms())
def test_equal_values_have_one_canonical_form(value: dict[str, Any], random: Any) -> None:
    items = list(value.items())
    random.shuffle(items)
    assert canonical_json(dict(items)) == canonical_json(value)
    assert short_hash(dict(items)) == short_hash(value)


def test_the_canonical_form_is_the_one_that_other_languages_write() -> None:
    assert canonical_json({"b": [1, 2.5, None, True], "a": 'Å "x"\n'}) == '{"a":"Å \\"x\\"\\n","b":[1,2.5,null,true]}'
    assert short_hash("", 64) == "12ae32cb1ec02d01eda3581b127c1fee3b0dc53572ed6baf239721a03d82e126"  # of two quotes


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"x": float("-inf")}])
def test_what_has_no_canonical_form_has_no_identity(value: object) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        short_hash(value)


@pytest.mark.parametrize("provider", ["openai", "anthropic", HUMAN])
def test_no_model_means_the_providers_default(provider: Provider) -> None:
    assert resolve_model(JudgeSettings(provider=provider), is_emulated=False) == default_model(provider)


def test_a_model_that_is_given_is_taken() -> None:
    assert resolve_model(JudgeSettings(model="own"), is_emulated=False) == "own"


def test_people_are_never_emulated() -> None:
    assert resolve_model(JudgeSettings(provider="human"), is_emulated=True) == "human"


def test_an_emulated_judge_is_another_judge_and_says_so() -> None:
    settings = JudgeSettings(model="gpt-6-sol")
    emulated = resolve_model(settings, is_emulated=True)
    assert emulated == "emulated-gpt-6-sol"
    assert resolve_model(JudgeSettings(model=emulated), is_emulated=True) == emulated
    judge = replace(JUDGE, model=emulated)
    assert judge.is_simulated
    assert not JUDGE.is_simulated
    assert judge.judge_id != replace(JUDGE, model="gpt-6-sol").judge_id
    assert [is_simulated(model) for model in ("emulated-x", "x-emulated-", "Emulated-x")] == [True, False, False]
