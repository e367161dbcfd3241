"""Which anchors are compared in an alignment: a full round robin, pairs from a CSV file, or grades against grades.

A design is a list of ordered pairs of anchors' labels, the one that is shown first in front; a pair that comes again is
asked again. Not here: under which names a judge's batch knows the anchors (:mod:`.alignment_batch`).
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from itertools import product
from pathlib import Path

from huleedu_pipeline.comparisons import plan_single_wave
from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.essays.folder_files import csv_rows
from huleedu_pipeline.grading.scales import GradeScale

OrderedPair = tuple[str, str]

MOST_TIMES = 1000


class DesignError(HuleeduError):
    """Pairs that can not be asked; the message names each of them with its remedy."""


def round_robin(labels: Sequence[str], seed: int) -> list[OrderedPair]:
    """Return every pair of anchors once, each anchor shown first as often as second, give or take one.

    Args:
        labels: The anchors, at least two.
        seed: Same seed, same orders.

    Raises:
        DesignError: fewer than two anchors.

    """
    n = len(labels)
    if n < 2:
        raise DesignError(f"{n} anchors can not be compared (at least 2 are needed)")
    return [(labels[pair.first], labels[pair.second]) for pair in plan_single_wave(n, n * (n - 1) // 2, seed)]


def read_pairs(path: Path, labels: Sequence[str]) -> list[OrderedPair]:
    """Return the pairs of a CSV file with the columns ``first`` and ``second``, and ``times`` if a pair is to come again.

    Args:
        path: The file, UTF-8.
        labels: The anchors that there are.

    Raises:
        DesignError: the file can not be read, or names something else than two different anchors and a number of times.

    """
    problems: list[str] = []
    pairs: list[OrderedPair] = []
    for line, row in csv_rows(path, path.name, ("first", "second"), problems):
        place = f"{path.name}: line {line}"
        pair = row["first"].strip(), row["second"].strip()
        times = (row.get("times") or "1").strip()
        unknown = [name for name in pair if name not in labels]
        problems.extend(f"{place}: there is no anchor '{name}' ({_nearest(name, labels)})" for name in unknown)
        if pair[0] == pair[1]:
            problems.append(f"{place}: an anchor is paired with itself (name two)")
        if not (times.isascii() and times.isdigit() and 1 <= int(times) <= MOST_TIMES):
            problems.append(f"{place}: times: is no number from 1 to {MOST_TIMES}")
        elif not unknown:
            pairs += [pair] * int(times)
    if not pairs and not problems:
        problems.append(f"{path.name}: names no pair (write a line 'first,second' for each)")
    if problems:
        raise DesignError("\n".join(problems))
    return pairs


def boundary_pairs(wanted: str, grades: Mapping[str, str], scale: GradeScale) -> list[OrderedPair]:
    """Return every anchor of a grade against every anchor of another, for each ``FIRST:SECOND`` in a list with commas.

    Args:
        wanted: For example ``E+:E-,D-:E+``; anchors of the grade in front are shown first.
        grades: Grade of each anchor by its label.
        scale: The scale of the grades.

    Raises:
        DesignError: something else than two different grades of the scale that anchors carry.

    """
    problems: list[str] = []
    pairs: list[OrderedPair] = []
    for part in wanted.split(","):
        first, colon, second = (piece.strip() for piece in part.partition(":"))
        if not colon or first == second:
            problems.append(f"boundary pairs: '{part.strip()}' does not name two grades (write them as in E+:E-)")
            continue
        for grade in (first, second):
            if grade not in scale.grades:
                problems.append(f"boundary pairs: '{grade}' is not on {scale.scale_id} ({' '.join(scale.grades)})")
            elif grade not in grades.values():
                problems.append(f"boundary pairs: no anchor carries the grade {grade} (leave it out, or add an anchor)")
        of_first, of_second = ([label for label, grade in grades.items() if grade == side] for side in (first, second))
        pairs += product(of_first, of_second)
    if problems:
        raise DesignError("\n".join(dict.fromkeys(problems)))
    return pairs


def repeated(pairs: Sequence[OrderedPair], *, iterations: int, both_orders: bool) -> list[OrderedPair]:
    """Return each pair so many times in its order, and with ``both_orders`` as many times in the other one as well."""
    once = [*pairs, *((second, first) for first, second in pairs)] if both_orders else list(pairs)
    return once * iterations


def _nearest(name: str, labels: Sequence[str]) -> str:
    near = get_close_matches(name, labels, n=1)
    return f"did you mean '{near[0]}'?" if near else f"there are {len(labels)}, the first is '{labels[0]}'"
