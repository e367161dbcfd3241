"""Verification of a run artefact, from its folder alone: schema, checksums, prompts, and that its results follow from it.

Every byte counts: a change in any file is found, in the JSON because there is one way to write it. Not here: writing.
"""

import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from huleedu_pipeline.canonical import sha256_hex
from huleedu_pipeline.eng5.artefact import (
    REPLIES,
    REQUESTS,
    checksum,
    encoded,
    is_leftover,
    lines_of,
    schema_violations,
)
from huleedu_pipeline.eng5.results import results_of
from huleedu_pipeline.findings import Finding

PATTERN = "assessment_run.*.json"


def verify_run(folder: Path) -> list[Finding]:
    """Check the artefact in ``folder``; what fails is named, and nothing is repaired."""
    found = sorted(folder.glob(PATTERN))
    if len(found) != 1:
        return [Finding("fail", "artefact", f"{folder} holds {len(found)} files {PATTERN} (give the folder of one run)")]
    (path,) = found
    raw = path.read_bytes()
    try:
        document = json.loads(raw)
    except ValueError:
        return [Finding("fail", "artefact", f"{path.name} is no JSON (write the artefact anew)")]
    if violations := schema_violations(document):
        return [Finding("fail", "schema", f"{path.name}: {line}") for line in violations]
    findings = [Finding("ok", "schema", f"{path.name} keeps schema {document['schema_version']}")]
    is_sealed = raw == encoded(document) and document["validation"]["artefact_checksum"] == checksum(document)
    findings.append(_told(is_sealed, "checksum", f"{path.name} is as it was written", f"{path.name} was changed"))
    files = list(_files(folder, path.name, document))
    findings += files
    if any(finding.mark == "fail" for finding in files):
        return findings
    return [*findings, _prompts(folder / str(lines_of(document, REQUESTS)), document), *_results(document)]


def _told(is_so: bool, subject: str, yes: str, no: str) -> Finding:
    return Finding("ok", subject, yes) if is_so else Finding("fail", subject, f"{no} (do not rely on this run)")


def _files(folder: Path, artefact: str, document: dict[str, Any]) -> Iterator[Finding]:
    listed = {entry["path"]: entry for entry in document["validation"]["manifest"]}
    for name, entry in listed.items():
        path = folder / name
        data = path.read_bytes() if path.is_file() else b""
        is_same = len(data) == entry["bytes"] and hashlib.sha256(data).hexdigest() == entry["sha256"]
        yield _told(is_same, "files", f"{name} is as it was written", f"{name} is missing or was changed")
    others = sorted({path.name for path in folder.iterdir()} - {artefact, *listed})
    left = [name for name in others if is_leftover(name)]
    if left:
        why = "left by a writing that was interrupted, and no part of the run"
        yield Finding("warn", "files", f"{', '.join(left)}: {why} (record the run again, which removes it)")
    strange = [name for name in others if name not in left]
    missing = [kind for kind in (REPLIES, REQUESTS) if lines_of(document, kind) is None]
    if strange or missing:
        yield Finding(
            "fail", "files", f"the manifest and the folder differ: {', '.join(strange or missing)} (keep one run in it)"
        )


def _prompts(requests: Path, document: dict[str, Any]) -> Finding:
    with gzip.open(requests, "rt", encoding="utf-8", newline="\n") as lines:
        sent = {row["request_id"]: sha256_hex(row["body"]) for row in map(json.loads, lines)}
    wrong = [row["request_id"] for row in document["llm_comparisons"] if sent.get(row["request_id"]) != row["prompt_hash"]]
    yes = f"{len(sent)} requests have the hashes that the comparisons name"
    return _told(not wrong, "prompts", yes, f"{len(wrong)} comparisons name another prompt than was sent, first {wrong[:1]}")


def _results(document: dict[str, Any]) -> Iterator[Finding]:
    status = document["validation"]["runner_status"]
    if status["partial_data"]:
        seen = f"{status['n_outcomes']} of {status['n_requests']} outcomes, batch {status['batch_status']}"
        seen += "" if status["stopped_because"] is None else f", stopped: {status['stopped_because']}"
        yield Finding("warn", "results", f"the run is partial: {seen}; it has no ranking (finish the run, and record it again)")
    ranking, grades = results_of(document)
    for stored, again, what in (
        (document["bt_summary"], ranking, "ranking"),
        (document["grade_projections"], grades, "grades"),
    ):
        yield _told(
            stored == again,
            what,
            f"{len(stored)} rows follow from the comparisons, to the last digit",
            "does not follow from the stored comparisons: changed, or worked out by other versions (see cli_environment)",
        )
