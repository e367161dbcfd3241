"""Request payloads from prepared fragments: what two providers are sent for many pairs of few essays.

All requests of one judge are the same JSON but for the two essays, and an essay stands in many requests. So a body is
serialised once with a slot for each essay and cut there, each essay's text is escaped once, and a payload is written by
handing the operating system lists of these shared pieces: nothing is joined, and nothing but the group being written is
held, however many requests there are.
"""

import json
import os
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from huleedu_pipeline.canonical import canonical_json

# Characters for private use: no JSON writer escapes them, and no essay, rubric or schema has these by chance.
SLOT_A, SLOT_B = "\ue0a5huleedu-slot-a\ue0a5", "\ue0a5huleedu-slot-b\ue0a5"

_quoted = json.JSONEncoder(ensure_ascii=False).encode  # of a text: the same as canonical_json, without its set-up
_PIECES_PER_REQUEST = 6
_FEWEST_BUFFERS = 16  # what POSIX promises; Linux and macOS take 1024


class Frame(NamedTuple):
    """A request body as :func:`as_sent` writes it without its two essays, as UTF-8."""

    head: bytes
    between: bytes
    tail: bytes


class Line(NamedTuple):
    """One request: its body is ``frame`` with the fragments of two essays in it."""

    frame: Frame
    custom_id: str
    fragment_a: bytes
    fragment_b: bytes


class _Shape(NamedTuple):
    """What stands around requests: each is ``first`` or ``next``, its id, ``middle``, its body, ``end``."""

    first: str
    next: str
    middle: bytes
    end: bytes
    closing: bytes


def as_sent(body: dict[str, Any]) -> str:
    """Return ``body`` as JSON, its keys in the order in which they were put there: a model answers in its schema's order."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def cut(body_with_slots: str) -> Frame:
    """Cut a body as :func:`as_sent` writes it at the slots of its essays.

    Raises:
        ValueError: a slot is missing or stands there more than once, or the second comes first.

    """
    if (counts := (body_with_slots.count(SLOT_A), body_with_slots.count(SLOT_B))) != (1, 1):
        raise ValueError(
            f"a request body needs each essay's slot once, and this one has them {counts[0]} and {counts[1]} times"
        )
    head, rest = body_with_slots.split(SLOT_A)
    if SLOT_B in head:
        raise ValueError("a request body needs the slot of Essay A before that of Essay B")
    between, tail = rest.split(SLOT_B)
    return Frame(head.encode(), between.encode(), tail.encode())


def fragment(text: str) -> bytes:
    """Return ``text`` as it stands inside a string of canonical JSON, as UTF-8 and without the quotes."""
    return canonical_json(text)[1:-1].encode()


def write_openai_lines(descriptor: int, path: str, requests: Iterable[Line]) -> int:
    """Write the input file of an OpenAI batch job whose requests go to ``path``; return the number of bytes."""
    opening = '{"custom_id":'
    middle = f',"method":"POST","url":{_quoted(path)},"body":'
    return _write(descriptor, _Shape(opening, opening, middle.encode(), b"}\n", b""), requests, b"")


def write_anthropic_payload(descriptor: int, requests: Iterable[Line]) -> int:
    """Write the body of the call that creates an Anthropic message batch; return the number of bytes."""
    item = '{"custom_id":'
    shape = _Shape('{"requests":[' + item, "," + item, b',"params":', b"}", b"]}")
    return _write(descriptor, shape, requests, b'{"requests":[]}')


def _write(descriptor: int, shape: _Shape, requests: Iterable[Line], nothing: bytes) -> int:
    """Write a payload in as few calls as the operating system allows; ``nothing`` is the payload of no requests."""
    most = _most_buffers() - _PIECES_PER_REQUEST
    buffers: list[bytes] = []
    append = buffers.append
    n_bytes = 0
    known: Frame | None = None
    opening, middle, between, end = shape.first, b"", b"", b""
    for frame, custom_id, fragment_a, fragment_b in requests:
        if frame is not known:
            known = frame
            middle, between, end = shape.middle + frame.head, frame.between, frame.tail + shape.end
        append((opening + _quoted(custom_id)).encode())
        append(middle)
        append(fragment_a)
        append(between)
        append(fragment_b)
        append(end)
        opening = shape.next
        if len(buffers) > most:
            n_bytes += _write_all(descriptor, buffers)
            buffers.clear()
    buffers.append(nothing if known is None else shape.closing)
    return n_bytes + _write_all(descriptor, buffers)


def _write_all(descriptor: int, buffers: Sequence[bytes]) -> int:
    size = sum(map(len, buffers))
    written = _write_some(descriptor, buffers) if size else 0
    if written < size:  # a disk or pipe that takes less than it is given; seldom, so it may be slow
        rest = memoryview(b"".join(buffers))
        while written < size:
            written += os.write(descriptor, rest[written:])
    return size


def _write_some(descriptor: int, buffers: Sequence[bytes]) -> int:
    if hasattr(os, "writev"):
        return os.writev(descriptor, buffers)
    return os.write(descriptor, b"".join(buffers))


def _most_buffers() -> int:
    """Return how many buffers one call may take."""
    if not hasattr(os, "sysconf") or "SC_IOV_MAX" not in os.sysconf_names:
        return 1024
    return max(os.sysconf("SC_IOV_MAX"), _FEWEST_BUFFERS)
