"""Downloaded result files as Arrow tables, one row for each line."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from huleedu_pipeline.judging.outcome import ErrorCode, Outcome, OutcomeKind, Usage
from huleedu_pipeline.judging.verdict import Verdict
from huleedu_pipeline.ledger.attempts import USAGE_COLUMNS, batched
from huleedu_pipeline.providers.protocols import ResultLine

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
ROWS = 5000


def read_table(path: Path, read_line: Callable[[str], ResultLine | None]) -> Iterator[pa.RecordBatch]:
    """Read a result file with a provider's line reader."""
    for chunk in batched(_rows(path, read_line), ROWS):
        yield pa.RecordBatch.from_pylist(chunk, schema=RESULT_SCHEMA)


def _rows(path: Path, read_line: Callable[[str], ResultLine | None]) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            text = line.decode("utf-8", errors="replace").strip("\ufeff\r\n ")
            if not text:
                continue
            found = read_line(text)
            row: dict[str, Any] = {"line_number": number, "raw": text}
            if found is not None:
                outcome, verdict = found.outcome, found.outcome.verdict
                row |= {
                    "custom_id": found.custom_id,
                    "kind": outcome.kind,
                    "error_code": outcome.error_code,
                    "error_message": outcome.error_message,
                    "model": outcome.model,
                    "service_tier": outcome.service_tier,
                    **{name: getattr(outcome.usage, name) for name in USAGE_COLUMNS},
                }
                if verdict is not None:
                    row |= {name: getattr(verdict, name) for name in ("winner", "justification", "confidence", "p_a")}
            yield row


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
