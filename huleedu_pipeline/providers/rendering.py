"""Requests before they are sent: the very body of any pair of a batch, planned in a ledger or only lying in a folder.

What is shown is what is sent, byte for byte: of a planned batch it is read from the ledger, and of a folder it is made by the
code that plans. Here: finding the pair and its body, and showing a body to people. Not here: recording or sending.
"""

import json
from dataclasses import dataclass
from typing import Any

from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.essays import Batch
from huleedu_pipeline.judging.spec import HUMAN
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.providers.planning import in_mode, make_judge, plan_comparisons, request_bodies


class NoSuchPairError(HuleeduError):
    """A batch has no request of that number; the message says how many it has."""


@dataclass(frozen=True)
class Rendered:
    """A request as it is sent: its number in the batch, from 1, the API's path, and the body."""

    batch_id: str
    number: int
    n_pairs: int
    provider: str
    path: str
    body: str


def render_planned(ledger: Ledger, batch_id: str, number: int) -> Rendered:
    """Return the request of that number as it is recorded.

    Raises:
        NoSuchPairError: nothing of that number is planned, or people judge the batch.

    """
    batch, requests = ledger.batch(batch_id), ledger.requests(batch_id)
    _check(batch_id, number, len(requests), is_human=batch.is_human)
    request = requests[number - 1]
    path = ledger.frames(batch_id)[request.frame_id].path
    return Rendered(batch_id, number, len(requests), request.provider, path, ledger.body(request.custom_id))


def render_folder(batch: Batch, number: int, mode: str, *, is_emulated: bool) -> Rendered:
    """Return the request of that number that the first wave of ``batch`` would ask in ``mode``; nothing is recorded.

    Raises:
        NoSuchPairError: the wave has none of that number, or people judge the batch.

    """
    judge = make_judge(batch, is_emulated=is_emulated)
    is_human = judge.provider == HUMAN
    grades = {essay.essay_id: essay.anchor_grade for essay in batch.essays}
    pairs = [] if is_human else plan_comparisons(in_mode(batch.spec, mode), batch.scale, grades)
    _check(batch.spec.batch_id, number, len(pairs), is_human=is_human)
    ((path, body),) = request_bodies(judge, [pairs[number - 1]], batch.judged_texts)
    return Rendered(batch.spec.batch_id, number, len(pairs), judge.provider, path, body)


def as_text(body: str) -> str:
    """Return a body for people: its texts as a judge reads them, each under its place, and then everything else."""
    content = json.loads(body)
    texts: list[tuple[str, str]] = []
    rest = _without_texts(content, "", texts)
    return "\n\n".join(
        [
            *(f"--- {place}\n{text}" for place, text in texts),
            f"--- everything else\n{json.dumps(rest, indent=1, ensure_ascii=False)}",
        ]
    )


def read_by_judge(body: str) -> list[str]:
    """Return the texts in a body that a judge reads, and nothing else of it."""
    texts: list[tuple[str, str]] = []
    _without_texts(json.loads(body), "", texts)
    return [text for _, text in texts]


def _check(batch_id: str, number: int, n_pairs: int, *, is_human: bool) -> None:
    if is_human:
        raise NoSuchPairError(f"batch {batch_id}: people judge it, and nothing is sent")
    if not n_pairs:
        raise NoSuchPairError(f"batch {batch_id}: nothing is planned yet (give its folder, or run it first)")
    if not 1 <= number <= n_pairs:
        raise NoSuchPairError(f"batch {batch_id}: has no pair {number} (it has 1 to {n_pairs})")


def _without_texts(value: Any, place: str, texts: list[tuple[str, str]]) -> Any:
    """Return the value with a pointer in place of each text that a judge reads, and add it to ``texts`` with its place."""
    if isinstance(value, dict):
        return {key: _without_texts(item, f"{place}.{key}".lstrip("."), texts) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_texts(item, f"{place}[{index}]", texts) for index, item in enumerate(value)]
    if isinstance(value, str) and _is_read(place):
        texts.append((place, value))
        return "(above)"
    return value


def _is_read(place: str) -> bool:
    is_message = place.startswith(("input[", "messages[")) and place.endswith((".text", ".content"))
    return is_message or place in ("instructions", "system")
