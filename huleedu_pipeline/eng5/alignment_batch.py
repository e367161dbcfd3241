"""The batch of an alignment: graded anchors, judged blind as if they were pupils' essays.

In the batch an anchor has a number for a name, given by chance, and no grade: nothing that is stored with the requests says
which text is which. The key to the numbers stays with whoever asks. Not here: which anchors are compared
(:mod:`.alignment_design`), and what comes of it (:mod:`.alignment`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from huleedu_pipeline.canonical import short_hash
from huleedu_pipeline.eng5.alignment_design import OrderedPair
from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.essays.basis import read_basis
from huleedu_pipeline.essays.batch import Essay, IntakeError
from huleedu_pipeline.essays.batch_folder import read_spec
from huleedu_pipeline.essays.overrides import OF_ONE_PROVIDER
from huleedu_pipeline.essays.registered import Registry
from huleedu_pipeline.essays.spec import BatchSpec, JudgeText
from huleedu_pipeline.grading.scales import GradeScale

HOW_NOT_WHAT = ("max_cost_usd", "llm_batching_mode")


class NoAnchorsError(HuleeduError):
    """There are no two graded anchors to align a judge with."""


@dataclass(frozen=True)
class AnchorSource:
    """Where graded anchors come from, and what they are judged by.

    Attributes:
        place: What messages call it.
        assignment: Name of the assignment.
        assignment_id: The registered assignment that it is, if it is one.
        prompt: What the pupils were asked to write.
        rubric: What is judged by.
        scale: Scale of the grades.
        anchors: The graded texts, by label.
        judge: Settings of the judge that the source names; empty where it names none.
        language: Language of the texts.
        judge_text: Which text of each anchor is judged.

    """

    place: str
    assignment: str
    assignment_id: str | None
    prompt: str
    rubric: str
    scale: GradeScale
    anchors: tuple[Essay, ...]
    judge: Mapping[str, Any]
    language: str = "en"
    judge_text: JudgeText = "raw"

    @property
    def grades(self) -> dict[str, str]:
        """Grade of each anchor by its label."""
        return {anchor.essay_id: anchor.anchor_grade or "" for anchor in self.anchors}

    def with_judge(self, provider: str | None) -> "AnchorSource":
        """Return the same without what it says of its judge's model where ``provider`` is another one, whom it does not fit."""
        if provider in (None, self.judge.get("provider", "openai")):
            return self
        return replace(self, judge={name: value for name, value in self.judge.items() if name not in OF_ONE_PROVIDER})

    def only(self, labels: Sequence[str]) -> "AnchorSource":
        """Return the same with no anchors but these."""
        return replace(self, anchors=tuple(anchor for anchor in self.anchors if anchor.essay_id in set(labels)))


def read_folder(folder: Path, registry: Registry) -> AnchorSource:
    """Return the anchors of a batch folder, or of the registered assignment that it names; pupils' essays are not looked at.

    Raises:
        HuleeduError: batch.yaml or the anchors can not be used, or there are fewer than two.

    """
    spec = read_spec(folder)
    judge = spec.judge.model_dump(mode="json", exclude_defaults=True)
    return replace(_source(folder, spec, str(folder), registry), judge=judge)


def read_assignment(assignment_id: str, folder: Path, registry: Registry) -> AnchorSource:
    """Return the anchors of a registered assignment; ``folder`` is any empty one.

    Raises:
        HuleeduError: it is not registered, lacks prompt or rubric, or has fewer than two anchors.

    """
    spec = BatchSpec(batch_id="alignment", assignment_id=assignment_id)
    return _source(folder, spec, f"assignment {assignment_id}", registry)


def _source(folder: Path, spec: BatchSpec, place: str, registry: Registry) -> AnchorSource:
    problems: list[str] = []
    # An id that no batch has: anchors as they are registered now, not as an earlier batch took them.
    basis = read_basis(folder, spec.model_copy(update={"batch_id": ""}), registry, problems)
    first: dict[str, str] = {}
    for _, anchor in basis.anchors:
        earlier = first.setdefault(anchor.text_sha256, anchor.essay_id)
        if earlier != anchor.essay_id:
            problems.append(f"anchors {earlier} and {anchor.essay_id}: have exactly the same text (remove one)")
    if problems:
        raise IntakeError(place, problems)
    if basis.scale is None or len(basis.anchors) < 2:
        raise NoAnchorsError(
            f"{place}: has {len(basis.anchors)} graded anchors, and an alignment compares at least 2 (put graded texts into "
            "anchors/ and name their grade_scale, or register them: `huleedu admin anchors import-dir`)"
        )
    anchors = tuple(sorted((anchor for _, anchor in basis.anchors), key=lambda anchor: anchor.essay_id))
    return AnchorSource(
        place=place,
        assignment=spec.assignment or spec.assignment_id or "",
        assignment_id=spec.assignment_id,
        prompt=basis.prompt,
        rubric=basis.rubric,
        scale=basis.scale,
        anchors=anchors,
        judge={},
        language=spec.language,
        judge_text=spec.judge_text,
    )


def blind_names(source: AnchorSource, seed: int) -> dict[str, str]:
    """Return the name of each anchor in the batch by its label: numbers in an order that chance makes, by ``seed``."""
    n = len(source.anchors)
    order = np.random.default_rng([seed, n]).permutation(n)
    width = max(2, len(str(n)))
    return {source.anchors[int(a)].essay_id: f"essay_{number:0{width}d}" for number, a in enumerate(order, start=1)}


def default_batch_id(source: AnchorSource, fields: Mapping[str, Any]) -> str:
    """Return a name that says what is asked of whom: the same question again is the same batch, and costs nothing.

    A limit or a mode that has changed makes no other batch: what an interrupted run has paid for would be bought again.
    """
    question = {name: value for name, value in fields.items() if name not in HOW_NOT_WHAT}
    anchors = [(anchor.essay_id, anchor.text_sha256, anchor.anchor_grade) for anchor in source.anchors]
    return "align-" + short_hash([source.prompt, source.rubric, anchors, question], 12)


def batch_fields(
    source: AnchorSource,
    pairs: Sequence[OrderedPair],
    names: Mapping[str, str],
    *,
    judge: Mapping[str, Any],
    mode: str | None,
    max_cost_usd: float | None,
    seed: int,
) -> dict[str, Any]:
    """Return the fields of ``batch.yaml`` but for ``batch_id``; ``judge`` goes before what the source says."""
    fields: dict[str, Any] = {
        "assignment": source.assignment,
        "language": source.language,
        "judge_text": None if source.judge_text == "raw" else source.judge_text,
        "judge": {**source.judge, **judge},
        "llm_batching_mode": mode,
        "max_cost_usd": max_cost_usd,
        "seed": seed,
        "pairs": [[names[first], names[second]] for first, second in pairs],
    }
    return {name: value for name, value in fields.items() if value is not None}


def write_batch_folder(folder: Path, source: AnchorSource, names: Mapping[str, str], fields: Mapping[str, Any]) -> None:
    """Write the batch folder that is judged: prompt, rubric, and the anchors as essays without names or grades."""
    essays = folder / "essays"
    essays.mkdir(parents=True)
    texts = {
        folder / "batch.yaml": yaml.safe_dump(dict(fields), allow_unicode=True, sort_keys=False),
        folder / "prompt.md": source.prompt,
        folder / "rubric.md": source.rubric,
        **{essays / f"{names[anchor.essay_id]}.txt": anchor.text for anchor in source.anchors},
    }
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
