"""The proof that no request of a regular batch holds a name of its class: every text that a judge reads is looked through.

A request is a frame that all requests of a judge share, with two essays in it; looking through every frame and every essay of
a batch is looking through all of its requests. A name that the assignment or an anchor has as well is told, and stops nothing
unless it tells of one pupil: it was there before the class wrote. Not here: taking names out
(:mod:`huleedu_pipeline.essays.names`).
"""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from huleedu_pipeline.essays import Batch
from huleedu_pipeline.essays.names import finder_of
from huleedu_pipeline.judging.spec import HUMAN
from huleedu_pipeline.ledger import FrameRecord, Ledger
from huleedu_pipeline.people import NameFinder
from huleedu_pipeline.providers.planning import fragments_of, make_frame, make_judge
from huleedu_pipeline.providers.rendering import read_by_judge
from huleedu_pipeline.providers.spelling import with_spelling


@dataclass(frozen=True)
class NameProof:
    """What looking for the names of a class in all that a judge reads has shown.

    Attributes:
        n_texts: Frames and essays that were looked through.
        named: Essays with a name of a pupil left in them, and ``(what every request says)``; none is to be sent.
        coinciding: Anchors, and ``(what every request says)``, that have a word that is also a part of a pupil's name.

    """

    n_texts: int
    named: tuple[str, ...]
    coinciding: tuple[str, ...]


SHARED = "(what every request says)"


def prove_folder(batch: Batch, *, is_emulated: bool) -> NameProof | None:
    """Look through the requests that would be made of ``batch``; ``None`` where it has no class list, or people judge."""
    finder = finder_of(batch)
    if finder is None or batch.spec.judge.provider == HUMAN:
        return None
    texts = with_spelling(batch, None).judged_texts
    frames = [make_frame(make_judge(batch, is_emulated=is_emulated))]
    return _prove(finder, frames, fragments_of(texts).items(), _anchors(batch))


def prove_planned(ledger: Ledger, batch: Batch) -> NameProof | None:
    """Look through the requests of ``batch`` as they are recorded; ``None`` where it has no class list, or people judge."""
    finder = finder_of(batch)
    if finder is None or batch.spec.judge.provider == HUMAN:
        return None
    batch_id = batch.spec.batch_id
    bodies = ledger.fragments(batch_id)
    sides = {
        (essay_id, bodies[fragment])
        for request in ledger.requests(batch_id)
        for essay_id, fragment in (
            (request.essay_a_id, request.fragment_a_id),
            (request.essay_b_id, request.fragment_b_id),
        )
    }
    return _prove(finder, ledger.frames(batch_id).values(), sorted(sides), _anchors(batch))


def _anchors(batch: Batch) -> frozenset[str]:
    return frozenset(essay.essay_id for essay in batch.essays if essay.is_anchor)


def _prove(
    finder: NameFinder, frames: Iterable[FrameRecord], essays: Iterable[tuple[str, str]], anchors: Collection[str]
) -> NameProof:
    texts = [*((SHARED, text) for frame in frames for text in read_by_judge(frame.body("", "")))]
    texts += [(essay_id, str(json.loads(f'"{body}"'))) for essay_id, body in essays]
    named, coinciding = [], []
    for place, text in texts:
        if finder.told(text) or (place != SHARED and place not in anchors and finder.left(text)):
            named.append(place)
        elif finder.left(text):
            coinciding.append(place)
    return NameProof(len(texts), tuple(dict.fromkeys(named)), tuple(dict.fromkeys(coinciding)))
