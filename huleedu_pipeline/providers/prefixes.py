"""Shared prefixes: which requests begin alike, in which order they are asked, and how OpenAI is told that they belong together.

Providers keep the beginning of a prompt in a cache and read it again for a tenth of the price or less. All requests of a
judge begin with the same context, and those with the same first essay are alike up to its end. They are therefore asked one
after another, and OpenAI's bodies name a key by which requests with the same prefix reach the same machine. Nothing here
changes what a judge reads. Not here: Anthropic's marks (:mod:`.anthropic_wire`), and what cached tokens cost
(:mod:`huleedu_pipeline.judging.costs`).
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from huleedu_pipeline.canonical import short_hash
from huleedu_pipeline.comparisons import ComparisonPair
from huleedu_pipeline.ledger import FrameRecord, RequestRecord

# A body's frame holds its key, so there are at most as many frames; enough that few essays share one, and that the calls with
# one key stay below the fifteen a minute from which on a provider spreads them over machines.
N_KEYS = 512

# As it stands in a body; inside of a text the quotes would be escaped.
_KEY = re.compile(r'(?<="prompt_cache_key":")[^"]*(?=")')


def cache_key(*prefix: str) -> str:
    """Return the key of a prefix, told by what it is made of: a hash, of which nobody can tell whose essay it is."""
    return f"huleedu-{short_hash(prefix, 32)}"


def with_cache_key(frame: FrameRecord, fragment_id: str) -> FrameRecord:
    """Return the frame of requests whose first essay is that fragment; a frame without a cache key is that of all essays."""
    share = str(int(fragment_id[:8], 16) % N_KEYS)
    tail, n_keys = _KEY.subn(cache_key(frame.path, frame.head, share), frame.tail)
    if not n_keys:
        return frame
    return replace(frame, frame_id=frame_id(frame.provider, frame.path, frame.head, frame.middle, tail), tail=tail)


def frame_id(provider: str, path: str, head: str, middle: str, tail: str) -> str:
    """Return the identity of a frame."""
    return short_hash([provider, path, head, middle, tail], 64)


def in_asking_order(pairs: Sequence[ComparisonPair]) -> list[ComparisonPair]:
    """Return the pairs of a wave so that those with the same first essay lie together, otherwise in the order given.

    Of a pair in both orders, the one that is now asked first is the one that covers it.
    """
    by_first: dict[str, list[ComparisonPair]] = defaultdict(list)
    modes = defaultdict(list)
    for pair in pairs:
        by_first[pair.essay_a_id].append(pair)
        modes[frozenset((pair.essay_a_id, pair.essay_b_id))].append(pair.pair_generation_mode)
    return [
        replace(pair, pair_generation_mode=modes[frozenset((pair.essay_a_id, pair.essay_b_id))].pop(0))
        for group in by_first.values()
        for pair in group
    ]


def same_prefix(requests: Sequence[RequestRecord]) -> Iterator[list[RequestRecord]]:
    """Yield, of requests in the order of asking, those that lie together and have the same first essay."""
    for _, group in groupby(requests, key=lambda request: (request.frame_id, request.fragment_a_id)):
        yield list(group)
