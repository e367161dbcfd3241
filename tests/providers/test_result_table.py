"""Result files as tables: on every line, however odd, exactly what the line-by-line readers say."""

import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huleedu_pipeline.ledger.attempts import USAGE_COLUMNS
from huleedu_pipeline.providers import anthropic_wire, openai_wire
from huleedu_pipeline.providers.protocols import ResultLine
from huleedu_pipeline.providers.result_table import AROUND_LINES, RESULT_SCHEMA, LineReader, read_table

READERS: dict[str, LineReader] = {"openai": openai_wire.read_result_line, "anthropic": anthropic_wire.read_result_line}
PROVIDERS = sorted(READERS)


def verdict(justification: str = "It is clearer.", winner: str = "Essay A", confidence: object = 4, **more: object) -> str:
    return json.dumps({"justification": justification, "winner": winner, "confidence": confidence, **more}, ensure_ascii=False)


def openai_item(custom_id: str, text: str, n: int = 900) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    usage = {
        "input_tokens": n,
        "input_tokens_details": {"cached_tokens": n // 3, "cache_write_tokens": 0},
        "output_tokens": n // 7,
        "output_tokens_details": {"reasoning_tokens": n // 9},
        "total_tokens": n + n // 7,
    }
    body = {
        "id": f"resp_{n:08}",
        "object": "response",
        "created_at": 1_790_000_000 + n,
        "status": "completed",
        "error": None,
        "model": "gpt-6-luna-2026-08-01",
        "instructions": "Judge “well”. " * 60,
        "output": [
            {"id": f"rs_{n:08}", "type": "reasoning", "summary": []},
            {"id": f"msg_{n:08}", "type": "message", "role": "assistant", "content": content},
        ],
        "service_tier": "default",
        "usage": usage,
    }
    response = {"status_code": 200, "request_id": f"req_{n:08}", "body": body}
    return {"id": f"batch_req_{n:08}", "custom_id": custom_id, "response": response, "error": None}


def anthropic_item(custom_id: str, text: str, n: int = 900) -> dict[str, Any]:
    usage = {
        "input_tokens": n,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": n // 3,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": n // 7,
        "service_tier": "batch",
    }
    message = {
        "id": f"msg_{n:08}",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "usage": usage,
    }
    return {"custom_id": custom_id, "result": {"type": "succeeded", "message": message}}


ITEMS = {"openai": openai_item, "anthropic": anthropic_item}


def line(provider: str, number: int, text: str | None = None) -> bytes:
    """An ordinary line, as far as its text is one."""
    item = ITEMS[provider](
        f"cj1_{number:06}", verdict(f"It is clearer, {number}.") if text is None else text, number * 37 % 2000
    )
    return json.dumps(item, ensure_ascii=False, separators=(",", ":")).encode()


def slow_rows(data: bytes, read_line: LineReader) -> Iterator[dict[str, Any]]:
    """What the line readers say, as rows of the table."""
    for number, raw in enumerate(data.split(b"\n"), start=1):
        text = raw.decode("utf-8", errors="replace").strip(AROUND_LINES)
        if not text:
            continue
        row: dict[str, Any] = dict.fromkeys(RESULT_SCHEMA.names) | {"line_number": number, "raw": text}
        result = read_line(text)
        if result is not None:
            outcome = result.outcome
            row |= {"custom_id": storable(result.custom_id), "kind": outcome.kind, "model": storable(outcome.model)}
            row |= {"error_code": outcome.error_code, "error_message": outcome.error_message}
            row["service_tier"] = outcome.service_tier
            row |= {name: min(getattr(outcome.usage, name), 2**63 - 1) for name in USAGE_COLUMNS}
            if outcome.verdict is not None:
                row |= asdict(outcome.verdict)
        yield row


def storable(text: str | None) -> str | None:
    return text and text.encode(errors="replace").decode()


def same(data: bytes, provider: str, block_bytes: int = 2**20) -> int:
    """Assert that the table of a file is what its lines are read as, and return how many lines the line reader read."""
    n_read = 0

    def counting(text: str) -> ResultLine | None:
        nonlocal n_read
        n_read += 1
        return READERS[provider](text)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "results.jsonl"
        path.write_bytes(data)
        table = pa.Table.from_batches(read_table(path, provider, counting, block_bytes=block_bytes), RESULT_SCHEMA)
    table.validate(full=True)
    for row, expected in zip(table.to_pylist(), slow_rows(data, READERS[provider]), strict=True):
        assert row == expected
    return n_read


def ordinary(provider: str, n: int = 12) -> list[bytes]:
    return [line(provider, number) for number in range(1, n + 1)]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_ordinary_verdicts_do_not_need_the_line_reader(provider: str) -> None:
    assert same(b"\n".join(ordinary(provider, 300)) + b"\n", provider, block_bytes=20_000) == 0


@pytest.mark.parametrize("provider", PROVIDERS)
def test_escapes_and_white_space_in_a_verdict_are_read_as_what_they_mean(provider: str) -> None:
    words = [
        'He says "yes".',
        "Å and “ö”.",
        "A\nline.",
        "back\\slash",
        " \u2003spaces \n",
        "x" * 500,
        "é" * 500,
        "🐘",
        "tab\t.",
    ]
    lines = [line(provider, n) for n in range(1, 4)]
    for ascii_only in (True, False):
        for n, text in enumerate(words, 10):
            item = ITEMS[provider](f"cj1_{n:06}", json.dumps(json.loads(verdict(text)), ensure_ascii=ascii_only), 37 * n)
            lines.append(json.dumps(item, ensure_ascii=ascii_only, separators=(",", ":")).encode())
    assert same(b"\n".join(lines), provider) <= 2 * 4


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("layout", [{"indent": 2}, {"separators": (",", ":")}, {}])
def test_verdicts_are_read_in_each_of_the_usual_layouts(provider: str, layout: dict[str, Any]) -> None:
    lines = [line(provider, n, json.dumps(json.loads(verdict(f"Clear {n}.")), **layout)) for n in range(1, 50)]
    assert same(b"\n".join(lines), provider) == 0


def odd_texts() -> list[str]:
    good = verdict()
    return [
        "",
        " ",
        "null",
        "prose",
        good + good,
        f" {good}\n",
        f"```{good}```",
        good[:-1],
        good[:-1] + ",}",
        f"[{good}]",
        good[:-1] + ', "winner": "Essay B"}',
        good[:-1] + ', "confidence": 1}',
        good[:-1] + ', "other": 1}',
        verdict(""),
        verdict(" "),
        verdict("x" * 500),
        verdict("x" * 501),
        verdict("å" * 500),
        verdict("å" * 501),
        verdict("\x1c.x"),
        verdict("x\x1f"),
        verdict("\u00a0x"),
        verdict("x\u0085"),
        verdict("x\u2028y"),
        verdict("\u3000"),
        verdict("x\u200b"),
        verdict(winner="essay A"),
        verdict(winner="Essay C"),
        verdict(winner="Essay AB"),
        *(
            good.replace("4}", f"{n}}}")
            for n in (
                "0",
                "1",
                "5",
                "6",
                "05",
                "4.",
                "4.0",
                "4.00000",
                "4.123456",
                "5.00001",
                "0.99999",
                "1.00001",
                "4e0",
                "-4",
                "+4",
                "44",
                "4.4.4",
                "true",
                "null",
                '"4"',
                "NaN",
                "Infinity",
                "1e999",
                "4.35",
                "2.675",
                "1.1",
                "3.33333",
                " 4",
                "4 ",
                "4.9999999999999999",
            )
        ),
        good.replace('"winner"', '"winner "'),
        good.replace('"winner"', '"w\\u0069nner"'),
        good.replace(".", "\\u002e"),
        good.replace(".", "\\ud800"),
        good.replace(".", '\\"'),
        good.replace(".", "\\\\"),
        good.replace(".", "\\n"),
        good.replace(".", "}"),
        good.replace(".", '}\\"'),
        '{"winner":"Essay A","justification":"x","confidence":4}',
        good.replace('"justification"', '"justificatiom"'),
    ]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_odd_verdict_is_read_as_the_exact_reader_reads_it(provider: str) -> None:
    lines = []
    for ascii_only in (True, False):
        for n, text in enumerate(odd_texts()):
            item = ITEMS[provider](f"cj1_{n:06}", text, 37 * n)
            lines += [line(provider, n), json.dumps(item, ensure_ascii=ascii_only, separators=(",", ":")).encode()]
    same(b"\n".join(lines), provider)
    same(b"\n".join(reversed(lines)), provider, block_bytes=5000)


def odd_changes(provider: str) -> list[tuple[bytes, bytes]]:
    """What may be replaced in an ordinary line to make an odd one."""
    common: list[tuple[bytes, bytes]] = [
        (b'"custom_id":', b'"custom_id":"other","custom_id":'),
        (b'"custom_id":', b'"custom\\u005fid":"other","custom_id":'),
        (b'"cj1_000007"', b'"r\\u00300007"'),
        (b'"cj1_000007"', b"7"),
        (b'"cj1_000007"', b"null"),
        (b'"cj1_000007"', b'""'),
        (b'"cj1_000007"', b'"r\xc3\xa507"'),
        (b'"cj1_000007"', b'"r\xff0007"'),
        (b'"cj1_000007"', b'"\\ud800"'),
        (b'"cj1_000007"', b'"r0\x000007"'),
        (b'"custom_id"', b'"custom_ib"'),
        (b"{", b" {"),
        (b"{", b"\xef\xbb\xbf{"),
        (b"{", b"\t{"),
        (b"{", b"[{"),
        (b"}", b"}}"),
        (b"}", b""),
        (b",", b", "),
        (b":", b" :"),
        (b'"output_tokens":', b'"output_tokens":0'),
        (b'"output_tokens":', b'"output_tokens":-'),
        (b'"output_tokens":37', b'"output_tokens":3.7'),
        (b'"output_tokens":37', b'"output_tokens":"37"'),
        (b'"output_tokens":37', b'"output_tokens":"many"'),
        (b'"output_tokens":37', b'"output_tokens":null'),
        (b'"output_tokens":37', b'"output_tokens":true'),
        (b'"output_tokens":37', b'"output_tokens":[]'),
        (b'"output_tokens":37', b'"output_tokens":37e2'),
        (b'"output_tokens":37', b'"output_tokens":999999999999'),
        (b'"output_tokens":37', b'"output_tokens":' + b"9" * 30),
        (b'"usage":', b'"usage":{"input_tokens":5},"usage":'),
        (b'"usage":', b'"use":'),
        (b'"model":', b'"model":7,"x":'),
        (b'"type":', b'"type":"refusal","type":'),
        (b'"text":"', b'"text":"x","text":"'),
        (b'"text":"{', b'"text":"'),
        (b'"text":"', b'"text":7,"x":"'),
        (b'"text":"', b'"text":null,"x":"'),
        (b'"text":"', b'"TEXT":"'),
        (b'\\"winner\\"', b'","text":"\\"winner\\"'),
        (b"Essay A", b"Essay B"),
        (b"Essay A", b"Essay A\\"),
        (b"clearer", b"cle\nrer"),
        (b"clearer", b"cle\\u000arer"),
        (b"clearer", b'cle\\\\\\"er'),
        (b"clearer", b'cle\\"er'),
        (b"clearer", b'cle"er'),
        (b"clearer", b"cle\\x"),
        (b"clearer", b"cl\xe2\x80\xa8r"),
        (b"clearer", b"cl\xe2\x80"),
        (b"clearer", b"cl\x00r"),
        (b"clearer", b"cl\x7fr"),
        (b"clearer", b"cl\xed\xa0\x80"),
        (b'"id":"', b'"id":"\\u0041'),
        (b'"id":"', b'"id":7,"x":"'),
        (b'"id":', b'"id":"b","id":'),
        (b'"id":"', b'"id":"","ib":"'),
        (b"}]", b'},{"type":"text","text":""}]'),
        (b"}]", b'},{"type":"output_text","text":""}]'),
        (b"}]", b'},{"type":"refusal"}]'),
        (b"}]", b",7]"),
    ]
    own: dict[str, list[tuple[bytes, bytes]]] = {
        "openai": [
            (b":200", b":400"),
            (b":200", b":200.0"),
            (b":200", b":true"),
            (b":200", b'"200"'),
            (b'"error":null}', b'"error":{"code":"batch_expired"}}'),
            (b'"error":null', b'"error":{}'),
            (b'"status":"completed"', b'"status":"incomplete"'),
            (b'"status":"completed"', b'"status":"failed"'),
            (b'"output_text"', b'"refusal"'),
            (b'"output_text"', b'"text"'),
            (b'"body":{', b'"body":{},"body":{'),
            (b'"body":', b'"bodi":'),
            (b'"response":', b'"response":null,"x":'),
            (b'"default"', b"null"),
            (b'"default"', b'"flex"'),
            (b'"created_at":1', b'"created_at":0'),
            (b'"created_at":1', b'"created_at":-1'),
            (b'"created_at":1', b'"created_at":1.'),
            (b'"cache_write_tokens":0', b'"cache_write_tokens":64'),
            (b'"input_tokens_details":{', b'"input_tokens_details":null,"x":{'),
        ],
        "anthropic": [
            (b'"succeeded"', b'"errored"'),
            (b'"succeeded"', b'"expired"'),
            (b'"succeeded"', b'"new"'),
            (b'"result":', b'"result":{},"x":'),
            (b'"message":{', b'"message":{},"message":{'),
            (b'"end_turn"', b'"max_tokens"'),
            (b'"end_turn"', b'"refusal"'),
            (b'"end_turn"', b"null"),
            (b'"text","text"', b'"thinking","text"'),
            (b'"ephemeral_1h_input_tokens":0', b'"ephemeral_1h_input_tokens":50'),
            (b'"cache_creation":{', b'"cache_creation":null,"x":{'),
            (b'"batch"', b'"standard"'),
        ],
    }
    return common + own[provider]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_odd_line_is_read_as_the_exact_reader_reads_it(provider: str) -> None:
    lines = ordinary(provider, 3)
    for before, after in odd_changes(provider):
        for count in (1, -1):
            lines.append(line(provider, 7).replace(before, after, count))
        head, _, tail = line(provider, 7).rpartition(before)
        lines += [head + after + tail, line(provider, 8)]
    same(b"\n".join(lines), provider)
    same(b"\n".join(reversed(lines)), provider, block_bytes=3000)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    "separator",
    [
        b"\n",
        b"\r\n",
        b"\n\n",
        b"\n \n",
        b" \n",
        b"\n\xef\xbb\xbf\n",
        b"\n\x00\n",
        b"\n\r",
        b"\x0c\n",
        b"\n[]\n",
        b"\n7\n",
        b"\n\xff\n",
    ],
)
def test_lines_are_cut_and_cleaned_as_they_are_one_by_one(provider: str, separator: bytes) -> None:
    lines = ordinary(provider)
    for data in (separator.join(lines), separator.join(lines) + separator, b"\xef\xbb\xbf" + separator.join(lines)):
        for block_bytes in (2**20, 1000, 64):
            same(data, provider, block_bytes)


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"\n\n", b" ", b"\xef\xbb\xbf", b"{", b"\x00", b"{}", b'{"custom_id":"r"}', b'{"custom_id":"r"}\n' * 3]
)
def test_a_file_of_next_to_nothing_is_read_as_what_it_is(data: bytes) -> None:
    for provider in PROVIDERS:
        same(data, provider)


pieces = st.sampled_from(
    ['"', "\\", "\n", "}", "{", ",", "0", "5", "9", " ", "\\u0041", '\\"', '"winner":"', "å", "\r", "\x00"]
)


@settings(max_examples=150)
@given(
    st.sampled_from(PROVIDERS),
    st.lists(st.tuples(st.integers(0, 100), st.integers(0, 3), pieces | st.text(max_size=3)), max_size=12),
)
def test_no_change_to_an_answer_is_read_differently(provider: str, changes: list[tuple[int, int, str]]) -> None:
    lines = ordinary(provider, 3)
    for number, (place, n_cut, new) in enumerate(changes, start=4):
        text = verdict(f"It is clearer, {number}.")
        at = place % len(text)
        item = ITEMS[provider](f"cj1_{number:06}", text[:at] + new + text[at + n_cut :])
        lines.append(json.dumps(item, ensure_ascii=True, separators=(",", ":")).encode())
    same(b"\n".join(lines), provider)


@settings(max_examples=100)
@given(
    st.sampled_from(PROVIDERS),
    st.lists(st.tuples(st.text(max_size=20), st.floats(0, 6) | st.integers(0, 6), st.booleans()), max_size=8),
)
def test_any_justification_and_confidence_is_read_alike(provider: str, answers: list[tuple[str, float, bool]]) -> None:
    lines = ordinary(provider, 2)
    for n, (text, confidence, ascii_only) in enumerate(answers):
        item = ITEMS[provider](
            f"cj1_{n:06}",
            json.dumps({"justification": text, "winner": "Essay B", "confidence": confidence}, ensure_ascii=ascii_only),
            n,
        )
        lines.append(json.dumps(item, ensure_ascii=ascii_only, separators=(",", ":")).encode())
    same(b"\n".join(lines), provider)
