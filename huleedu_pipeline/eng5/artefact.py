"""The run artefact: one folder that holds a run whole, and can be checked without the system that made it.

``assessment_run.<mode>.json`` follows the JSON Schema in ``schema/``; beside it lie the raw requests and replies as compressed
JSON lines, which hold pupils' texts: keep the folder as you keep them. The lines are written first, under names that tell
their content, and the JSON that names them takes the place of the earlier one at a stroke: whoever reads the folder, and
whatever is killed, there is the run as it stood before, or as it stands now. Here: making, sealing and writing. Not here:
what is worked out from the comparisons (:mod:`.results`) and checking (:mod:`.verify`).
"""

import gzip
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from filelock import FileLock

from huleedu_pipeline.canonical import canonical_json, sha256_hex
from huleedu_pipeline.eng5.results import results_of
from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.essays.spec import JudgeText
from huleedu_pipeline.files import replacing
from huleedu_pipeline.judging.spec import is_simulated
from huleedu_pipeline.lake import Lake
from huleedu_pipeline.lake.tables import ESSAYS
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.ledger.records import OutcomeRecord
from huleedu_pipeline.logs import events
from huleedu_pipeline.providers.planning import planned_judge, planned_scale, planned_spec

SCHEMA_VERSION = "1.1.1"
REQUESTS, REPLIES = "requests", "replies"
DIGITS_OF_NAME = 12
# What writing a run leaves behind when it is killed: lines that no JSON names, and files that were not finished.
_LINES = re.compile(rf"({REQUESTS}|{REPLIES})-[0-9a-f]{{{DIGITS_OF_NAME}}}\.jsonl\.gz")
_UNFINISHED = re.compile(r"\.(requests|replies|assessment_run)[.].+\.tmp")
PACKAGES = ("huleedu-pipeline", "dagster", "duckdb", "numpy", "scipy", "numba", "openai", "anthropic", "sqlalchemy")
STATUS = {"success": "succeeded", "failure": "failed", "expired": "expired"}
Document = dict[str, Any]


class ArtefactError(HuleeduError):
    """A run of which no artefact can be written, or one that does not keep the schema."""


@cache
def schema() -> Mapping[str, Any]:
    """Return the JSON Schema (2020-12) of the artefact."""
    text = files("huleedu_pipeline.eng5").joinpath("schema/assessment_run.schema.json").read_text(encoding="utf-8")
    found: Mapping[str, Any] = json.loads(text)
    return found


def schema_violations(document: Any) -> list[str]:
    """Return where ``document`` does not keep the schema, a line for each place."""
    from jsonschema import Draft202012Validator  # only those who write or verify pay for it

    problems = Draft202012Validator(schema()).iter_errors(document)
    return sorted(f"{problem.json_path}: does not keep the schema ({problem.validator})" for problem in problems)


def write_run(
    ledger: Ledger,
    lake: Lake,
    batch_id: str,
    folder: Path,
    *,
    at: datetime,
    timeout_seconds: float | None = None,
    stopped_because: str | None = None,
) -> Path:
    """Write the artefact of a batch into ``folder`` and return the path of its JSON.

    A batch that is not through, or has failed or was cancelled, is written as far as it has come, marked as partial; written
    again later, it is whole. What an interrupted writing left in the folder is removed.

    Args:
        ledger: The ledger.
        lake: The lake, for the texts' identities.
        batch_id: The batch.
        folder: Where to; made if need be.
        at: The instant of writing, in UTC.
        timeout_seconds: How long the runner had waited when it gave up waiting, of a run that is therefore partial.
        stopped_because: What the runner was told when it could not go on; default: what the ledger says of a batch that has
            ended without a ranking.

    Raises:
        ArtefactError: people judge the batch, the folder holds something else, or the document does not keep the schema.
        MissingDataError: nothing has been made of the batch yet.

    """
    if ledger.batch(batch_id).is_human:
        raise ArtefactError(f"batch {batch_id}: people judge it, and no request was sent (there is no run to record)")
    document = _document(ledger, lake, batch_id, at)
    path = folder / f"assessment_run.{document['metadata']['runner_mode']}.json"
    status = document["validation"]["runner_status"]
    status["timeout_seconds"] = timeout_seconds
    status["stopped_because"] = stopped_because or status["stopped_because"]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f".{folder.name}.lock")):
        _write(ledger, batch_id, document, path)
    return path


def _write(ledger: Ledger, batch_id: str, document: Document, path: Path) -> None:
    folder = path.parent
    _ensure_own(folder, path, batch_id)
    folder.mkdir(exist_ok=True)
    lines = {REPLIES: _replies(ledger, batch_id), REQUESTS: _requests(ledger, batch_id)}
    document["validation"]["manifest"] = [_write_lines(folder, name, rows) for name, rows in lines.items()]
    document["bt_summary"], document["grade_projections"] = results_of(document)
    document["validation"]["artefact_checksum"] = checksum(document)
    if violations := schema_violations(document):
        raise ArtefactError("\n".join(f"batch {batch_id}: {line}" for line in violations))
    with replacing(path) as temporary:
        temporary.write_bytes(encoded(document))
    named = {entry["path"] for entry in document["validation"]["manifest"]}
    for file in folder.iterdir():
        if is_leftover(file.name) and file.name not in named:
            file.unlink(missing_ok=True)
    _tell(ledger, batch_id, document)


def is_leftover(name: str) -> bool:
    """Whether a file that no manifest names is one that an earlier or interrupted writing of the run has left."""
    return _LINES.fullmatch(name) is not None or _UNFINISHED.fullmatch(name) is not None


def lines_of(document: Mapping[str, Any], kind: str) -> str | None:
    """Return the name of the file with a run's requests or replies, ``None`` where the manifest names none."""
    found = (_LINES.fullmatch(entry["path"]) for entry in document["validation"]["manifest"])
    return next((match[0] for match in found if match is not None and match[1] == kind), None)


def _tell(ledger: Ledger, batch_id: str, document: Document) -> None:
    validation, status = document["validation"], document["validation"]["runner_status"]
    events.ARTEFACT_WRITTEN.tell(
        **ledger.batch(batch_id).log_fields,
        artefact_checksum=validation["artefact_checksum"],
        n_files=len(validation["manifest"]),
        runner_mode=document["metadata"]["runner_mode"],
        is_partial=status["partial_data"],
        n_requests=status["n_requests"],
        n_outcomes=status["n_outcomes"],
    )


def _ensure_own(folder: Path, path: Path, batch_id: str) -> None:
    """Refuse a folder that holds anything but an earlier state of the same run."""
    files = [file.name for file in folder.iterdir()] if folder.is_dir() else []
    others = {name for name in files if name != path.name and not is_leftover(name)}
    if not others and path.is_file():
        try:
            before = json.loads(path.read_bytes())["metadata"]["batch_id"]
        except (ValueError, KeyError, TypeError):
            before = None
        others = set() if before == batch_id else {path.name}
    if others:
        raise ArtefactError(f"{folder}: holds {min(others)}, which is no part of the run of {batch_id} (give another folder)")


def encoded(document: Mapping[str, Any]) -> bytes:
    """Return the one way in which a document is written: any other bytes are a change."""
    return (json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def checksum(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a document without its own checksum."""
    unsealed = {**document, "validation": {**document["validation"], "artefact_checksum": ""}}
    return sha256_hex(canonical_json(unsealed))


def _document(ledger: Ledger, lake: Lake, batch_id: str, at: datetime) -> Document:
    record, spec = ledger.batch(batch_id), planned_spec(ledger, batch_id)
    judge, scale, tally = planned_judge(ledger, batch_id), planned_scale(ledger, batch_id), ledger.tally(batch_id)
    outcomes, notes = ledger.outcomes(batch_id), _notes(ledger, batch_id, spec.judge_text)
    essays = [{**row, "notes": notes.get(row["essay_id"])} for row in lake.read_rows(ESSAYS, batch_id)]
    registered = None if spec.assignment_id is None else f"{spec.assignment_id}, version {record.assignment_version}"
    return {
        "schema_version": SCHEMA_VERSION,
        "metadata": {
            "assignment_id": spec.assignment_id,
            "assignment_version": record.assignment_version,
            "assignment": spec.assignment,
            "course_id": spec.course_id,
            "course_code": spec.course_code,
            "language": spec.language,
            "batch_id": batch_id,
            "batch_uuid": record.content_sha256,
            "grade_scale": spec.grade_scale,
            "grade_scale_definition": None if scale is None else {**asdict(scale), "grades": list(scale.grades)},
            "judge": {"judge_id": judge.judge_id, **asdict(judge)},
            "request": spec.model_dump(mode="json"),
            "llm_batching_mode": record.llm_batching_mode,
            "seed": spec.seed,
            "runner_version": version("huleedu-pipeline"),
            "git_sha": _git_sha(),
            "generated_at": at.isoformat(),
            "runner_mode": "dry-run" if record.judge_backend == "emulator" else "execute",
            "is_simulated": judge.is_simulated or any(is_simulated(outcome.model) for outcome in outcomes),
        },
        "inputs": {
            "instructions": _text("judge.rubric" if spec.judge.rubric else registered or "rubric.md", judge.rubric),
            "prompt_reference": _text(registered or "prompt.md", judge.assignment_prompt),
            "anchors": [_anchor(row, is_file=registered is None) for row in essays if row["is_anchor"]],
            "students": [_student(row) for row in essays if not row["is_anchor"]],
        },
        "llm_comparisons": [_comparison(k, outcome) for k, outcome in enumerate(outcomes, start=1)],
        "bt_summary": [],
        "grade_projections": [],
        "costs": {"total_usd": tally.cost_usd, "token_counts": _token_counts(outcomes)},
        "validation": {
            "artefact_checksum": "",
            "manifest": [],
            "cli_environment": {
                "python": platform.python_version(),
                "os": platform.platform(),
                "packages": {package: version(package) for package in PACKAGES},
            },
            "runner_status": {
                # All that was asked may be answered while waves are still to come: only the batch's end says it is through.
                "partial_data": not record.status.is_final or record.status.is_closed,
                "timeout_seconds": None,
                "stopped_because": record.unranked_because,
                "batch_status": str(record.status),
                "n_requests": tally.n_requests,
                "n_outcomes": tally.n_outcomes,
                "n_succeeded": tally.n_succeeded,
            },
        },
    }


def _text(source: str, content: str) -> Document:
    return {"source_path": source, "checksum": sha256_hex(content), "content": content}


def _student(row: Mapping[str, Any]) -> Document:
    return {"essay_id": row["essay_id"], **_essay(row, f"essays/{row['file_name']}")}


def _anchor(row: Mapping[str, Any], *, is_file: bool) -> Document:
    source = f"anchors/{row['file_name']}" if is_file else None
    return {"anchor_id": row["essay_id"], "grade": row["anchor_grade"], **_essay(row, source)}


def _essay(row: Mapping[str, Any], source: str | None) -> Document:
    known = {"file_name": row["file_name"], "checksum": row["text_sha256"], "n_words": row["n_words"]}
    return {**known, "source_path": source, "notes": row["notes"]}


def _notes(ledger: Ledger, batch_id: str, judge_text: JudgeText) -> dict[str, str]:
    """Return, by essay, what was judged where that is not the text as it was written."""
    if judge_text == "raw":
        return {}
    checks = ledger.spell_checks(batch_id)
    return {one.essay_id: f"judged with its spelling corrected, as the text of SHA-256 {one.judged_sha256}" for one in checks}


def _comparison(sequence: int, outcome: OutcomeRecord) -> Document:
    request, winner = outcome.request, outcome.winner_essay_id
    both = {request.essay_a_id, request.essay_b_id}
    return {
        "sequence": sequence,
        "request_id": request.custom_id,
        "correlation_id": request.pair_id,
        "judge_id": request.judge_id,
        "wave": request.wave,
        "replicate": request.replicate,
        "essay_a_id": request.essay_a_id,
        "essay_b_id": request.essay_b_id,
        "winner_id": winner,
        "loser_id": None if winner is None else (both - {winner}).pop(),
        "p_a": outcome.p_a,
        "confidence": outcome.confidence,
        "justification": outcome.justification,
        "prompt_hash": request.prompt_sha256,
        "provider": request.provider,
        "model": outcome.model,
        "tokens_prompt": outcome.input_tokens,
        "tokens_completion": outcome.output_tokens,
        "cost_usd": outcome.cost_usd,
        "started_at": outcome.requested_at.isoformat(),
        "completed_at": outcome.completed_at.isoformat(),
        "status": STATUS[outcome.outcome],
        "error_code": outcome.error_code,
        "failure_reason": outcome.error_message,
    }


def _token_counts(outcomes: Iterable[OutcomeRecord]) -> list[Document]:
    """Return tokens and cost by provider and model; a cost is ``None`` as soon as one in it is unknown."""
    found: dict[tuple[str, str], Document] = {}
    for outcome in outcomes:
        key = (outcome.request.provider, outcome.model)
        empty = {"provider": key[0], "model": key[1], "prompt_tokens": 0, "completion_tokens": 0, "usd": 0.0}
        counts = found.setdefault(key, empty)
        counts["prompt_tokens"] += outcome.input_tokens
        counts["completion_tokens"] += outcome.output_tokens
        is_known = counts["usd"] is not None and outcome.cost_usd is not None
        counts["usd"] = counts["usd"] + outcome.cost_usd if is_known else None
    return [found[key] for key in sorted(found)]


def _requests(ledger: Ledger, batch_id: str) -> Iterator[Document]:
    frames, fragments = ledger.frames(batch_id), ledger.fragments(batch_id)
    for request in ledger.requests(batch_id):
        frame = frames[request.frame_id]
        body = frame.body(fragments[request.fragment_a_id], fragments[request.fragment_b_id])
        yield {"request_id": request.custom_id, "provider": request.provider, "path": frame.path, "body": body}


def _replies(ledger: Ledger, batch_id: str) -> Iterator[Document]:
    for reply in ledger.replies(batch_id):
        at = reply.received_at.isoformat()
        yield {"request_id": reply.custom_id, "attempt": reply.attempt, "received_at": at, "body": reply.body}


def _write_lines(folder: Path, kind: str, rows: Iterable[Document]) -> Document:
    """Write lines into a file whose name tells its content, and return its entry in the manifest."""
    unfinished = folder / f".{kind}.{os.getpid()}.tmp"
    # Neither name nor time in the header: equal lines, equal bytes.
    with unfinished.open("wb") as raw, gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
        for row in rows:
            packed.write(canonical_json(row).encode() + b"\n")
    with unfinished.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    path = unfinished.replace(folder / f"{kind}-{digest[:DIGITS_OF_NAME]}.jsonl.gz")
    return {"path": path.name, "sha256": digest, "bytes": path.stat().st_size}


def _git_sha() -> str:
    """Return the commit of the code that runs, ``UNKNOWN`` where it is no clone."""
    root, git = Path(__file__).resolve().parents[2], shutil.which("git")
    if git is None or not (root / ".git").exists():
        return "UNKNOWN"
    command = [git, "-C", str(root), "rev-parse", "HEAD"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return told.stdout.strip() if told.returncode == 0 else "UNKNOWN"
