"""The mock profiles behave as the recorded runs of real judges did, live and in batch jobs, in both wire formats.

What is held against a recording: the share of winners, no errors, the mean tokens of each class, and the response times that
the emulator would have taken. Recordings are the summaries in ``tests/data/llm_traces``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from huleedu_pipeline.providers.traces import TraceSummary, read_summary

from .conftest import ServerMaker
from .kit import GPT, Server, ended, fetch, finished, jsonl, line, prompt, read_results, submit

TRACES = Path(__file__).parents[1] / "data" / "llm_traces"
RECORDINGS = {
    "cj_generic_batch": "cj_lps_roundtrip_mock_20251205",
    "eng5_anchor_gpt51_low": "eng5_anchor_align_gpt51_low_20251201",
    "eng5_lower5_gpt51_low": "eng5_lower5_gpt51_low_20251202",
}
WINNER_TOLERANCES = {"cj_generic_batch": 0.10, "eng5_anchor_gpt51_low": 0.20, "eng5_lower5_gpt51_low": 0.30}
N_ESSAYS = {"cj_generic_batch": 9, "eng5_anchor_gpt51_low": 12, "eng5_lower5_gpt51_low": 5}


HTTP = httpx.Client(trust_env=False, timeout=30)


@dataclass(frozen=True)
class Judged:
    """One request's end: its pair, its winner, and the tokens and milliseconds that it took; ``None`` in a batch job."""

    pair: tuple[int, int]
    winner: str
    prompt: int
    completion: int
    latency_ms: float | None

    @property
    def total(self) -> int:
        return self.prompt + self.completion


def pairs_of(profile: str) -> list[tuple[int, int]]:
    pairs = list(combinations(range(N_ESSAYS[profile]), 2))
    return pairs[:4] if profile == "cj_generic_batch" else pairs


def text_of(pair: tuple[int, int], lead: str = "") -> str:
    return prompt(f"text{pair[0]}", f"text{pair[1]}", lead=lead).removesuffix("\n\nAnswer with JSON.").strip()


def _parsed(pair: tuple[int, int], reply: dict[str, Any], latency_ms: float | None) -> Judged:
    text = reply["output"][0]["content"][0]["text"] if "output" in reply else reply["content"][0]["text"]
    usage = reply["usage"]
    return Judged(pair, json.loads(text)["winner"], usage["input_tokens"], usage["output_tokens"], latency_ms)


def live(server: Server, provider: str, pairs: Sequence[tuple[int, int]], lead: str = "") -> list[Judged]:
    headers = {"authorization": "Bearer any"} | ({"anthropic-version": "2026-10-21"} if provider == "anthropic" else {})

    def ask(pair: tuple[int, int]) -> Judged:
        body: dict[str, Any] = {"model": GPT, "input": text_of(pair, lead)}
        if provider == "anthropic":
            body = {"model": GPT, "max_tokens": 300, "messages": [{"role": "user", "content": body["input"]}]}
        path = "/v1/responses" if provider == "openai" else "/v1/messages"
        reply = HTTP.post(f"{server.base_url}{path}", headers=headers, json=body)
        assert reply.status_code == 200, reply.text
        return _parsed(pair, reply.json(), float(reply.headers.get("x-emulated-latency-ms", 0)))

    with ThreadPoolExecutor(4) as threads:
        return list(threads.map(ask, pairs))


def in_a_job(server: Server, provider: str, pairs: Sequence[tuple[int, int]], lead: str = "") -> list[Judged]:
    names = {f"r{a}-{b}": (a, b) for a, b in pairs}
    if provider == "openai":
        gpt = server.openai()
        done = finished(gpt, submit(gpt, jsonl([line(name, text_of(pair, lead)) for name, pair in names.items()])).id)
        assert done.error_file_id is None
        rows = read_results(gpt, done.output_file_id)
        return [_parsed(pair, rows[name]["response"]["body"], None) for name, pair in names.items()]
    claude = server.anthropic()
    requests: Any = [
        {
            "custom_id": name,
            "params": {"model": GPT, "max_tokens": 300, "messages": [{"role": "user", "content": text_of(pair, lead)}]},
        }
        for name, pair in names.items()
    ]
    batch = claude.messages.batches.create(requests=requests)
    ended(claude, batch.id)
    messages = {
        result.custom_id: result.result.message.to_dict()
        for result in claude.messages.batches.results(batch.id)
        if result.result.type == "succeeded"
    }
    return [_parsed(pair, messages[name], None) for name, pair in names.items()]


WAYS = {"live": live, "job": in_a_job}


@pytest.fixture(scope="module", params=list(RECORDINGS))
def profile(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def mock_server(profile: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An emulator with the profile, which does not really wait; it tells who it is as every suite asks it first."""
    options = ("--profile", profile, "--mock", "latency_scale=0")
    running = Server(tmp_path_factory.mktemp("mock") / "state", *options, seconds_per_job=0.2).start()
    mode = fetch(f"{running.base_url}/admin/mock-mode")
    assert (mode["use_mock_llm"], mode["mock_mode"], mode["profile"]) == (True, profile, profile)
    yield running
    assert running.stop() == 0


def share_of_a(judged: Sequence[Judged]) -> float:
    return sum(one.winner == "Essay A" for one in judged) / len(judged)


def recorded(profile: str) -> TraceSummary:
    return read_summary(TRACES / RECORDINGS[profile])


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@pytest.mark.parametrize("way", list(WAYS))
def test_a_profile_keeps_to_its_recording(profile: str, way: str, provider: str, mock_server: Server) -> None:
    recording, pairs = recorded(profile), pairs_of(profile)
    assert len(pairs) == recording.total_events
    judged = WAYS[way](mock_server, provider, pairs)
    assert [one.pair for one in judged] == pairs  # no error, and none lost
    share = recording.winner_counts.get("Essay A", 0) / recording.total_events
    assert abs(share_of_a(judged) - share) <= WINNER_TOLERANCES[profile]
    usage = recording.token_usage
    for name, mean in (("prompt", usage.prompt.mean), ("completion", usage.completion.mean), ("total", usage.total.mean)):
        found = float(np.mean([getattr(one, name) for one in judged]))
        assert abs(found - mean) <= max(5, 0.5 * mean), name
    times = recording.response_time_ms
    assert times is not None
    assert times.p95_ms is not None
    if way == "live":
        latencies = [one.latency_ms for one in judged if one.latency_ms is not None]
        assert abs(float(np.mean(latencies)) - times.mean_ms) <= max(100, 0.15 * times.mean_ms)
        assert np.percentile(latencies, 95) <= times.p95_ms + 200
    else:
        assert {one.latency_ms for one in judged} == {None}


@pytest.mark.parametrize("way", list(WAYS))
def test_the_same_pairs_in_three_batches_get_the_same_winners(profile: str, way: str, mock_server: Server) -> None:
    pairs = pairs_of(profile)
    batches = [WAYS[way](mock_server, "openai", pairs) for _ in range(3)]
    assert batches[0] == batches[1] == batches[2]  # no drift of winners, tokens or times
    counts = Counter(one.pair for judged in batches for one in judged)
    assert counts == dict.fromkeys(pairs, 3)


def test_cj_generic_covers_three_batches_of_twelve(new_server: ServerMaker) -> None:
    server = new_server("--profile", "cj_generic_batch")
    batches = [live(server, "openai", list(combinations(range(9), 2))[n : n + 12], lead="Compare.") for n in (0, 12, 24)]
    assert all(len(judged) == 12 and share_of_a(judged) == 1 for judged in batches)
    means = [tuple(np.mean([getattr(one, name) for one in judged]) for name in ("prompt", "completion")) for judged in batches]
    assert means[0] == means[1] == means[2]


def test_lower5_prefers_b_over_many_batches_of_five_essays(new_server: ServerMaker) -> None:
    server = new_server("--profile", "eng5_lower5_gpt51_low", "--mock", "latency_scale=0")
    pairs = pairs_of("eng5_lower5_gpt51_low")
    shares = [share_of_a(live(server, "openai", pairs, lead=f"Batch {n}.")) for n in range(12)]
    assert np.mean(shares) < 0.5
    assert abs(np.mean(shares) - 0.4) <= 4 * np.sqrt(0.24 / (12 * len(pairs)))


def test_a_batch_job_of_sixteen_requests_is_whole(new_server: ServerMaker) -> None:
    server = new_server("--profile", "cj_generic_batch", seconds_per_job=0.2)
    for provider in ("openai", "anthropic"):
        judged = in_a_job(server, provider, list(combinations(range(7), 2))[:16])
        assert len(judged) == 16
    books = server.ledger()
    assert books["batch_jobs_created"] == {"openai": 1, "anthropic": 1}
    assert [(job["status"], job["n_requests"], job["billed"]["requests"]) for job in books["jobs"]] == [
        ("completed", 16, 16),
        ("ended", 16, 16),
    ]
