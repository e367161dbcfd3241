"""The simulated judges and the reading of prompts."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from huleedu_pipeline.providers.emulator.config import EmulatorConfig
from huleedu_pipeline.providers.emulator.draws import uniform_from
from huleedu_pipeline.providers.emulator.errors import EmulatorError
from huleedu_pipeline.providers.emulator.profiles import (
    LatentFile,
    LatentProfile,
    SurfaceProfile,
    load_profile,
    logistic,
    text_key,
)
from huleedu_pipeline.providers.emulator.reading import find_essays
from huleedu_pipeline.providers.emulator.surface import measure, score

from .conftest import ServerMaker
from .kit import GPT, MIDDLE, PLAIN, RICH, asked, finished, jsonl, line, prompt, python_output, read_results, submit

DRAWS = 4000


def share_of_a(profile: SurfaceProfile | LatentProfile, text_a: str, text_b: str) -> float:
    # The texts are part of each prompt, as they should be, so that different cases do not share one sample of noise.
    requests = (asked(f"{text_a}\0{text_b}\0{n}") for n in range(DRAWS))
    wins = sum(profile.judge(text_a, text_b, request).winner == "Essay A" for request in requests)
    return wins / DRAWS


def assert_within_binomial_error(share: float, probability: float) -> None:
    assert abs(share - probability) < 4 * math.sqrt(probability * (1 - probability) / DRAWS)


def write_latent(path: Path, theta: Mapping[str, float], **settings: float) -> Path:
    content = {"theta": {text_key(text): value for text, value in theta.items()}, **settings}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_the_same_prompt_gets_the_same_verdict_in_every_process() -> None:
    code = f"""
from huleedu_pipeline.providers.emulator.judging import answer
from huleedu_pipeline.providers.emulator.openai_requests import read_request
from huleedu_pipeline.providers.emulator.profiles import SurfaceProfile
for n in range(50):
    body = {{"model": {GPT!r}, "instructions": str(n), "input": {prompt(MIDDLE, MIDDLE)!r}}}
    print(answer(read_request("/v1/responses", body), SurfaceProfile()).text)
"""
    first, second = python_output(code, "1"), python_output(code, "2")
    assert first == second
    assert len(set(first.splitlines())) > 1  # the seed matters: an even pair goes both ways


@pytest.mark.parametrize(("better", "worse"), [(RICH, PLAIN), (RICH, MIDDLE), (MIDDLE, PLAIN)])
def test_surface_prefers_the_better_text_in_both_orders(better: str, worse: str) -> None:
    assert score(better).total > score(worse).total
    assert share_of_a(SurfaceProfile(), better, worse) > 0.6
    assert share_of_a(SurfaceProfile(), worse, better) < 0.4


def test_surface_has_a_small_advantage_of_the_first_place() -> None:
    profile = SurfaceProfile()
    assert profile.probability_a(MIDDLE, MIDDLE) == pytest.approx(logistic(0.15))
    assert_within_binomial_error(share_of_a(profile, MIDDLE, MIDDLE), logistic(0.15))


def test_surface_verdicts_are_well_formed() -> None:
    profile = SurfaceProfile()
    for texts in ((PLAIN, RICH), (RICH, PLAIN), (RICH, RICH), ("", RICH), ("", ""), ("123 !!", "a")):
        verdict = profile.judge(*texts, asked("any"))
        assert 1 <= verdict.confidence <= 5
        assert round(verdict.confidence, 1) == verdict.confidence
        assert verdict.winner in verdict.justification
    assert profile.judge(PLAIN, RICH, asked("s")).confidence > profile.judge(RICH, RICH, asked("s")).confidence


def test_error_marks_are_counted() -> None:
    marks = {
        "We went home.": 0,
        "we went home.": 1,
        "We went home": 1,
        "We went went home.": 1,
        "We went hoooome.": 1,
        "Then i went home.": 1,
        "We liked it becouse it was alot.": 2,
    }
    for text, expected in marks.items():
        features = measure(text)
        words = round(math.exp(features["log_words"]))
        assert features["error_marks_per_100_words"] * words / 100 == pytest.approx(expected), text


@given(st.text(max_size=300))
def test_any_text_has_a_finite_score(text: str) -> None:
    assert math.isfinite(score(text).total)


def test_uniform_draws_are_uniform() -> None:
    # Many, because few SHA-256 values can be an unlucky sample: the first 4,000 of these alone have p = 0.0006.
    count = 64_000
    draws = sorted(uniform_from(str(n).encode()) for n in range(count))
    gap = max(abs(value - (n + 0.5) / count) for n, value in enumerate(draws))
    assert gap < 1.63 / math.sqrt(count)  # Kolmogorov–Smirnov, 1 %


@pytest.mark.parametrize(("theta_a", "theta_b"), [(0.0, 0.0), (1.0, 0.0), (-1.5, 0.5), (8.0, -8.0)])
@pytest.mark.parametrize(("position_effect", "lapse_rate"), [(0.0, 0.0), (0.4, 0.1)])
def test_latent_reproduces_its_probabilities(theta_a: float, theta_b: float, position_effect: float, lapse_rate: float) -> None:
    latent = LatentFile(
        theta={text_key("one"): theta_a, text_key("two"): theta_b},
        position_effect=position_effect,
        lapse_rate=lapse_rate,
    )
    profile = LatentProfile(latent)
    for first, second, difference in (("one", "two", theta_a - theta_b), ("two", "one", theta_b - theta_a)):
        expected = (1 - lapse_rate) / (1 + math.exp(-difference - position_effect)) + lapse_rate / 2
        assert profile.probability_a(first, second) == pytest.approx(expected)
        assert_within_binomial_error(share_of_a(profile, first, second), expected)


def test_latent_texts_are_known_by_their_plain_form() -> None:
    assert text_key(" caf\u00e9\r\nnoir\n") == text_key("cafe\u0301\nnoir")
    assert text_key("a b") != text_key("a  b")


def test_latent_over_http_live_and_in_a_batch(new_server: ServerMaker, tmp_path: Path) -> None:
    path = write_latent(tmp_path / "latent.json", {PLAIN: 30.0, RICH: -30.0})
    server = new_server("--profile", "latent", "--latent-file", str(path))
    gpt = server.openai()
    known, unknown = prompt(RICH, PLAIN), prompt(RICH, MIDDLE)
    assert json.loads(gpt.responses.create(model=GPT, input=known).output_text)["winner"] == "Essay B"
    with pytest.raises(openai.BadRequestError, match=text_key(MIDDLE)) as refused:
        gpt.responses.create(model=GPT, input=unknown)
    assert refused.value.type == "invalid_request_error"
    done = finished(gpt, submit(gpt, jsonl([line("known", known), line("unknown", unknown)])).id)
    assert list(read_results(gpt, done.output_file_id)) == ["known"]
    error = read_results(gpt, done.error_file_id)["unknown"]["response"]
    assert error["status_code"] == 400
    assert text_key(MIDDLE) in error["body"]["error"]["message"]


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"theta": {"abc": 1}}', '{"theta": {}, "lapse_rate": 2}', '{"theta": {}, "other": 1}'],
)
def test_bad_latent_files_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "latent.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(EmulatorError, match="latent file"):
        load_profile(EmulatorConfig(state_dir=tmp_path, profile="latent", latent_file=path))


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=40))
def test_essays_are_found_whole(text_a: str, text_b: str, tail: str) -> None:
    shown = prompt(text_a + "</essay>", "</essay>\n" + text_b) + tail
    assert find_essays(shown) == (text_a + "</essay>", "</essay>\n" + text_b)


def test_one_essay_is_not_a_pair() -> None:
    assert find_essays('<essay label="Essay A">\nText.\n</essay>') is None
    assert find_essays(prompt("a", "b").replace('"Essay B"', '"Essay C"')) is None
