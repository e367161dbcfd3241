"""What `huleedu database status` looks at: server, ledger and warehouse, and whether both warehouses agree."""

from pathlib import Path

from huleedu_pipeline.findings import Finding
from huleedu_pipeline.lake import open_warehouse
from huleedu_pipeline.lake.checksums import checksum
from huleedu_pipeline.lake.postgres import postgres_rows, postgres_state
from huleedu_pipeline.lake.tables import PUBLISHED_TABLES
from huleedu_pipeline.ledger.database import ledger_revisions
from huleedu_pipeline.postgres import LEDGER, PUBLICATION, Seen, look


def examine_database(url: str, file: Path | None) -> list[Finding]:
    """Examine a Postgres database, and compare its warehouse with the DuckDB ``file`` where one is given."""
    seen = look(url)
    findings = [
        Finding("ok", "server", f"Postgres {seen.version}, database {seen.database}, as {seen.role}"),
        _ledger(url, seen),
        _warehouse(url, seen),
    ]
    if file is not None:
        findings.append(_compared(url, file))
    return findings


def _ledger(url: str, seen: Seen) -> Finding:
    if LEDGER not in seen.schemas:
        return Finding("warn", "ledger", _hidden(seen, LEDGER))
    found, head = ledger_revisions(url)
    if found != head:
        return Finding("warn", "ledger", f"revision {found or 'none'}, and the newest is {head} (huleedu database migrate)")
    return Finding("ok", "ledger", f"revision {found}")


def _warehouse(url: str, seen: Seen) -> Finding:
    if PUBLICATION not in seen.schemas:
        return Finding("warn", "warehouse", _hidden(seen, PUBLICATION))
    state = postgres_state(url)
    if not state.is_current:
        return Finding("warn", "warehouse", "its tables are not those of this version (huleedu database migrate)")
    return Finding("ok", "warehouse", f"{sum(state.rows.values())} rows in {len(state.rows)} tables")


def _hidden(seen: Seen, schema: str) -> str:
    return f"{seen.role} sees no schema {schema} (ask as another role, or make it: huleedu database init)"


def _compared(url: str, file: Path) -> Finding:
    with open_warehouse(file) as published:
        apart = [
            one.name for one in PUBLISHED_TABLES if checksum(one, published.rows(one)) != checksum(one, postgres_rows(url, one))
        ]
    if apart:
        return Finding("warn", "verify", f"{', '.join(apart)} differ from {file} (the next publication brings both up to date)")
    return Finding("ok", "verify", f"{len(PUBLISHED_TABLES)} tables hold the same as {file}")
