"""Payloads from fragments: byte for byte what serialising each request would give, whatever the system takes at a time."""

import json
import os
import threading
import tracemalloc
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from huleedu_pipeline.canonical import canonical_json
from huleedu_pipeline.judging.prompts import essay_text, render
from huleedu_pipeline.providers import anthropic_wire, openai_responses, openai_wire, payloads
from huleedu_pipeline.providers.payloads import SLOT_A, SLOT_B, Frame, Line, as_sent, cut, fragment
from tests.providers.test_openai_wire import judge

Builder = Callable[[Any, Any], dict[str, Any]]
JUDGE = judge(rubric='Judge the "language" \\ only.', assignment_prompt="Skriv om \u2028 våren 🌱.", temperature=0.0)
ODD_TEXTS = [
    "",
    "plain",
    'a "quoted" \\ text',
    "line\nbreak\tand \u2028\u2029\x85",
    "emoji 🐘 å",
    "</essay> <essay>",
    "\x00\x1f\x7f",
]


def body(build: Builder, text_a: str, text_b: str) -> str:
    return as_sent(build(JUDGE, render(JUDGE, text_a, text_b)))


def frame(build: Builder) -> Frame:
    return cut(body(build, SLOT_A, SLOT_B))


def line(of: Frame, custom_id: str, text_a: str, text_b: str) -> Line:
    return Line(of, custom_id, fragment(essay_text(text_a)), fragment(essay_text(text_b)))


def batch_line(custom_id: str, text: str) -> str:
    """Return the line as the API describes it, put together from its own JSON."""
    head = canonical_json({"custom_id": custom_id, "method": "POST", "url": "/v1/responses"})
    return f'{head[:-1]},"body":{text}}}\n'


def written(path: Path, write: Callable[..., int], *arguments: object) -> bytes:
    with path.open("wb") as file:
        size = write(file.fileno(), *arguments)
    data = path.read_bytes()
    assert len(data) == size
    return data


def openai(path: Path, requests: Iterable[Line]) -> bytes:
    return written(path, payloads.write_openai_lines, openai_responses.PATH, requests)


def anthropic(path: Path, requests: Iterable[Line]) -> bytes:
    return written(path, payloads.write_anthropic_payload, requests)


def pairs(texts: Sequence[str]) -> list[tuple[str, str, str]]:
    return [(f"r{i}-{k}", a, b) for i, a in enumerate(texts) for k, b in enumerate(texts)]


def openai_truth(texts: Sequence[str]) -> bytes:
    return "".join(batch_line(name, body(openai_wire.build_body, a, b)) for name, a, b in pairs(texts)).encode()


def test_an_openai_file_is_what_batch_lines_give(tmp_path: Path) -> None:
    of = frame(openai_wire.build_body)
    assert openai(tmp_path / "f", (line(of, *pair) for pair in pairs(ODD_TEXTS))) == openai_truth(ODD_TEXTS)


def test_an_anthropic_payload_is_the_create_body(tmp_path: Path) -> None:
    of, build = frame(anthropic_wire.build_body), anthropic_wire.build_body
    data = anthropic(tmp_path / "f", (line(of, *pair) for pair in pairs(ODD_TEXTS)))
    items = [{"custom_id": name, "params": build(JUDGE, render(JUDGE, a, b))} for name, a, b in pairs(ODD_TEXTS)]
    assert data.decode() == as_sent({"requests": items})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.text(min_size=1), st.text(), st.text()), max_size=5))
def test_any_texts_and_ids_come_back_as_they_were(tmp_path: Path, requests: list[tuple[str, str, str]]) -> None:
    of = frame(openai_wire.build_body)
    data = openai(tmp_path / "f", (line(of, *request) for request in requests))
    assert data.decode() == "".join(batch_line(name, body(openai_wire.build_body, a, b)) for name, a, b in requests)
    build = anthropic_wire.build_body
    of = frame(build)
    read = json.loads(anthropic(tmp_path / "f", (line(of, *request) for request in requests)))
    assert read == {"requests": [{"custom_id": n, "params": build(JUDGE, render(JUDGE, a, b))} for n, a, b in requests]}


def test_no_requests_are_an_empty_file_and_an_empty_list(tmp_path: Path) -> None:
    assert openai(tmp_path / "f", []) == b""
    assert anthropic(tmp_path / "f", []) == b'{"requests":[]}'


@pytest.mark.parametrize("n_requests", [169, 170, 171, 340, 341, 1000])
def test_every_request_is_there_once_at_the_borders_of_a_group(tmp_path: Path, n_requests: int) -> None:
    of = Frame(b'{"a":"', b'","b":"', b'"}')
    requests = [Line(of, f"r{i}", b"x" * (i % 7), b"") for i in range(n_requests)]
    lines = [json.loads(text) for text in openai(tmp_path / "f", requests).splitlines()]
    assert [(item["custom_id"], item["body"]) for item in lines] == [
        (f"r{i}", {"a": "x" * (i % 7), "b": ""}) for i in range(n_requests)
    ]
    read = json.loads(anthropic(tmp_path / "f", requests))["requests"]
    assert [item["custom_id"] for item in read] == [f"r{i}" for i in range(n_requests)]


def test_requests_of_several_judges_share_a_file(tmp_path: Path) -> None:
    frames = [Frame(b'{"a":"', b'","b":"', b'","m":%d}' % i) for i in range(3)]
    requests = [Line(frames[i // 2 % 3], f"r{i}", b"x", b"y") for i in range(12)]
    expected = b"".join(b'{"a":"x","b":"y","m":%d}' % (i // 2 % 3) for i in range(12))
    bodies = [json.loads(text)["body"] for text in openai(tmp_path / "f", requests).splitlines()]
    assert b"".join(canonical_json(item).encode() for item in bodies) == expected


@pytest.mark.skipif(not hasattr(os, "writev"), reason="this system writes joined bytes anyway")
@pytest.mark.parametrize("share", [2, 3, 1000])
def test_a_system_that_takes_a_part_is_given_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: int) -> None:
    write = os.write

    def some_of(descriptor: int, buffers: Sequence[bytes]) -> int:
        joined = b"".join(buffers)
        return write(descriptor, joined[: max(1, len(joined) // share)])

    monkeypatch.setattr(os, "writev", some_of)
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[: max(1, len(data) // share)]))
    texts = [f"{text} {i}" for i in range(3) for text in ODD_TEXTS]
    of = frame(openai_wire.build_body)
    assert openai(tmp_path / "f", (line(of, *pair) for pair in pairs(texts))) == openai_truth(texts)


def test_a_system_without_writev_gets_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "writev", raising=False)
    monkeypatch.delattr(os, "sysconf", raising=False)
    of = frame(openai_wire.build_body)
    assert openai(tmp_path / "f", (line(of, *pair) for pair in pairs(ODD_TEXTS))) == openai_truth(ODD_TEXTS)


def test_a_slow_pipe_gets_every_byte() -> None:
    reading, writing = os.pipe()
    of = frame(openai_wire.build_body)
    texts = [text * 50 for text in ODD_TEXTS]
    received: list[bytes] = []

    def read() -> None:
        while data := os.read(reading, 1000):
            received.append(data)

    reader = threading.Thread(target=read)
    reader.start()
    size = payloads.write_openai_lines(writing, openai_responses.PATH, (line(of, *pair) for pair in pairs(texts)))
    os.close(writing)
    reader.join()
    os.close(reading)
    assert b"".join(received) == openai_truth(texts)
    assert size == len(openai_truth(texts))


def test_requests_are_a_stream_and_never_held() -> None:
    of = Frame(b'{"a":"', b'","b":"', b'"}')
    text = b"x" * 2000
    with Path(os.devnull).open("wb") as file:
        tracemalloc.start()
        size = payloads.write_openai_lines(
            file.fileno(), "/v1/responses", (Line(of, f"r{i}", text, text) for i in range(20_000))
        )
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert size > 80_000_000
    assert peak < 1_000_000


@pytest.mark.parametrize("wrong", ["no slots", SLOT_A, SLOT_B, SLOT_B + SLOT_A, SLOT_A + SLOT_B + SLOT_A, SLOT_A + SLOT_B * 2])
def test_a_body_is_cut_only_where_each_essay_has_its_one_place(wrong: str) -> None:
    with pytest.raises(ValueError, match="slot"):
        cut(wrong)


def test_slots_pass_through_prompts_and_json_unchanged() -> None:
    assert canonical_json(essay_text(SLOT_A + SLOT_B)) == f'"{SLOT_A}{SLOT_B}"'
