"""Names of pupils taken out of a batch's essays at intake, so that nothing that follows has them.

Anchors stay as they are: they were made fit to be shown when they were graded, and their texts are their identity. What a
name is says :mod:`huleedu_pipeline.people.redaction`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from huleedu_pipeline.edits import apply_edits
from huleedu_pipeline.essays.batch import Batch, Essay
from huleedu_pipeline.essays.spec import BatchSpec
from huleedu_pipeline.people import NameFinder, Roster


def without_names(essays: Sequence[Essay], roster: Roster, spec: BatchSpec, prompt: str, rubric: str) -> list[Essay]:
    """Return pupils' essays, as they were read, without names, each with the edits that took them out."""
    finder = _finder(roster, spec, prompt, rubric, [essay.text for essay in essays])
    found = [(essay, tuple(finder.edits(essay.text))) for essay in essays]
    return [replace(essay, text=apply_edits(essay.text, edits), redactions=edits) for essay, edits in found]


def finder_of(batch: Batch) -> NameFinder | None:
    """Return the finder that took the names out of ``batch``, ``None`` of a guest batch."""
    if batch.roster is None:
        return None
    texts = [essay.text_as_read for essay in batch.essays if not essay.is_anchor]
    return _finder(batch.roster, batch.spec, batch.prompt, batch.rubric, texts)


def _finder(roster: Roster, spec: BatchSpec, prompt: str, rubric: str, texts: Iterable[str]) -> NameFinder:
    return NameFinder(roster, spec.language, f"{prompt}\n{rubric}", texts)
