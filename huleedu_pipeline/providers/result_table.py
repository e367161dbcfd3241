r"""Downloaded result files as Arrow tables, one row for each line, read by DuckDB where a line is an ordinary verdict.

The providers' own line readers (``read_result_line``) say what a line means. DuckDB reads only lines that leave nothing to
say: a success in the shape of the API, whose text is, character by character, a verdict that keeps the contract. Every other
line (errors, refusals, odd shapes, anything unreadable) goes to the line reader. Of two keys of one name DuckDB takes the
first and Python the last, which no provider sends. A file is read in blocks of whole lines cut at ``\n``, so memory does not
grow with it.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
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
_WORDS = r"^[!-~\p{L}](?s:.*[!-~\p{L}])?$"

_OPENAI = """
    SELECT line_number, line, o.custom_id AS custom_id, b.model AS model, b.service_tier AS service_tier,
           b.usage.input_tokens AS input_tokens, coalesce(b.usage.input_tokens_details.cached_tokens, 0) AS cached_input_tokens,
           b.usage.output_tokens AS output_tokens,
           coalesce(b.usage.output_tokens_details.reasoning_tokens, 0) AS reasoning_tokens,
           b.output[-1].content[1].text AS answer,
           o.error IS NULL AND o.response.status_code = 200 AND b.object = 'response' AND b.status = 'completed'
           AND (len(b.output) = 1 OR len(b.output) = 2 AND b.output[1].type = 'reasoning')
           AND b.output[-1].type = 'message' AND len(b.output[-1].content) = 1
           AND b.output[-1].content[1].type = 'output_text'
           AND coalesce(b.usage.input_tokens_details.cache_write_tokens, 0) = 0 AS is_ordinary
    FROM (SELECT line_number, line, o, o.response.body AS b FROM parsed)
"""
_OPENAI_SHAPE = (
    '{"custom_id": "VARCHAR", "error": "JSON", "response": {"status_code": "INTEGER", "body": {"object": "VARCHAR", '
    '"status": "VARCHAR", "model": "VARCHAR", "service_tier": "VARCHAR", '
    '"output": [{"type": "VARCHAR", "content": [{"type": "VARCHAR", "text": "VARCHAR"}]}], '
    '"usage": {"input_tokens": "DOUBLE", "input_tokens_details": {"cached_tokens": "BIGINT", "cache_write_tokens": "BIGINT"}, '
    '"output_tokens": "DOUBLE", "output_tokens_details": {"reasoning_tokens": "BIGINT"}}}}}'
)
_ANTHROPIC = """
    SELECT line_number, line, o.custom_id AS custom_id, m.model AS model, m.usage.service_tier AS service_tier,
           m.usage.input_tokens + coalesce(m.usage.cache_read_input_tokens, 0) AS input_tokens,
           coalesce(m.usage.cache_read_input_tokens, 0) AS cached_input_tokens,
           m.usage.output_tokens AS output_tokens, 0::BIGINT AS reasoning_tokens, m.content[1].text AS answer,
           o.result.type = 'succeeded' AND m.stop_reason = 'end_turn' AND len(m.content) = 1 AND m.content[1].type = 'text'
           AND coalesce(m.usage.cache_creation_input_tokens, 0) = 0
           AND coalesce(m.usage.cache_creation.ephemeral_5m_input_tokens, 0) = 0
           AND coalesce(m.usage.cache_creation.ephemeral_1h_input_tokens, 0) = 0
           AND m.usage.output_tokens_details IS NULL AS is_ordinary
    FROM (SELECT line_number, line, o, o.result.message AS m FROM parsed)
"""
_ANTHROPIC_SHAPE = (
    '{"custom_id": "VARCHAR", "result": {"type": "VARCHAR", "message": {"model": "VARCHAR", "stop_reason": "VARCHAR", '
    '"content": [{"type": "VARCHAR", "text": "VARCHAR"}], "usage": {"service_tier": "VARCHAR", "input_tokens": "DOUBLE", '
    '"cache_read_input_tokens": "BIGINT", "cache_creation_input_tokens": "BIGINT", "output_tokens": "DOUBLE", '
    '"cache_creation": {"ephemeral_5m_input_tokens": "BIGINT", "ephemeral_1h_input_tokens": "BIGINT"}, '
    '"output_tokens_details": "JSON"}}}}'
)
# Materialised, because the optimiser would otherwise parse the line again for each use of it.
_QUERY = """
    WITH parsed AS MATERIALIZED (
        SELECT line_number, line, TRY(json_transform(line, $shape)) AS o FROM lines WHERE line LIKE '{{%}}'
    ),
    replies AS MATERIALIZED ({replies}),
    verdicts AS (
        SELECT *, regexp_extract(answer, $verdict, ['j', 'w', 'c']) AS v FROM replies
        -- Ids of ours have an underscore; no number, which JSON would turn into text, has one.
        WHERE is_ordinary AND custom_id LIKE '%\\_%' ESCAPE '\\' AND model IS NOT NULL AND model NOT SIMILAR TO '[0-9.eE+-]+'
          AND input_tokens BETWEEN 0 AND 1e9 AND input_tokens = trunc(input_tokens)
          AND output_tokens BETWEEN 0 AND 1e9 AND output_tokens = trunc(output_tokens)
    ),
    told AS (
        SELECT *, CASE WHEN contains(v.j, '\\') THEN json_extract_string('"' || v.j || '"', '$') ELSE v.j END AS reason
        FROM verdicts WHERE v.w <> ''
    )
    SELECT line_number, custom_id, 'success' AS kind, v.w AS winner, reason AS justification, v.c::DOUBLE AS confidence,
           NULL::DOUBLE AS p_a, NULL::VARCHAR AS error_code, NULL::VARCHAR AS error_message, model, service_tier,
           input_tokens::BIGINT AS input_tokens, cached_input_tokens,
           0::BIGINT AS cache_write_5m_tokens, 0::BIGINT AS cache_write_30m_tokens,
           0::BIGINT AS cache_write_1h_tokens, 0::BIGINT AS cache_write_12h_tokens,
           output_tokens::BIGINT AS output_tokens, reasoning_tokens,
           line AS raw
    FROM told WHERE length(reason) <= $most AND regexp_matches(reason, $words)
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
    with duckdb.connect(config={"threads": 1}) as connection:
        for lines in _blocks(path, block_bytes):
            connection.register("lines", lines)
            ordinary = connection.execute(query, parameters).to_arrow_table().cast(RESULT_SCHEMA)
            yield from _completed(lines, ordinary, read_line).combine_chunks().to_batches()


def _blocks(path: Path, block_bytes: int) -> Iterator[pa.Table]:
    r"""Yield the lines of a file, cut at ``\n`` and nowhere else, with their numbers."""
    number = 1
    with path.open("rb") as file:
        while block := file.read(block_bytes):
            pieces = (block + file.readline()).split(b"\n")
            if not pieces[-1]:
                pieces.pop()
            try:
                lines = pa.array(pieces, pa.binary()).cast(pa.string())
            except pa.ArrowInvalid:  # not UTF-8 somewhere: what can not be read is replaced, in that line alone
                lines = pa.array([piece.decode("utf-8", errors="replace") for piece in pieces], pa.string())
            numbers = pa.array(range(number, number + len(pieces)), pa.int64())
            yield pa.table({"line_number": numbers, "line": lines})
            number += len(pieces)


def _completed(lines: pa.Table, ordinary: pa.Table, read_line: LineReader) -> pa.Table:
    """Return the rows of all lines: the ordinary ones as they are, and the others as the line reader reads them."""
    if ordinary.num_rows == lines.num_rows:
        return ordinary
    is_left = pc.invert(pc.is_in(lines["line_number"], value_set=ordinary["line_number"]))
    left = ((row["line_number"], row["line"].strip(AROUND_LINES)) for row in lines.filter(is_left).to_pylist())
    rows = [_row(number, text, read_line(text)) for number, text in left if text]
    others = pa.Table.from_pylist(rows, schema=RESULT_SCHEMA)
    return pa.concat_tables([ordinary, others]).sort_by("line_number")


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
