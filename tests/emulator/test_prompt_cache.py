"""The simulated prompt caches: what is read and written, for whom, for how long, and what the bills say of it."""

from __future__ import annotations

import math
from typing import Any

import openai
import pytest

from huleedu_pipeline.providers.emulator.anthropic_requests import read_request as read_anthropic
from huleedu_pipeline.providers.emulator.errors import ApiError
from huleedu_pipeline.providers.emulator.openai_requests import CHAT, RESPONSES
from huleedu_pipeline.providers.emulator.openai_requests import read_request as read_openai
from huleedu_pipeline.providers.emulator.prompt_cache import CacheUse, PromptCache, anthropic_least_tokens
from huleedu_pipeline.providers.emulator.reading import ModelRequest
from huleedu_pipeline.providers.emulator.tokens import TokenCounter

from .conftest import ServerMaker
from .kit import ended, finished, jsonl, line, prompt, submit

OLD, NEW, CLAUDE = "emulated-gpt-5.1", "emulated-gpt-6-luna", "emulated-claude-sonnet-5-5"
CONTEXT = "Read both essays with care. " * 200  # 5,600 bytes: 1,400 tokens
ESSAY_A, ESSAY_B = "I have a dog. " * 120, "We went by train. " * 100  # 1,680 and 1,800 bytes: 420 and 450 tokens
NOW = 1_000_000.0


def cache(job_hit_rate: float = 1.0, seed: int = 1) -> PromptCache:
    return PromptCache(TokenCounter(), seed, job_hit_rate)


def automatic(text: str, model: str = OLD, **body: Any) -> ModelRequest:
    return read_openai(RESPONSES, {"model": model, "input": text, **body})


def breakpoints(*texts: str, mode: str = "explicit", key: str = "k") -> ModelRequest:
    parts = [{"type": "input_text", "text": text, "prompt_cache_breakpoint": {"mode": "explicit"}} for text in texts[:-1]]
    content = [*parts, {"type": "input_text", "text": texts[-1]}]
    options = {"prompt_cache_key": key, "prompt_cache_options": {"mode": mode}}
    return read_openai(RESPONSES, {"model": NEW, "input": [{"role": "user", "content": content}], **options})


def marked(*texts: str, model: str = CLAUDE, lives: tuple[str, ...] = ("1h", "5m")) -> ModelRequest:
    content: list[dict[str, Any]] = [{"type": "text", "text": text} for text in texts]
    for part, life in zip(content, lives, strict=False):
        part["cache_control"] = {"type": "ephemeral", "ttl": life}
    return read_anthropic({"model": model, "max_tokens": 300, "messages": [{"role": "user", "content": content}]}, "2026-10-21")


# OpenAI before GPT-5.6


@pytest.mark.parametrize(("n_bytes", "cached"), [(4095, 0), (4096, 1024), (4607, 1024), (4608, 1152), (8191, 1920)])
def test_beginnings_are_found_in_steps_of_128_tokens_from_1024_on(n_bytes: int, cached: int) -> None:
    kept, shared = cache(), "x" * n_bytes
    assert kept.live("openai", automatic(f"{shared}{'a' * 3000}"), NOW, NOW) == CacheUse()
    assert kept.live("openai", automatic(f"{shared}{'b' * 3000}"), NOW, NOW) == CacheUse(cached)


def test_another_key_model_or_provider_has_another_cache() -> None:
    kept = cache()
    kept.live("openai", automatic(CONTEXT, prompt_cache_key="k"), NOW, NOW)
    for other in (
        automatic(CONTEXT),
        automatic(CONTEXT, prompt_cache_key="j"),
        automatic(CONTEXT, model="emulated-gpt-5", prompt_cache_key="k"),
    ):
        assert kept.live("openai", other, NOW, NOW).cached_tokens == 0
    assert kept.live("anthropic", marked(CONTEXT, "?"), NOW, NOW).cached_tokens == 0
    assert kept.live("openai", automatic(CONTEXT, prompt_cache_key="k"), NOW, NOW).cached_tokens == 1280


def test_a_beginning_is_there_once_its_call_is_answered_and_for_five_minutes_after_each_use() -> None:
    kept, request = cache(), automatic(CONTEXT)
    kept.live("openai", request, NOW, NOW + 2)
    found = [kept.live("openai", request, NOW + at, NOW + at).cached_tokens for at in (1, 2, 301, 600, 901)]
    assert found == [0, 1280, 1280, 1280, 0]


def test_the_sixteenth_call_within_a_minute_comes_to_another_machine() -> None:
    kept, request = cache(), automatic(CONTEXT, prompt_cache_key="k")
    found = [kept.live("openai", request, NOW + n, NOW + n).cached_tokens for n in range(31)]
    assert [n for n, tokens in enumerate(found) if not tokens] == [0, 15, 30]
    assert kept.live("openai", request, NOW + 120, NOW + 120).cached_tokens


def test_batch_jobs_have_caches_from_gpt_5_on() -> None:
    kept = cache()
    for model, cached in ((OLD, 1280), ("emulated-gpt-4o-2024-11-20", 0)):
        found = [kept.in_job("openai", automatic(CONTEXT, model=model), NOW).cached_tokens for _ in range(2)]
        assert found == [0, cached]


# OpenAI from GPT-5.6 on


def test_breakpoints_are_exact_and_writing_is_told() -> None:
    kept = cache()
    context, first = len(CONTEXT) // 4, len(CONTEXT + ESSAY_A) // 4
    assert kept.live("openai", breakpoints(CONTEXT, ESSAY_A, ESSAY_B), NOW, NOW) == CacheUse(0, written_30m_tokens=first)
    assert kept.live("openai", breakpoints(CONTEXT, ESSAY_A, "other"), NOW, NOW) == CacheUse(first)
    other = kept.live("openai", breakpoints(CONTEXT, ESSAY_B, "other"), NOW, NOW)
    assert other == CacheUse(context, written_30m_tokens=len(ESSAY_B) // 4)
    assert kept.live("openai", breakpoints(CONTEXT, ESSAY_A, "other"), NOW + 1801, NOW + 1801).cached_tokens == 0


def test_without_breakpoints_of_its_own_a_prompt_is_written_whole_and_only_the_same_prompt_finds_it() -> None:
    kept = cache()
    whole = CacheUse(0, written_30m_tokens=math.ceil(len(CONTEXT + ESSAY_A) / 4))
    assert kept.live("openai", automatic(CONTEXT + ESSAY_A, model=NEW), NOW, NOW) == whole
    assert kept.live("openai", automatic(CONTEXT + ESSAY_B, model=NEW), NOW, NOW).cached_tokens == 0
    assert kept.live("openai", automatic(CONTEXT + ESSAY_A, model=NEW), NOW, NOW) == CacheUse(whole.written_30m_tokens)


def test_the_implicit_breakpoint_is_the_last_of_four_and_explicit_mode_has_none() -> None:
    texts = ["a", "b", "c", "d", "e", "f"]
    assert [mark.prefix for mark in breakpoints(*texts).cache_marks] == ["ab", "abc", "abcd", "abcde"]
    assert [mark.prefix for mark in breakpoints(*texts, mode="implicit").cache_marks] == ["abc", "abcd", "abcde", "abcdef"]
    messages = [{"role": "developer", "content": "x"}, {"role": "assistant", "content": "y"}, {"role": "user", "content": "z"}]
    assert [mark.prefix for mark in read_openai(CHAT, {"model": NEW, "messages": messages}).cache_marks] == ["xz"]


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"prompt_cache_options": {"mode": "always"}}, "its mode is one of"),
        ({"prompt_cache_key": 7}, "expected a string"),
        ({"model": OLD, "prompt_cache_options": {"mode": "explicit"}}, "not supported with"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_text", "text": "x", "prompt_cache_breakpoint": {}}]}]},
            "explicit",
        ),
    ],
)
def test_what_the_cache_is_told_is_checked(body: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ApiError, match=complaint) as refused:
        read_openai(RESPONSES, {"model": NEW, "input": "x", **body})
    assert refused.value.status == 400


# Anthropic


def test_marks_are_written_for_as_long_as_they_say_and_read_to_the_last_that_is_there() -> None:
    kept = cache()
    context, essay = len(CONTEXT) // 4, len(ESSAY_A) // 4
    assert kept.live("anthropic", marked(CONTEXT, ESSAY_A, "b"), NOW, NOW) == CacheUse(0, essay, 0, context)
    assert kept.live("anthropic", marked(CONTEXT, ESSAY_A, "c"), NOW, NOW) == CacheUse(context + essay)
    assert kept.live("anthropic", marked(CONTEXT, ESSAY_B, "c"), NOW, NOW) == CacheUse(context, len(ESSAY_B) // 4)
    later = NOW + 301
    assert kept.live("anthropic", marked(CONTEXT, ESSAY_A, "c"), later, later) == CacheUse(context, essay)
    later += 3601
    assert kept.live("anthropic", marked(CONTEXT, ESSAY_A, "c"), later, later) == CacheUse(0, essay, 0, context)
    assert kept.live("anthropic", marked(CONTEXT, ESSAY_A, "c", lives=()), later, later) == CacheUse()


@pytest.mark.parametrize(
    ("model", "least"),
    [
        ("emulated-claude-haiku-5-5", 512),
        ("emulated-claude-fable-5", 512),
        ("emulated-claude-haiku-4-5-20251001", 4096),
        ("emulated-claude-opus-4-8", 1024),
        ("emulated-other", 1024),
    ],
)
def test_a_mark_after_too_little_is_passed_over(model: str, least: int) -> None:
    assert anthropic_least_tokens(model) == least
    for n_tokens, written in ((least - 1, 0), (least, least)):
        use = cache().live("anthropic", marked("x" * 4 * n_tokens, "rest", model=model, lives=("1h",)), NOW, NOW)
        assert use == CacheUse(written_1h_tokens=written)
    short_then_long = cache().live("anthropic", marked("x" * 400, "y" * 4 * least, "rest", model=model), NOW, NOW)
    assert short_then_long == CacheUse(written_5m_tokens=100 + least)


# Batch jobs and bills


def test_in_a_job_so_many_find_what_is_there_and_always_the_same_ones() -> None:
    requests = [marked(CONTEXT, ESSAY_A, str(n)) for n in range(400)]

    def found(seed: int) -> list[bool]:
        kept = cache(0.64, seed)
        return [kept.in_job("anthropic", request, NOW).cached_tokens > 0 for request in requests]

    first = found(1)
    assert first == found(1) != found(2)
    assert abs(sum(first) / 399 - 0.64) < 4 * math.sqrt(0.64 * 0.36 / 399)


def test_the_counter_of_words_has_caches_of_words() -> None:
    kept = PromptCache(TokenCounter(0.75), 1, 1.0)
    text = "word " * 1400  # 1,050 tokens of three quarters of a word each
    kept.live("openai", automatic(text + "a"), NOW, NOW)
    assert kept.live("openai", automatic(text + "b"), NOW, NOW) == CacheUse(1024)
    context = marked(text, "a " * 100, lives=("1h",))
    assert kept.live("anthropic", context, NOW, NOW) == CacheUse(written_1h_tokens=1050)


def claude_params(essay_b: str) -> dict[str, Any]:
    texts = prompt(ESSAY_A, essay_b, lead=CONTEXT).split("\n\n")
    content: list[dict[str, Any]] = [{"type": "text", "text": text} for text in texts]
    content[0]["cache_control"] = {"type": "ephemeral", "ttl": "1h"}
    return {"model": CLAUDE, "max_tokens": 300, "messages": [{"role": "user", "content": content}]}


def test_live_and_in_batches_usage_and_books_agree(new_server: ServerMaker) -> None:
    server = new_server("--prompt-cache", "1", seconds_per_job=0.2)
    gpt, claude = server.openai(), server.anthropic()
    context = math.ceil(len(CONTEXT.strip("\n")) / 4)
    params: Any = claude_params("one")
    usages = [claude.messages.create(**params).usage for _ in range(2)]
    assert [(u.cache_creation_input_tokens, u.cache_read_input_tokens) for u in usages] == [(context, 0), (0, context)]
    assert usages[0].cache_creation is not None
    assert usages[0].cache_creation.ephemeral_1h_input_tokens == context
    assert usages[0].input_tokens == usages[1].input_tokens
    requests: Any = [{"custom_id": f"r{n}", "params": claude_params(str(n))} for n in range(5)]
    batch = claude.messages.batches.create(requests=requests)
    ended(claude, batch.id)
    results = [r.result.message.usage for r in claude.messages.batches.results(batch.id) if r.result.type == "succeeded"]
    assert [u.cache_read_input_tokens for u in results] == [context] * 5
    books = server.ledger()["billed"]["anthropic"]
    assert (books["cached_input_tokens"], books["cache_write_tokens"]) == (6 * context, context)
    every = [*usages, *results]
    total = [u.input_tokens + (u.cache_read_input_tokens or 0) + (u.cache_creation_input_tokens or 0) for u in every]
    assert books["input_tokens"] == sum(total)

    text = prompt(ESSAY_A, "one", lead=CONTEXT)
    reply = gpt.responses.create(model=NEW, input=text)
    assert reply.usage is not None
    details: Any = reply.usage.input_tokens_details
    assert (details.cached_tokens, details.cache_write_tokens) == (0, reply.usage.input_tokens)
    chat = gpt.chat.completions.create(model=OLD, messages=[{"role": "user", "content": text}])
    assert chat.usage is not None
    again = gpt.chat.completions.create(model=OLD, messages=[{"role": "user", "content": text}])
    assert again.usage is not None
    assert again.usage.prompt_tokens_details is not None
    cached = again.usage.prompt_tokens_details.cached_tokens
    assert cached == (again.usage.prompt_tokens - 1024) // 128 * 128 + 1024
    lines = jsonl([line(f"r{n}", prompt(ESSAY_A, str(n), lead=CONTEXT), model=OLD) for n in range(4)])
    done: Any = finished(gpt, submit(gpt, lines).id)
    shared = (len(prompt(ESSAY_A, "", lead=CONTEXT).split("</essay>")[0]) // 4 - 1024) // 128 * 128 + 1024
    assert done.usage.input_tokens_details.cached_tokens >= 3 * shared


def test_without_being_asked_for_nothing_is_cached(gpt: openai.OpenAI) -> None:
    for _ in range(2):
        reply = gpt.responses.create(model=NEW, input=prompt(ESSAY_A, ESSAY_B, lead=CONTEXT))
        assert reply.usage is not None
        assert reply.usage.input_tokens_details.cached_tokens == 0
