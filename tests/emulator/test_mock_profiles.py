"""The mock profiles: winners by the rule on the prompt, tokens, latencies, errors, and how they are chosen."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest

from huleedu_pipeline.cli import services
from huleedu_pipeline.providers.emulator import config as emulator_config
from huleedu_pipeline.providers.emulator.config import MOCK_NAMES, EmulatorConfig, MockSettings, make_config
from huleedu_pipeline.providers.emulator.errors import EmulatorError
from huleedu_pipeline.providers.emulator.mock_errors import error_status
from huleedu_pipeline.providers.emulator.mocks import MOCK_RULES, MockProfile
from huleedu_pipeline.providers.emulator.profiles import load_profile, profile_fingerprint
from huleedu_pipeline.providers.emulator.reading import ModelRequest
from huleedu_pipeline.settings import EmulatorProfile, Settings

from .conftest import ServerMaker
from .kit import (
    CLAUDE,
    GPT,
    MIDDLE,
    PLAIN,
    RICH,
    Server,
    asked,
    ended,
    fetch,
    finished,
    jsonl,
    line,
    prompt,
    python_output,
    read_results,
    submit,
)

SHARES = {"default": (1, 2), "cj_generic_batch": (1, 1), "eng5_anchor_gpt51_low": (35, 66), "eng5_lower5_gpt51_low": (4, 10)}
FLOORS = {
    "default": (0, 0),
    "cj_generic_batch": (5, 17),
    "eng5_anchor_gpt51_low": (1100, 40),
    "eng5_lower5_gpt51_low": (1000, 30),
}
LATENCIES_MS = {
    "default": (0, 0),
    "cj_generic_batch": (0, 0),
    "eng5_anchor_gpt51_low": (1200, 2000),
    "eng5_lower5_gpt51_low": (1000, 2000),
}
DRAWS = 3000
HTTP = httpx.Client(timeout=30, trust_env=False)


def judge_of(name: str, **settings: Any) -> MockProfile:
    return MockProfile(name, MockSettings(**settings))


def post(server: Server, path: str, body: dict[str, Any]) -> httpx.Response:
    headers = {"authorization": "Bearer any"} | ({"anthropic-version": "2026-10-21"} if path == "/v1/messages" else {})
    return HTTP.post(f"{server.base_url}{path}", json=body, headers=headers)


def live_bodies(text: str) -> dict[str, dict[str, Any]]:
    return {
        "/v1/responses": {"model": GPT, "input": text},
        "/v1/chat/completions": {"model": GPT, "messages": [{"role": "user", "content": text}]},
        "/v1/messages": {"model": GPT, "max_tokens": 300, "messages": [{"role": "user", "content": text}]},
    }


def verdict_of(path: str, reply: dict[str, Any]) -> dict[str, Any]:
    if path == "/v1/responses":
        text = reply["output"][0]["content"][0]["text"]
    elif path == "/v1/messages":
        text = reply["content"][0]["text"]
    else:
        text = reply["choices"][0]["message"]["content"]
    verdict: dict[str, Any] = json.loads(text)
    return verdict


@pytest.mark.parametrize("name", MOCK_NAMES)
def test_the_winner_follows_from_the_prompt_as_the_rule_says(name: str) -> None:
    of_a, of = SHARES[name]
    judge, wins = judge_of(name), 0
    for n in range(DRAWS):
        request = asked(str(n))
        v = int(hashlib.sha256(request.user.encode()).hexdigest()[:8], 16)
        verdict = judge.judge("", "", request)
        assert verdict.winner == ("Essay A" if v % of < of_a else "Essay B")
        assert verdict.winner in verdict.justification
        assert verdict.justification.startswith("Mock verdict")
        assert (verdict.probability_a > 0.5) == (verdict.winner == "Essay A")
        wins += verdict.winner == "Essay A"
    share = of_a / of
    assert abs(wins / DRAWS - share) <= 4 * math.sqrt(share * (1 - share) / DRAWS)


def test_the_winner_looks_at_nothing_but_the_prompt() -> None:
    request = asked("1")
    other = ModelRequest("emulated-other", "another system text", request.user, None, "", 77)
    for name in MOCK_NAMES:
        verdicts = [judge_of(name, seed=seed).judge(a, "", r) for seed in (1, 2) for a in ("", "x") for r in (request, other)]
        assert len({(verdict.winner, verdict.justification) for verdict in verdicts}) == 1
        assert len({verdict.confidence for verdict in verdicts}) > 1


def test_there_are_five_reasons_for_each_winner() -> None:
    verdicts = [judge_of("default").judge("", "", asked(str(n))) for n in range(300)]
    reasons = {winner: {v.justification for v in verdicts if v.winner == winner} for winner in ("Essay A", "Essay B")}
    assert {winner: len(found) for winner, found in reasons.items()} == {"Essay A": 5, "Essay B": 5}


def test_confidence_lies_around_its_base() -> None:
    def confidences(**settings: float) -> list[float]:
        return [judge_of("default", **settings).judge("", "", asked(str(n))).confidence for n in range(500)]

    found = confidences()
    assert (min(found), max(found)) == (4.2, 4.8)
    assert sum(found) / len(found) == pytest.approx(4.5, abs=0.03)
    assert set(confidences(confidence_jitter=0)) == {4.5}
    assert max(confidences(confidence_base=5, confidence_jitter=4)) == 5
    assert min(confidences(confidence_base=1, confidence_jitter=4)) == 1


@pytest.mark.parametrize("name", MOCK_NAMES)
def test_tokens_are_words_and_never_less_than_the_floor(name: str) -> None:
    tokens, (least_input, least_output) = judge_of(name).tokens, FLOORS[name]
    short, long = asked("1", user="one two three"), asked("1", user="word " * 4000, system="and five more of these")
    assert tokens.prompt(short) == max(3, least_input)
    assert tokens.prompt(long) == math.ceil(4005 * 0.75)
    assert tokens.reply("{...}", "word " * 100) == 85
    assert tokens.reply("{...}", "word") == max(11, least_output)
    assert judge_of(name, tokens_per_word=2).tokens.prompt(long) == 8010


@pytest.mark.parametrize("name", MOCK_NAMES)
def test_the_profiles_own_latency_holds_unless_another_is_set(name: str) -> None:
    least, most = LATENCIES_MS[name]
    found = [judge_of(name).latency_ms(asked(str(n))) for n in range(500)]
    assert least <= min(found) <= max(found) <= most
    assert sum(found) / len(found) == pytest.approx((least + most) / 2, abs=30)
    own = [judge_of(name, latency_ms=80, latency_jitter_ms=40).latency_ms(asked(str(n))) for n in range(100)]
    assert 80 <= min(own) < max(own) < 120
    assert judge_of(name, latency_ms=80).latency_ms(asked("1")) == 80
    assert [judge_of(name, seed=1).latency_ms(asked(str(n))) for n in range(500)] != found or most == 0


def test_everything_is_the_same_in_every_process() -> None:
    code = """
from huleedu_pipeline.providers.emulator.config import MOCK_NAMES, MockSettings
from huleedu_pipeline.providers.emulator.mock_errors import error_status
from huleedu_pipeline.providers.emulator.mocks import MockProfile
from huleedu_pipeline.providers.emulator.reading import ModelRequest
settings = MockSettings(error_rate=0.2, error_burst_rate=0.05, error_burst_length=3)
for n in range(40):
    request = ModelRequest("emulated-m", "", str(n), None, "", None)
    print(error_status(settings, "openai", n, request.seed, n % 3))
    for name in MOCK_NAMES:
        judge = MockProfile(name, settings)
        print(judge.judge("", "", request), judge.latency_ms(request))
"""
    first, second = python_output(code, "1"), python_output(code, "2")
    assert first == second
    assert len(set(first.splitlines())) > 60


# Over HTTP


@pytest.mark.parametrize("name", MOCK_NAMES)
def test_both_wire_formats_live_and_in_batches_give_the_same_verdict(name: str, new_server: ServerMaker) -> None:
    options = ("--profile", name, "--mock", "latency_scale=0", "--mock", "seed=7", "--prompt-cache", "0.5")
    server = new_server(*options, seconds_per_job=0.2)
    told = fetch(f"{server.base_url}/admin/mock-mode")
    assert (told["profile"], told["mock_mode"]) == (name, None if name == "default" else name)
    assert (told["mock_settings"]["seed"], told["prompt_cache"]) == (7, 0.5)
    text = prompt(RICH, MIDDLE)
    v = int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)
    of_a, of = SHARES[name]
    winner = "Essay A" if v % of < of_a else "Essay B"
    verdicts, tokens = [], []
    for path, body in live_bodies(text).items():
        reply = post(server, path, body)
        assert reply.status_code == 200
        verdicts.append(verdict_of(path, reply.json()))
        usage = reply.json()["usage"]
        tokens.append(
            (usage.get("input_tokens", usage.get("prompt_tokens")), usage.get("output_tokens", usage.get("completion_tokens")))
        )
        assert float(reply.headers.get("x-emulated-latency-ms", 0)) >= LATENCIES_MS[name][0]
    gpt, claude = server.openai(), server.anthropic()
    done = finished(gpt, submit(gpt, jsonl([line("one", text)])).id)
    body = read_results(gpt, done.output_file_id)["one"]["response"]["body"]
    verdicts.append(verdict_of("/v1/responses", body))
    tokens.append((body["usage"]["input_tokens"], body["usage"]["output_tokens"]))
    params: Any = {"model": GPT, "max_tokens": 300, "messages": [{"role": "user", "content": text}]}
    batch = claude.messages.batches.create(requests=[{"custom_id": "one", "params": params}])
    ended(claude, batch.id)
    (result,) = list(claude.messages.batches.results(batch.id))
    assert result.result.type == "succeeded"
    message = result.result.message
    verdicts.append(verdict_of("/v1/messages", message.to_dict()))
    tokens.append((message.usage.input_tokens, message.usage.output_tokens))
    assert all(verdict == verdicts[0] for verdict in verdicts)
    assert verdicts[0]["winner"] == winner
    assert len(set(tokens)) == 1
    least_input, least_output = FLOORS[name]
    assert tokens[0][0] >= least_input
    assert tokens[0][1] >= least_output
    books = server.ledger()
    assert books["requests_judged"] == 5
    question = {"type": "choice", "instructions": "Better?", "choices": [{"value": "Essay A"}, {"value": "Essay B"}]}
    decision = post(server, "/v1/decisions", {"model": "emulated-gpt-6-luna", "input": text, "questions": [question]}).json()
    assert decision["answers"][0]["choice"] == winner
    assert decision["answers"][0]["confidence"] == pytest.approx(0.5 + 3.5 / 8, abs=0.3 / 8 + 1e-9)
    assert sum(bill["input_tokens"] for bill in books["billed"].values()) == 5 * tokens[0][0]


def test_latency_is_scaled_by_the_clock_and_told_unscaled(new_server: ServerMaker) -> None:
    server = new_server("--profile", "eng5_lower5_gpt51_low", "--mock", "latency_scale=0.05")
    reply = post(server, "/v1/responses", live_bodies(prompt(PLAIN, RICH))["/v1/responses"])
    told = float(reply.headers["x-emulated-latency-ms"])
    assert 1000 <= told <= 2000
    assert reply.elapsed.total_seconds() * 1000 >= 0.05 * told


def test_who_judges_is_told(server: Server) -> None:
    told = fetch(f"{server.base_url}/admin/mock-mode")
    assert (told["profile"], told["mock_mode"], told["mock_settings"], told["prompt_cache"]) == ("surface", None, None, None)
    assert told["is_simulated"] is told["use_mock_llm"] is True


# Errors


def test_the_error_rate_is_that_of_requests_and_another_try_is_another_draw() -> None:
    settings = MockSettings(error_rate=0.2)
    first = [error_status(settings, "openai", 1, asked(str(n)).seed, 0) for n in range(DRAWS)]
    again = [error_status(settings, "openai", 1, asked(str(n)).seed, 1) for n in range(DRAWS)]
    failed = [status for status in first if status is not None]
    assert abs(len(failed) / DRAWS - 0.2) < 4 * math.sqrt(0.16 / DRAWS)
    assert set(failed) == {429, 503, 500}
    assert all(abs(n / len(failed) - 1 / 3) < 4 * math.sqrt(2 / 9 / len(failed)) for n in Counter(failed).values())
    both = sum(a is not None and b is not None for a, b in zip(first, again, strict=True))
    assert abs(both / DRAWS - 0.04) < 4 * math.sqrt(0.04 * 0.96 / DRAWS)
    assert [error_status(settings, "openai", 999, asked(str(n)).seed, 0) for n in range(DRAWS)] == first


def test_a_burst_fails_call_after_call() -> None:
    settings = MockSettings(error_burst_rate=0.01, error_burst_length=5, error_codes=(503,))
    fails = [error_status(settings, "openai", n, b"any", 0) is not None for n in range(1, DRAWS + 1)]
    runs = [len(run) for run in "".join("x" if failed else " " for failed in fails).split()]
    assert runs
    assert min(runs[:-1]) >= 5
    assert sum(fails) / DRAWS == pytest.approx(1 - 0.99**5, abs=0.03)
    assert fails != [error_status(settings, "anthropic", n, b"any", 0) is not None for n in range(1, DRAWS + 1)]


def test_live_errors_are_worded_by_each_provider_and_another_try_helps(new_server: ServerMaker) -> None:
    server = new_server("--profile", "default", "--mock", "error_rate=0.5", "--mock", "error_codes=429")
    texts = [prompt(str(n), RICH) for n in range(12)]
    for path in ("/v1/responses", "/v1/messages"):
        statuses = [[post(server, path, live_bodies(text)[path]) for _ in range(6)] for text in texts]
        assert {reply.status_code for row in statuses for reply in row} == {200, 429}
        assert any(row[0].status_code == 429 and 200 in {reply.status_code for reply in row} for row in statuses)
        refused = next(reply.json() for row in statuses for reply in row if reply.status_code == 429)
        kind = refused["error"]["code"] if path == "/v1/responses" else refused["error"]["type"]
        assert kind == ("rate_limit_exceeded" if path == "/v1/responses" else "rate_limit_error")
        n_ok = sum(reply.status_code == 200 for row in statuses for reply in row)
        provider = "openai" if path == "/v1/responses" else "anthropic"
        assert server.ledger()["billed"][provider]["requests"] == n_ok


def failing_lines(server: Server, texts: list[str]) -> dict[str, list[str]]:
    gpt, claude = server.openai(), server.anthropic()
    done = finished(gpt, submit(gpt, jsonl([line(f"r{n}", text) for n, text in enumerate(texts)])).id)
    errors = read_results(gpt, done.error_file_id)
    assert all(error["response"]["status_code"] == 503 for error in errors.values())
    requests: Any = [
        {"custom_id": f"r{n}", "params": {"model": CLAUDE, "max_tokens": 300, "messages": [{"role": "user", "content": text}]}}
        for n, text in enumerate(texts)
    ]
    batch = claude.messages.batches.create(requests=requests)
    ended(claude, batch.id)
    results = list(claude.messages.batches.results(batch.id))
    return {"openai": sorted(errors), "anthropic": sorted(r.custom_id for r in results if r.result.type == "errored")}


def test_the_same_lines_of_a_batch_fail_on_every_machine_and_others_the_next_time(new_server: ServerMaker) -> None:
    options = ("--profile", "default", "--mock", "error_rate=0.3", "--mock", "error_codes=503")
    texts = [prompt(str(n), RICH) for n in range(30)]
    here, there = new_server(*options, seconds_per_job=0.2), new_server(*options, seconds_per_job=0.2)
    first = failing_lines(here, texts)
    assert first == failing_lines(there, texts)
    assert all(0 < len(lines) < 20 for lines in first.values())
    again = failing_lines(here, texts)
    assert all(again[provider] != first[provider] for provider in first)


def test_a_burst_in_a_batch_strikes_lines_that_follow_one_another(new_server: ServerMaker) -> None:
    options = [word for s in ("error_burst_rate=0.08", "error_burst_length=6", "error_codes=503") for word in ("--mock", s)]
    server = new_server("--profile", "default", *options, seconds_per_job=0.2)
    found = failing_lines(server, [prompt(str(n), RICH) for n in range(60)])
    numbers = sorted(int(name[1:]) for name in found["openai"])
    runs = "".join("x" if n in numbers else " " for n in range(60)).split()
    assert runs
    assert all(len(run) >= 6 for run in runs if not (run is runs[-1] and 59 in numbers))


# Settings


def test_settings_are_read_from_words_and_written_back() -> None:
    words = ["seed=7", "error_rate=0.02", "error_codes=429,503", "latency_scale=0.5"]
    settings = MockSettings.parse(words)
    assert (settings.seed, settings.error_rate, settings.error_codes, settings.latency_scale) == (7, 0.02, (429, 503), 0.5)
    assert MockSettings.parse(settings.words()) == settings
    assert MockSettings().words() == []


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["seed"], "'seed': is no NAME=VALUE"),
        (["seed=1", "seed=2"], "'seed=2': is there twice"),
        (["outcome=x"], r"outcome: .*known names: seed, latency_ms"),
        (["error_rate=2"], "error_rate: .*less than or equal to 1"),
        (["error_codes=200"], "error_codes"),
        (["error_burst_rate=0.1"], "set both, or neither"),
        (["error_burst_length=3"], "set both, or neither"),
    ],
)
def test_bad_words_are_refused_by_name(words: list[str], complaint: str) -> None:
    with pytest.raises(EmulatorError, match=complaint):
        MockSettings.parse(words)


@pytest.mark.parametrize(
    ("profile", "words", "complaint"),
    [
        ("surface", ["seed=1"], "these settings are of the profiles default"),
        ("cj_generic_batch", ["error_rate=0.1"], "only the profile default makes errors"),
        ("nobody", [], "profile: Input should be"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(tmp_path: Path, profile: str, words: list[str], complaint: str) -> None:
    with pytest.raises(EmulatorError, match=complaint):
        make_config(state_dir=tmp_path, profile=profile, mock=MockSettings.parse(words))


def test_one_list_of_profiles() -> None:
    names = get_args(emulator_config.ProfileName)
    assert names == get_args(EmulatorProfile) == get_args(services.EmulatorProfile)
    assert names == ("surface", "latent", *MOCK_NAMES)
    assert tuple(MOCK_RULES) == MOCK_NAMES
    assert all(name in services.EMULATOR_HELP for name in (*names, *MockSettings.model_fields))


def test_whoever_would_answer_otherwise_has_another_fingerprint(tmp_path: Path) -> None:
    configs = [
        EmulatorConfig(state_dir=tmp_path),
        EmulatorConfig(state_dir=tmp_path, prompt_cache=0.5),
        *(EmulatorConfig(state_dir=tmp_path, profile=name) for name in get_args(emulator_config.ProfileName)[2:]),
        EmulatorConfig(state_dir=tmp_path, profile="default", mock=MockSettings(seed=1)),
    ]
    assert len({profile_fingerprint(config) for config in configs}) == len(configs)
    assert [load_profile(config).name for config in configs[2:6]] == list(MOCK_NAMES)


def test_the_environment_chooses_profile_and_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huleedu_pipeline.providers.backend import emulator_config as of_installation

    values = {"HOME": str(tmp_path), "EMULATOR_PROFILE": "default", "EMULATOR_MOCK": "seed=3 error_rate=0.1"}
    for name, value in {**values, "EMULATOR_PROMPT_CACHE": "0.64"}.items():
        monkeypatch.setenv(f"HULEEDU_{name}", value)
    config = of_installation(Settings.load())
    assert (config.profile, config.mock, config.prompt_cache) == ("default", MockSettings(seed=3, error_rate=0.1), 0.64)
    monkeypatch.setenv("HULEEDU_EMULATOR_MOCK", "sead=3")
    with pytest.raises(EmulatorError, match="sead"):
        of_installation(Settings.load())
