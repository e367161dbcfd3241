"""Preflight of one batch: everything about a folder that is to be known, and mended, before its judge is paid.

Reads and sends nothing to anybody. Not here: the installation and its provider, which the command adds in front.
"""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from huleedu_pipeline.essays import Batch, IntakeError, read_batch
from huleedu_pipeline.essays.class_list import matches_of
from huleedu_pipeline.essays.injection import injection_warnings
from huleedu_pipeline.essays.language import language_warnings
from huleedu_pipeline.essays.overrides import NO_OVERRIDES, Overrides
from huleedu_pipeline.essays.registered import Registry
from huleedu_pipeline.essays.text import count_words
from huleedu_pipeline.findings import Finding
from huleedu_pipeline.judging.overrides import validate_judge
from huleedu_pipeline.judging.spec import HUMAN
from huleedu_pipeline.providers.names_in_prompts import prove_folder
from huleedu_pipeline.providers.planning import make_frame, make_judge

FEWEST_ANCHORS = 9
FEWEST_GRADES = 2
# Shorter names are ordinary words or numbers too often for a hit to mean anything.
LEAST_NAME_CHARACTERS = 4
SHOWN = 5
# What a problem of intake is about, by the beginning of its line; whatever else is said is about the batch itself.
_SUBJECTS = {
    "prompt.md": "assignment",
    "rubric.md": "assignment",
    "assignment ": "assignment",
    "batch.yaml: assignment_id": "assignment",
    "essays": "texts",
    "anchors": "anchors",
    "roster.csv": "class",
    "matches.csv": "class",
}


def examine_batch(
    folder: Path, registry: Registry, *, on: date, overrides: Overrides = NO_OVERRIDES
) -> tuple[Batch | None, list[Finding]]:
    """Examine the batch in ``folder``.

    Args:
        folder: The batch folder.
        registry: Where assignments and grade scales are looked up.
        on: The day of asking, for models that are shut down.
        overrides: Values that stand in for those of its ``batch.yaml``.

    Returns:
        The batch, ``None`` where the folder is none, and what was found.

    """
    try:
        batch = read_batch(folder, registry, overrides)
    except IntakeError as error:
        return None, [Finding("fail", _subject(problem), problem) for problem in error.problems]
    found = [*_texts(batch), *_assignment(batch), *_model(batch, on), *_anchors(batch)]
    if batch.spec.judge.provider != HUMAN:
        found += _names(batch)
    return batch, [*found, *_class(batch)]


def _subject(problem: str) -> str:
    return next((subject for start, subject in _SUBJECTS.items() if problem.startswith(start)), "batch")


def _texts(batch: Batch) -> Iterator[Finding]:
    pupils = sum(not essay.is_anchor for essay in batch.essays)
    words = sum(essay.n_words for essay in batch.essays)
    yield Finding("ok", "texts", f"{pupils} pupils' essays and {len(batch.essays) - pupils} anchors, {words} words in all")
    yield from (Finding("warn", "language", warning) for warning in language_warnings(batch))
    flagged = list(injection_warnings(batch))
    yield from (Finding("warn", "injection", warning) for warning in flagged)
    if not flagged:
        yield Finding("ok", "injection", "no text seems to address the judge, as far as a screen can tell")


def _assignment(batch: Batch) -> Iterator[Finding]:
    spec = batch.spec
    source = "in the folder" if spec.assignment_id is None else f"{spec.assignment_id}, version {batch.assignment_version}"
    own = "" if spec.judge.rubric is None else ", which judge.rubric sets"
    sizes = f"prompt of {count_words(batch.prompt)} words, criteria of {count_words(spec.judge.rubric or batch.rubric)}{own}"
    yield Finding("ok", "assignment", f"{source}: {sizes}")


def _model(batch: Batch, on: date) -> Iterator[Finding]:
    judge = batch.spec.judge
    found = validate_judge(judge, on=on)
    yield from (Finding("fail", "model", line) for line in found.errors)
    yield from (Finding("warn", "model", line) for line in found.warnings)
    if not found.errors:
        model = make_judge(batch, is_emulated=False).model
        yield Finding("ok", "model", "people judge" if judge.provider == HUMAN else f"{judge.provider} {model}")


def _anchors(batch: Batch) -> Iterator[Finding]:
    if batch.scale is None:
        yield Finding("warn", "anchors", "none, and no grade_scale: the batch is ranked and not graded")
        return
    counts = Counter(essay.anchor_grade for essay in batch.essays if essay.is_anchor)
    n_anchors = sum(counts.values())
    if len(counts) < FEWEST_GRADES:
        yield Finding(
            "fail",
            "anchors",
            f"{n_anchors} anchors with {len(counts)} different grades can carry no grades over (add anchors of at least "
            f"{FEWEST_GRADES} grades, or leave grade_scale out)",
        )
        return
    missing = [grade for grade in batch.scale.grades if grade not in counts]
    if missing:
        yield Finding(
            "warn",
            "anchors",
            f"none of grade {', '.join(missing)}: boundaries there rest on their neighbours alone (add an anchor of each)",
        )
    if n_anchors < FEWEST_ANCHORS:
        yield Finding("warn", "anchors", f"{n_anchors}: grades will be uncertain (use {FEWEST_ANCHORS} and more)")
    if not missing and n_anchors >= FEWEST_ANCHORS:
        yield Finding("ok", "anchors", f"{n_anchors}, at least one of each grade of {batch.scale.scale_id}")


def _names(batch: Batch) -> Iterator[Finding]:
    """Look for the names of essays in all that a judge reads: what every request shares, and each text."""
    shared = make_frame(make_judge(batch, is_emulated=False)).body("", "")
    names = {name for essay in batch.essays for name in (essay.essay_id, essay.file_name)}
    told = sorted(name for name in names if _holds(shared, name))
    if told:
        remedy = "rename these files, or take the names out of prompt and criteria"
        yield Finding("fail", "names", f"{_some(told)}: what every request says holds these names of essays ({remedy})")
    signed = [e.essay_id for e in batch.essays if _holds(e.text, e.essay_id) or _holds(e.text, e.file_name)]
    if signed:
        yield Finding(
            "warn", "names", f"{_some(signed)}: the text holds its own name (take it out if it says who wrote it, or the grade)"
        )
    if not told and not signed:
        yield Finding("ok", "names", "no id or file name of an essay is in any request")


def _class(batch: Batch) -> Iterator[Finding]:
    """Say whose the essays of a regular batch are, and whether any name of the class is left for a judge to read."""
    if batch.roster is None:
        return
    n_pupils, n_edits = len(batch.roster.pupils), sum(len(essay.redactions) for essay in batch.essays)
    proof = prove_folder(batch, is_emulated=False)
    if proof is not None and proof.named:
        remedy = "take it out of the document, or out of prompt and rubric"
        yield Finding("fail", "class", f"{_some(list(proof.named))}: a pupil's name would be sent ({remedy})")
    elif proof is not None:
        yield Finding("ok", "class", f"{n_pupils} pupils; {n_edits} names taken out, none is left in {proof.n_texts} texts")
        if proof.coinciding:
            yield Finding(
                "warn",
                "class",
                f"{_some(list(proof.coinciding))}: holds a word that is part of a pupil's name too, and is sent as it is",
            )
    n_open = sum(not match.status.is_settled for match in matches_of(batch))
    if n_open:
        yield Finding(
            "warn", "class", f"{n_open} essays are not matched to a pupil yet; judging does not wait for it (huleedu match)"
        )


def _holds(text: str, name: str) -> bool:
    return len(name) >= LEAST_NAME_CHARACTERS and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE) is not None


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
