"""Shared prefixes: same first essays lie together, share a cache key and nothing else, and no judge reads another word."""

import json
from collections import Counter
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huleedu_pipeline.canonical import sha256_hex
from huleedu_pipeline.comparisons import ComparisonPair, plan_pairs
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.providers import anthropic_wire
from huleedu_pipeline.providers.planning import make_frame
from huleedu_pipeline.providers.prefixes import N_KEYS, cache_key, in_asking_order, same_prefix, with_cache_key
from huleedu_pipeline.settings import Settings
from tests.providers.kit import BATCH, plan
from tests.providers.test_openai_wire import judge

ids = st.sampled_from("abcdef")
waves = st.lists(
    st.builds(ComparisonPair, st.just("b"), ids, ids, pair_generation_mode=st.sampled_from(["coverage", "resampling"])),
    max_size=20,
)


def keyless(body: str) -> dict[str, Any]:
    return {name: value for name, value in json.loads(body).items() if name != "prompt_cache_key"}


@given(waves)
def test_pairs_with_the_same_first_essay_lie_together_and_none_is_lost(pairs: list[ComparisonPair]) -> None:
    ordered = in_asking_order(pairs)
    firsts = [first for first, _ in groupby(ordered, key=lambda pair: pair.essay_a_id)]
    assert len(firsts) == len(set(firsts))
    assert Counter(pair.pair_id for pair in ordered) == Counter(pair.pair_id for pair in pairs)
    assert firsts == list(dict.fromkeys(pair.essay_a_id for pair in pairs))
    assert in_asking_order(ordered) == ordered


def test_of_a_pair_in_both_orders_the_one_that_is_asked_first_covers_it() -> None:
    pairs = [
        ComparisonPair("b", "z", "c"),
        ComparisonPair("b", "x", "z"),
        ComparisonPair("b", "z", "x", pair_generation_mode="resampling"),
    ]
    assert [(p.essay_a_id, p.essay_b_id, p.pair_generation_mode) for p in in_asking_order(pairs)] == [
        ("z", "c", "coverage"),
        ("z", "x", "coverage"),
        ("x", "z", "resampling"),
    ]


@pytest.mark.parametrize("api", ["responses", "chat_completions", "decisions"])
def test_a_cache_key_is_of_the_context_and_the_first_essay_and_changes_nothing_else(api: str) -> None:
    frame = make_frame(judge(model="emulated-gpt-6-luna", api=api))
    one, other = with_cache_key(frame, "1" * 64), with_cache_key(frame, "2" * 64)
    bodies = [made.body("A", "B") for made in (frame, one, other)]
    keys = [json.loads(body)["prompt_cache_key"] for body in bodies]
    assert len(set(keys)) == 3
    assert all(len(key) <= 64 for key in keys)
    assert keyless(bodies[0]) == keyless(bodies[1]) == keyless(bodies[2])
    assert with_cache_key(other, "1" * 64) == one  # from any frame of the batch, as later waves do
    assert len({made.frame_id for made in (frame, one, other)}) == 3


def test_a_batch_has_only_so_many_frames_however_many_essays() -> None:
    frame = make_frame(judge(model="gpt-6-luna"))
    keyed = {with_cache_key(frame, sha256_hex(str(n))).frame_id for n in range(5_000)}
    assert len(keyed) == N_KEYS


def test_another_context_has_another_key() -> None:
    here, there = (make_frame(judge(model="gpt-6-luna", rubric=rubric)) for rubric in ("r", "s"))
    assert with_cache_key(here, "1" * 64).tail != with_cache_key(there, "1" * 64).tail


def test_words_that_look_like_a_key_are_left_alone() -> None:
    trap = 'Say "prompt_cache_key":"x" twice.'
    frame = make_frame(judge(model="gpt-6-luna", system_prompt=trap, rubric=trap))
    body = json.loads(with_cache_key(frame, "1" * 64).body("A", "B"))
    assert body["instructions"] == trap
    assert trap in body["input"][0]["content"][0]["text"]


@pytest.mark.parametrize("model", ["m", "emulated-own"])
def test_a_server_that_the_manifest_does_not_know_gets_no_key(model: str) -> None:
    frame = make_frame(judge(model=model))
    assert "prompt_cache_key" not in frame.body("A", "B")
    assert with_cache_key(frame, "1" * 64) is frame


def test_a_key_tells_nothing_of_what_it_is_made_of() -> None:
    assert cache_key("Anna Andersson").startswith("huleedu-")
    assert "Anna" not in cache_key("Anna Andersson")


def test_anthropic_is_told_what_to_keep_the_longest_first() -> None:
    body = json.loads(make_frame(judge(provider="anthropic", model="claude-haiku-5-5")).body("A", "B"))
    content = body["messages"][0]["content"]
    assert [block.get("cache_control", {}).get("ttl") for block in content] == ["1h", "5m", None]
    assert anthropic_wire.PATH == "/v1/messages"


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_recorded_requests_are_in_asking_order_and_share_what_they_can(
    provider: str, ledger: Ledger, settings: Settings, tmp_path: Path
) -> None:
    requests = plan(ledger, settings, tmp_path, judge={"provider": provider})
    groups = list(same_prefix(requests))
    assert [len({request.essay_a_id for request in group}) for group in groups] == [1] * len(groups)
    assert len(groups) == len({request.essay_a_id for request in requests})
    assert len(ledger.frames(BATCH)) == (len(groups) if provider == "openai" else 1)
    for request in requests:
        body = ledger.body(request.custom_id)
        assert (sha256_hex(body), len(body.encode())) == (request.prompt_sha256, request.n_bytes)


def test_the_table_of_pairs_has_the_order_of_asking() -> None:
    pairs = plan_pairs("b", [f"e{n}" for n in range(40)], 600, seed=3)
    ordered = in_asking_order(pairs)
    both = Counter(frozenset((pair.essay_a_id, pair.essay_b_id)) for pair in ordered)
    assert max(both.values()) == 2  # the sample in both orders
    seen: set[frozenset[str]] = set()
    for pair in ordered:
        unordered = frozenset((pair.essay_a_id, pair.essay_b_id))
        assert (pair.pair_generation_mode == "coverage") == (unordered not in seen)
        seen.add(unordered)
    assert {replace(pair, pair_generation_mode="coverage") for pair in ordered} == {
        replace(pair, pair_generation_mode="coverage") for pair in pairs
    }


@pytest.mark.parametrize(
    ("provider", "model", "api"),
    [
        ("openai", "gpt-6-luna", "responses"),
        ("openai", "gpt-6-luna", "chat_completions"),
        ("anthropic", "claude-haiku-5-5", None),
    ],
)
def test_what_is_sent_asks_for_the_reasons_before_the_choice(provider: str, model: str, api: str | None) -> None:
    chosen = {"api": api} if api else {}
    sent = make_frame(judge(provider=provider, model=model, **chosen)).body("A", "B")
    places = [sent.index(f'"{name}":{{"type"') for name in ("justification", "winner", "confidence")]
    assert places == sorted(places)
