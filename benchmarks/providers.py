"""How fast request files are written and result files are read, beside the plain ways of doing it.

``python benchmarks/providers.py`` measures everything in one run on invented data and prints CPU time, ratios and peak
memory. Each way runs in a process of its own, so that its memory is its own; generating the data and comparing the
results (equal bytes, equal tables) are not part of the time. Nothing here asserts how long something takes.
"""

import argparse
import hashlib
import itertools
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from huleedu_pipeline.canonical import canonical_json
from huleedu_pipeline.judging.outcome import ErrorCode, Usage, read_answer
from huleedu_pipeline.judging.prompts import essay_text, render
from huleedu_pipeline.judging.spec import Judge
from huleedu_pipeline.judging.templates import DEFAULT_TEMPLATE, load_template
from huleedu_pipeline.judging.verdict import VerdictReply
from huleedu_pipeline.providers import openai_responses, openai_wire
from huleedu_pipeline.providers.payloads import SLOT_A, SLOT_B, Line, cut, fragment, write_openai_lines
from huleedu_pipeline.providers.result_table import RESULT_SCHEMA, read_table

SEED = 20261120
N_ESSAYS, WORDS_PER_ESSAY = 500, 300
LINES_PER_FILE = 30_000  # of the million: what a provider takes in one file
LINES_PER_CHUNK = 5_000  # of the loops over results: enough to make writing cheap, few enough to keep memory small
WORDS = [
    *("the", "essay", "argues", "that", "school", "uniforms", "change", "how", "pupils", "see", "one", "another", "because"),
    *("it", "gives", "clear", "reasons", "and", "examples", "from", "daily", "life", "while", "its", "language", "stays"),
    *("simple", "precise", "although", "några", "meningar", "är", "på", "svenska", "the", "ending", "is", "“weak”"),
]
RUBRIC = "Judge content, structure, vocabulary and grammar. " * 12


# Data


def essays() -> list[str]:
    """Return the invented essays."""
    rng = random.Random(SEED)
    texts = []
    for _ in range(N_ESSAYS):
        sentences = [" ".join(rng.choices(WORDS, k=15)).capitalize() for _ in range(WORDS_PER_ESSAY // 15)]
        texts.append(".\n\n".join(sentences) + '. "The end."')
    return texts


def pairs(n_lines: int) -> Iterator[tuple[str, int, int]]:
    """Yield ids of requests and which two essays each compares."""
    for number in range(n_lines):
        first = number % N_ESSAYS
        yield f"cj1_{number:032x}", first, (first + 1 + number // N_ESSAYS % (N_ESSAYS - 1)) % N_ESSAYS


def judge() -> Judge:
    """Return the judge of the invented batch."""
    assignment = "Write about a person who made you change your mind. " * 3
    return Judge(
        "openai",
        "gpt-6-luna",
        DEFAULT_TEMPLATE,
        load_template(DEFAULT_TEMPLATE).system,
        assignment,
        RUBRIC,
        None,
        600,
        "low",
        "low",
    )


def result_line(rng: random.Random, number: int) -> str:
    """Return a line of an OpenAI output file; 1 % are errors and .3 % break the verdict's contract."""

    def key(n: int) -> str:
        return f"{rng.getrandbits(4 * n):0{n}x}"

    item: dict[str, Any] = {"id": f"batch_req_{key(24)}", "custom_id": f"cj1_{number:032x}"}
    if number % 100 == 50:
        error = {"code": "inference_failed", "message": "The request could not be completed."}
        return canonical_line({**item, "response": None, "error": error})
    words = rng.choices(WORDS, k=24)
    if rng.random() < 0.1:
        words[5] = f'"{words[5]}"'
    answer = {
        "justification": " ".join(words).capitalize() + ".",
        "winner": rng.choice(("Essay A", "Essay B")),
        "confidence": 9 if number % 333 == 7 else rng.choice((1, 2, 3, 4, 5, 2.5, 3.5)),
    }
    n_input, n_output = rng.randrange(900, 1500), rng.randrange(45, 90)
    usage = {
        "input_tokens": n_input,
        "input_tokens_details": {
            "cached_tokens": rng.choice((0, 512, 640)),
            "cache_write_tokens": 0,
            "cache_write_tokens_details": {"ttl_30m_tokens": 0, "ttl_12h_tokens": 0},
        },
        "output_tokens": n_output,
        "output_tokens_details": {"reasoning_tokens": rng.choice((0, 64))},
        "total_tokens": n_input + n_output,
    }
    content = [{"type": "output_text", "annotations": [], "logprobs": [], "text": json.dumps(answer, ensure_ascii=False)}]
    body = {
        "id": f"resp_{key(32)}",
        "object": "response",
        "created_at": 1_795_000_000 + number // 50,
        "status": "completed",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": 600,
        "model": "gpt-6-luna-2026-08-01",
        "output": [
            {"id": f"msg_{key(32)}", "type": "message", "status": "completed", "role": "assistant", "content": content},
        ],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": "low", "summary": None},
        "service_tier": "batch",
        "store": True,
        "temperature": 1.0,
        "text": {"format": {"type": "json_schema", "name": "verdict", "strict": True}, "verbosity": "low"},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": usage,
        "user": None,
        "metadata": {},
    }
    response = {"status_code": 200, "request_id": f"req_{key(32)}", "body": body}
    return canonical_line({**item, "response": response, "error": None})


def canonical_line(item: dict[str, Any]) -> str:
    """Return an item as compact JSON in the order of its keys."""
    return json.dumps(item, ensure_ascii=False, separators=(",", ":")) + "\n"


def write_results(path: Path, n_lines: int) -> None:
    """Write an invented result file."""
    rng = random.Random(SEED)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(result_line(rng, number) for number in range(n_lines))


# Writing requests


def write_fragments(path: Path, n_lines: int) -> None:
    """Write the requests from fragments."""
    of, texts = judge(), [fragment(essay_text(text)) for text in essays()]
    frame = cut(canonical_json(openai_wire.build_body(of, render(of, SLOT_A, SLOT_B))))
    requests = (Line(frame, name, texts[first], texts[second]) for name, first, second in pairs(n_lines))
    with path.open("wb") as file:
        write_openai_lines(file.fileno(), openai_responses.PATH, requests)


def write_fragments_in_files(path: Path, n_lines: int) -> None:
    """Write the requests from fragments into one file after the other, each in the place of the last."""
    of, texts = judge(), [fragment(essay_text(text)) for text in essays()]
    frame = cut(canonical_json(openai_wire.build_body(of, render(of, SLOT_A, SLOT_B))))
    requests = (Line(frame, name, texts[first], texts[second]) for name, first, second in pairs(n_lines))
    for start in range(0, n_lines, LINES_PER_FILE):
        n_here = min(LINES_PER_FILE, n_lines - start)
        with path.open("wb") as file:
            write_openai_lines(file.fileno(), openai_responses.PATH, (next(requests) for _ in range(n_here)))


def plain_items(n_lines: int) -> Iterator[dict[str, Any]]:
    """Yield the requests as dictionaries; what they share is built once, with its keys already sorted."""
    of, texts = judge(), [essay_text(text) for text in essays()]
    body = json.loads(canonical_json(openai_wire.build_body(of, render(of, "", ""))))
    context = body["input"][0]["content"][0]
    blocks_a = [{"text": f'<essay label="Essay A">\n{text}\n</essay>', "type": "input_text"} for text in texts]
    blocks_b = [{"text": f'<essay label="Essay B">\n{text}\n</essay>', "type": "input_text"} for text in texts]
    for name, first, second in pairs(n_lines):
        asked = [{"content": [context, blocks_a[first], blocks_b[second]], "role": "user"}]
        yield {"custom_id": name, "method": "POST", "url": openai_responses.PATH, "body": {**body, "input": asked}}


def write_json(path: Path, n_lines: int) -> None:
    """Write the requests with ``json.dumps``, one by one."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for item in plain_items(n_lines):
            file.write(json.dumps(item, ensure_ascii=False, separators=(",", ":")) + "\n")


def write_orjson(path: Path, n_lines: int) -> None:
    """Write the requests with orjson, one by one."""
    with path.open("wb") as file:
        for item in plain_items(n_lines):
            file.write(orjson.dumps(item, option=orjson.OPT_APPEND_NEWLINE))


def write_floor(path: Path, n_lines: int) -> None:
    """Write one line's bytes again and again: what the file costs whoever writes it."""
    text = canonical_line(next(plain_items(1))).encode()
    data = text * 1000
    with path.open("wb", buffering=0) as file:
        for _ in range(n_lines // 1000):
            file.write(data)


# Reading results


def writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """Return the Parquet file that every way of reading writes: repeated words as dictionaries, the rest as it is."""
    repeated: Any = [name for name in ("kind", "winner", "error_code", "model", "service_tier") if name in schema.names]
    return pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=repeated, write_statistics=False)


def read_tables(source: Path, target: Path, schema: pa.Schema) -> None:
    """Read the results as the pipeline does."""
    with writer(target, schema) as file:
        for batch in read_table(source, "openai", openai_wire.read_result_line):
            file.write_batch(batch.select(schema.names))


def read_exactly(source: Path, target: Path, schema: pa.Schema) -> None:
    """Read the results with the exact reader, line by line."""

    def read(line: bytes) -> dict[str, Any]:
        result = openai_wire.read_result_line(line.decode())
        if result is None:
            return {}
        outcome, usage = result.outcome, result.outcome.usage
        row: dict[str, Any] = {"custom_id": result.custom_id, "kind": outcome.kind, "raw": result.raw, "model": outcome.model}
        row |= {"error_code": outcome.error_code, "error_message": outcome.error_message}
        row |= asdict(usage) | {"service_tier": outcome.service_tier}
        return row | (asdict(outcome.verdict) if outcome.verdict else {})

    with source.open("rb") as lines, writer(target, schema) as file:
        rows = ({**read(line.rstrip(b"\n")), "line_number": number} for number, line in enumerate(lines, 1))
        while chunk := list(itertools.islice(rows, LINES_PER_CHUNK)):
            file.write_batch(pa.RecordBatch.from_pylist(chunk, schema))


def read_dicts(source: Path, target: Path, schema: pa.Schema) -> None:
    """Read the results with orjson and pydantic, a dictionary for each line: the loop that one would write first."""

    def read(number: int, line: bytes) -> dict[str, Any]:
        item = orjson.loads(line)
        row = {"line_number": number, "custom_id": item["custom_id"], "kind": "failure", "raw": line[:-1].decode()}
        row |= dict.fromkeys([name for name in schema.names if name.endswith("_tokens")], 0)
        if item["error"] is not None:
            message = f"{item['error']['code']}: {item['error']['message']}"
            return row | {"error_code": "provider_error", "error_message": message}
        body = item["response"]["body"]
        if item["response"]["status_code"] != 200 or body["status"] != "completed":
            raise ValueError("the invented data hold no such line")
        usage = body["usage"]
        details = usage["input_tokens_details"]
        row |= {
            "model": body["model"],
            "service_tier": body["service_tier"],
            "input_tokens": usage["input_tokens"],
            "cached_input_tokens": details["cached_tokens"],
            "cache_write_30m_tokens": details["cache_write_tokens_details"]["ttl_30m_tokens"],
            "cache_write_12h_tokens": details["cache_write_tokens_details"]["ttl_12h_tokens"],
            "output_tokens": usage["output_tokens"],
            "reasoning_tokens": usage["output_tokens_details"]["reasoning_tokens"],
        }
        text = body["output"][0]["content"][0]["text"]
        try:
            return row | {"kind": "success"} | VerdictReply.model_validate_json(text).model_dump()
        except ValidationError:
            why = read_answer(text, Usage(), None).error_message
            return row | {"error_code": ErrorCode.INVALID_VERDICT.value, "error_message": why}

    with source.open("rb") as lines, writer(target, schema) as file:
        rows = (read(number, line) for number, line in enumerate(lines, 1))
        while chunk := list(itertools.islice(rows, LINES_PER_CHUNK)):
            file.write_batch(pa.RecordBatch.from_pylist(chunk, schema))


def read_orjson(source: Path, target: Path, schema: pa.Schema) -> None:
    """Read the results with orjson and pydantic, a list for each column: the same loop written for speed."""
    names = schema.names
    columns: dict[str, list[Any]] = {name: [] for name in names}
    lists = list(columns.values())
    validate, loads = VerdictReply.model_validate_json, orjson.loads
    has_raw = "raw" in names
    number = 0

    def flush(file: pq.ParquetWriter) -> None:
        arrays = [pa.array(values, field.type) for values, field in zip(lists, schema, strict=True)]
        file.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
        for values in lists:
            values.clear()

    with source.open("rb") as lines, writer(target, schema) as file:
        for line in lines:
            number += 1
            item = loads(line)
            error, response = item["error"], item["response"]
            kind, winner, justification, confidence, code, message = "success", None, None, None, None, None
            model = tier = None
            counts = (0, 0, 0, 0, 0, 0, 0, 0)
            if error is not None:
                kind, code, message = "failure", "provider_error", f"{error['code']}: {error['message']}"
            else:
                body = response["body"]
                if response["status_code"] != 200 or body["status"] != "completed":
                    raise ValueError("the invented data hold no such line")
                usage, model, tier = body["usage"], body["model"], body["service_tier"]
                read, written = usage["input_tokens_details"], usage["input_tokens_details"]["cache_write_tokens_details"]
                counts = (
                    usage["input_tokens"],
                    read["cached_tokens"],
                    0,
                    written["ttl_30m_tokens"],
                    0,
                    written["ttl_12h_tokens"],
                    usage["output_tokens"],
                    usage["output_tokens_details"]["reasoning_tokens"],
                )
                parts = [part for entry in body["output"] if entry["type"] == "message" for part in entry["content"]]
                text = "".join([part["text"] for part in parts if part["type"] == "output_text"])
                try:
                    verdict = validate(text)
                    winner, justification, confidence = verdict.winner, verdict.justification, verdict.confidence
                except ValidationError:
                    kind, code = "failure", ErrorCode.INVALID_VERDICT.value
                    message = read_answer(text, Usage(), None).error_message
            row = (
                number,
                item["custom_id"],
                kind,
                winner,
                justification,
                confidence,
                None,
                code,
                message,
                model,
                tier,
                *counts,
            )
            for values, value in zip(lists, row, strict=False):
                values.append(value)
            if has_raw:
                lists[-1].append(line[:-1].decode())
            if number % LINES_PER_CHUNK == 0:
                flush(file)
        if lists[0]:
            flush(file)


# Measuring

WRITERS: dict[str, Callable[[Path, int], None]] = {
    "fragments": write_fragments,
    "json.dumps": write_json,
    "orjson": write_orjson,
    "same bytes (floor)": write_floor,
    "million": write_fragments_in_files,
}
READERS: dict[str, Callable[[Path, Path, pa.Schema], None]] = {
    "tables": read_tables,
    "orjson + pydantic, dicts": read_dicts,
    "orjson + pydantic, lists": read_orjson,
    "exact reader": read_exactly,
}


def run_one(way: str, folder: Path, n_lines: int, *, has_raw: bool) -> None:
    """Run one way in this process and print its CPU seconds and its peak memory as JSON."""
    target = folder / "output"
    schema = RESULT_SCHEMA if has_raw else pa.schema([field for field in RESULT_SCHEMA if field.name != "raw"])
    import pandas as pd  # noqa: F401  Arrow imports it at the first array, which would count as reading

    start = time.process_time()
    if way in WRITERS:
        WRITERS[way](target, n_lines)
    else:
        READERS[way](folder / "results.jsonl", target, schema)
    seconds = time.process_time() - start
    sys.stdout.write(json.dumps({"seconds": seconds, "peak": peak_megabytes(), "size": target.stat().st_size}))


def peak_megabytes() -> float:
    """Return the most memory that this process has held."""
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss of Linux counts what the parent process held when it started this one
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def measure(way: str, folder: Path, n_lines: int, repeats: int, *, has_raw: bool = True) -> dict[str, Any]:
    """Run one way in processes of its own, and return the best of its repeats."""
    command = [sys.executable, __file__, "--way", way, "--folder", str(folder), "--lines", str(n_lines)]
    command += [] if has_raw else ["--without-raw"]
    runs = [json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout) for _ in range(repeats)]
    best: dict[str, Any] = min(runs, key=lambda run: run["seconds"])
    return best


def show(title: str, n_lines: int, found: dict[str, dict[str, Any]]) -> None:
    """Print one table; the first way is compared with each."""
    first = next(iter(found.values()))["seconds"]
    print(f"\n{title}\n{'':24}{'CPU s':>8}{'lines/CPU s':>14}{'MB/CPU s':>10}{'takes':>9}{'peak MB':>9}")
    for way, run in found.items():
        seconds = run["seconds"]
        speed = run["bytes"] / 1e6 / seconds
        print(f"{way:24}{seconds:8.2f}{n_lines / seconds:14,.0f}{speed:10,.0f}{seconds / first:8.2f}x{run['peak']:9,.0f}")


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def compare_writers(folder: Path, n_lines: int, repeats: int, ways: list[str]) -> None:
    """Measure writing, and check that all ways write the same bytes."""
    found, hashes = {}, {}
    for way in ways:
        found[way] = measure(way, folder, n_lines, repeats)
        found[way]["bytes"] = found[way]["size"]
        hashes[way] = file_hash(folder / "output")
    if len({value for way, value in hashes.items() if way != "same bytes (floor)"}) != 1:
        raise SystemExit("the ways of writing requests do not write the same bytes")
    size = found[ways[0]]["size"]
    show(f"{n_lines:,} request lines of {size / n_lines:,.0f} bytes, the same bytes by SHA-256", n_lines, found)
    (folder / "output").unlink()


def compare_readers(folder: Path, n_lines: int, repeats: int, ways: list[str], *, has_raw: bool) -> None:
    """Measure reading, and check that all ways give the same table."""
    source = folder / "results.jsonl"
    found: dict[str, dict[str, Any]] = {}
    expected: pa.Table | None = None
    for way in ways:
        found[way] = {**measure(way, folder, n_lines, repeats, has_raw=has_raw), "bytes": source.stat().st_size}
        table = pq.read_table(folder / "output")
        if expected is not None and not table.equals(expected):
            raise SystemExit(f"{way} gives another table than {ways[0]}")
        expected = table
    size = source.stat().st_size / n_lines
    what = "with the lines themselves as a column" if has_raw else "without the lines themselves"
    show(f"{n_lines:,} result lines of {size:,.0f} bytes into zstd Parquet, {what}; equal tables", n_lines, found)


def main() -> None:
    """Measure what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=200_000, help="lines of each file")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each way; the best counts")
    parser.add_argument("--million", action="store_true", help="also write a million request lines, in files of 30 000")
    parser.add_argument("--folder", type=Path, help="where to put the data (default: a temporary folder)")
    parser.add_argument("--way", help=argparse.SUPPRESS)
    parser.add_argument("--without-raw", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        run_one(options.way, options.folder, options.lines, has_raw=not options.without_raw)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as place:
        folder = Path(place)
        ways = [way for way in WRITERS if way != "million"]
        compare_writers(folder, options.lines, options.repeats, ways)
        if options.million:
            run = measure("million", folder, 10**6, 1)
            line = len(canonical_line(next(plain_items(1))))
            show(
                f"A million request lines in files of {LINES_PER_FILE:,}", 10**6, {"fragments": {**run, "bytes": line * 10**6}}
            )
            (folder / "output").unlink()
        write_results(folder / "results.jsonl", options.lines)
        for has_raw in (True, False):
            compare_readers(folder, options.lines, options.repeats, list(READERS), has_raw=has_raw)


if __name__ == "__main__":
    main()
