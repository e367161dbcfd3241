r"""Downloaded result files as Arrow tables, one row for each line, read by DuckDB where a line is an ordinary verdict.

The providers' own line readers (``read_result_line``) say what a line means. DuckDB reads only lines that leave nothing to
say: a success in the shape of the API, whose text is, character by character, a verdict that keeps the contract. Every other
line (errors, refusals, odd shapes, anything unreadable) goes to the line reader. Of two keys of one name DuckDB takes the
first and Python the last, which no provider sends. A file is read in blocks of whole lines, so memory does not grow with it; it
is cut at ``\n`` alone, because U+2028, U+2029 and U+0085 stand unescaped inside a judge's JSON strings.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from huleedu_pipeline.judging.outcome import ErrorCode, Outcome, OutcomeKind, Usage
from huleedu_pipeline.judging.verdict import MAX_JUSTIFICATION_CHARACTERS, Verdict
from huleedu_pipeline.ledger.attempts import USAGE_COLUMNS
from huleedu_pipeline.providers.protocols import ResultLine

LineReader = Callable[[str], ResultLine | None]

_FIELDS: list[tuple[str, pa.DataType]] = [
    ("line_number", pa.int64()),
    ("custom_id", pa.string()),
    ("kind", pa.string()),
    ("winner", pa.string()),
    ("justification", pa.string()),
    ("confidence", pa.float64()),
    ("p_a", pa.float64()),
    ("error_code", pa.string()),
    ("error_message", pa.string()),
    ("model", pa.string()),
    ("service_tier", pa.string()),
    *((name, pa.int64()) for name in USAGE_COLUMNS),
    ("raw", pa.string()),
]
RESULT_SCHEMA = pa.schema(_FIELDS)
BLOCK_BYTES = 8 * 2**20
MOST_TOKENS = 2**63 - 1
AROUND_LINES = "\ufeff\r\n "

# The verdict contract as a pattern for the order in which models answer; what does not fit is read by the line reader.
_VERDICT = (
    r'^\s*\{\s*"justification"\s*:\s*"((?:[^"\\\x00-\x1f]|\\["\\/bfnrt])*)"\s*,\s*"winner"\s*:\s*"(Essay A|Essay B)"'
    r'\s*,\s*"confidence"\s*:\s*([1-4](?:\.[0-9]{1,15})?|5(?:\.0{1,15})?)\s*\}\s*$'
)
# A justification that no stripping of white space changes.
_WORDS = r"^[^\s\p{Z}\p{C}](?s:.*[^\s\p{Z}\p{C}])?$"

# What each provider's lines are transformed into, and where in that the columns of the table stand.
_OPENAI = """
    SELECT o.custom_id AS custom_id, b.model AS model, b.service_tier AS service_tier,
           b.usage.input_tokens AS input_tokens, coalesce(b.usage.input_tokens_details.cached_tokens, 0) AS cached_input_tokens,
           b.usage.output_tokens AS output_tokens,
           coalesce(b.usage.output_tokens_details.reasoning_tokens, 0) AS reasoning_tokens,
           b.output[-1].content[1].text AS answer,
           o.error IS NULL AND o.response.status_code = 200 AND b.object = 'response' AND b.status = 'completed'
           AND (len(b.output) = 1 OR len(b.output) = 2 AND b.output[1].type = 'reasoning')
           AND b.output[-1].type = 'message' AND len(b.output[-1].content) = 1
           AND b.output[-1].content[1].type = 'output_text'
           AND coalesce(b.usage.input_tokens_details.cache_write_tokens, 0) = 0 AND is_bare AS is_reply
    FROM (SELECT *, o.response.body AS b FROM parsed)
"""
_OPENAI_SHAPE = (
    '{"custom_id": "VARCHAR", "error": "JSON", "response": {"status_code": "INTEGER", "body": {"object": "VARCHAR", '
    '"status": "VARCHAR", "model": "VARCHAR", "service_tier": "VARCHAR", '
    '"output": [{"type": "VARCHAR", "content": [{"type": "VARCHAR", "text": "VARCHAR"}]}], '
    '"usage": {"input_tokens": "DOUBLE", "input_tokens_details": {"cached_tokens": "BIGINT", "cache_write_tokens": "BIGINT"}, '
    '"output_tokens": "DOUBLE", "output_tokens_details": {"reasoning_tokens": "BIGINT"}}}}}'
)
_ANTHROPIC = """
    SELECT o.custom_id AS custom_id, m.model AS model, m.usage.service_tier AS service_tier,
           m.usage.input_tokens + coalesce(m.usage.cache_read_input_tokens, 0) AS input_tokens,
           coalesce(m.usage.cache_read_input_tokens, 0) AS cached_input_tokens,
           m.usage.output_tokens AS output_tokens, 0::BIGINT AS reasoning_tokens, m.content[1].text AS answer,
           o.result.type = 'succeeded' AND m.stop_reason = 'end_turn' AND len(m.content) = 1 AND m.content[1].type = 'text'
           AND coalesce(m.usage.cache_creation_input_tokens, 0) = 0
           AND coalesce(m.usage.cache_creation.ephemeral_5m_input_tokens, 0) = 0
           AND coalesce(m.usage.cache_creation.ephemeral_1h_input_tokens, 0) = 0
           AND m.usage.output_tokens_details IS NULL AND is_bare AS is_reply
    FROM (SELECT *, o.result.message AS m FROM parsed)
"""
_ANTHROPIC_SHAPE = (
    '{"custom_id": "VARCHAR", "result": {"type": "VARCHAR", "message": {"model": "VARCHAR", "stop_reason": "VARCHAR", '
    '"content": [{"type": "VARCHAR", "text": "VARCHAR"}], "usage": {"service_tier": "VARCHAR", "input_tokens": "DOUBLE", '
    '"cache_read_input_tokens": "BIGINT", "cache_creation_input_tokens": "BIGINT", "output_tokens": "DOUBLE", '
    '"cache_creation": {"ephemeral_5m_input_tokens": "BIGINT", "ephemeral_1h_input_tokens": "BIGINT"}, '
    '"output_tokens_details": "JSON"}}}}'
)
# One row for each line, in order, and no filter: a filter would be pushed down, and the line parsed again for it.
# Ids of ours have an underscore, which no number has that JSON would turn into text.
_QUERY = """
    WITH parsed AS (SELECT TRY(json_transform(line, $shape)) AS o, line LIKE '{{%}}' AS is_bare FROM lines),
    replies AS ({replies}),
    verdicts AS (SELECT *, regexp_extract(answer, $verdict, ['j', 'w', 'c']) AS v FROM replies),
    told AS (
        SELECT *, CASE WHEN contains(v.j, '\\') THEN json_extract_string('"' || v.j || '"', '$') ELSE v.j END AS reason
        FROM verdicts
    )
    SELECT custom_id, v.w AS winner, reason AS justification, TRY_CAST(v.c AS DOUBLE) AS confidence, model, service_tier,
           TRY_CAST(input_tokens AS BIGINT) AS input_tokens, cached_input_tokens,
           TRY_CAST(output_tokens AS BIGINT) AS output_tokens, reasoning_tokens,
           coalesce(
               is_reply AND v.w <> '' AND length(reason) <= $most AND regexp_matches(reason, $words)
               AND custom_id LIKE '%\\_%' ESCAPE '\\' AND model NOT SIMILAR TO '[0-9.eE+-]+'
               AND input_tokens BETWEEN 0 AND 1e9 AND input_tokens = trunc(input_tokens)
               AND output_tokens BETWEEN 0 AND 1e9 AND output_tokens = trunc(output_tokens), false
           ) AS is_ordinary
    FROM told
"""
_READERS = {"openai": (_OPENAI, _OPENAI_SHAPE), "anthropic": (_ANTHROPIC, _ANTHROPIC_SHAPE)}


def read_table(path: Path, provider: str, read_line: LineReader, *, block_bytes: int = BLOCK_BYTES) -> Iterator[pa.RecordBatch]:
    """Read a result file; batches are of :data:`RESULT_SCHEMA`, in the order of the file, without blank lines.

    Args:
        path: The file.
        provider: Whose file it is: openai or anthropic.
        read_line: The provider's reader of a line, for every line that is not an ordinary verdict.
        block_bytes: About how much of the file is held at once.

    """
    replies, shape = _READERS[provider]
    query = _QUERY.format(replies=replies)
    parameters = {"shape": shape, "verdict": _VERDICT, "words": _WORDS, "most": MAX_JUSTIFICATION_CHARACTERS}
    n_before = 0
    with duckdb.connect(config={"threads": 1}) as connection:  # one thread, so that rows come in the order of the lines
        for lines in _blocks(path, block_bytes):
            connection.register("lines", pa.table({"line": lines}))
            found = connection.execute(query, parameters).to_arrow_table().combine_chunks()
            yield _completed(lines, found, n_before, read_line)
            n_before += len(lines)


def _blocks(path: Path, block_bytes: int) -> Iterator["pa.Array[Any]"]:
    r"""Yield the lines of a file in blocks, cut at ``\n`` and nowhere else."""
    with path.open("rb") as file:
        while block := file.read(block_bytes):
            block += file.readline()
            if not block.endswith(b"\n"):
                block += b"\n"
            ends = np.flatnonzero(np.frombuffer(block, dtype=np.uint8) == ord("\n")) + 1
            offsets = np.concatenate(([0], ends)).astype(np.int32)
            with_ends = pa.Array.from_buffers(
                pa.binary(), len(ends), [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(block)]
            )
            lines = pc.binary_slice(with_ends, 0, -1)
            try:
                yield lines.cast(pa.string())
            except pa.ArrowInvalid:  # not UTF-8 somewhere: what can not be read is replaced, in that line alone
                yield pa.array([(line or b"").decode("utf-8", errors="replace") for line in lines.to_pylist()], pa.string())


def _completed(lines: "pa.Array[Any]", found: pa.Table, n_before: int, read_line: LineReader) -> pa.RecordBatch:
    """Return the rows of all lines: the ordinary ones as they were found, and the others as the line reader reads them."""
    n = len(lines)
    known: dict[str, Any] = {name: found[name].combine_chunks() for name in found.column_names}
    known |= {"line_number": pa.array(np.arange(n_before + 1, n_before + n + 1)), "raw": lines}
    known["kind"] = pa.repeat(pa.scalar(str(OutcomeKind.SUCCESS)), n)
    no_tokens = pa.repeat(pa.scalar(0, pa.int64()), n)
    columns = [
        known.get(field.name, no_tokens if field.name in USAGE_COLUMNS else pa.nulls(n, field.type)) for field in RESULT_SCHEMA
    ]
    is_left = pc.invert(known["is_ordinary"])
    left = np.flatnonzero(is_left.to_numpy(zero_copy_only=False))
    if not len(left):
        return pa.RecordBatch.from_arrays(columns, schema=RESULT_SCHEMA)
    texts = [str(text).strip(AROUND_LINES) for text in lines.filter(is_left).to_pylist()]
    rows = [_row(n_before + int(at) + 1, text, read_line(text) if text else None) for at, text in zip(left, texts, strict=True)]
    replaced = [
        pc.replace_with_mask(column, is_left, pa.array([row.get(field.name) for row in rows], field.type))
        for field, column in zip(RESULT_SCHEMA, columns, strict=True)
    ]
    batch = pa.RecordBatch.from_arrays(replaced, schema=RESULT_SCHEMA)
    is_blank = [not text for text in texts]
    return batch.filter(pc.not_equal(batch["raw"], pa.scalar(""))) if any(is_blank) else batch


def _row(line_number: int, text: str, found: ResultLine | None) -> dict[str, Any]:
    row: dict[str, Any] = {"line_number": line_number, "raw": text}
    if found is None:
        return row
    outcome, verdict = found.outcome, found.outcome.verdict
    row |= {
        "custom_id": found.custom_id.encode("utf-8", errors="replace").decode(),
        "kind": outcome.kind,
        "error_code": outcome.error_code,
        "error_message": outcome.error_message,
        "model": outcome.model,
        "service_tier": outcome.service_tier,
        **{name: min(getattr(outcome.usage, name), MOST_TOKENS) for name in USAGE_COLUMNS},
    }
    if verdict is not None:
        row |= {name: getattr(verdict, name) for name in ("winner", "justification", "confidence", "p_a")}
    return row


def outcome_of(row: dict[str, Any]) -> Outcome:
    """Return the outcome that a row of a result table stands for."""
    is_success = row["kind"] == OutcomeKind.SUCCESS
    return Outcome(
        kind=OutcomeKind(row["kind"]),
        verdict=Verdict(row["winner"], row["justification"], row["confidence"], row["p_a"]) if is_success else None,
        error_code=None if is_success else ErrorCode(row["error_code"]),
        error_message=row["error_message"],
        usage=Usage(**{name: row[name] for name in USAGE_COLUMNS}),
        model=row["model"],
        service_tier=row["service_tier"],
    )
