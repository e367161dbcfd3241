"""Many texts checked, in this process or in several, with the same result.

A worker reads its dictionaries once (a few seconds), so several are only worth it for much text. Not here: how one text is
checked (``checker``).
"""

import multiprocessing
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor

from huleedu_pipeline.spelling.checker import Checker
from huleedu_pipeline.spelling.corrections import SpellCheck
from huleedu_pipeline.spelling.dictionaries import Language

Progress = Callable[[int, int], None]
_CHARACTERS_PER_WORKER = 3_000_000  # about 1,200 essays: what a worker must have to do to be worth its start
_TEXTS_PER_TASK = 100


def check_texts(
    texts: Mapping[str, str],
    *,
    language: Language,
    prompt: str = "",
    known_names: Collection[str] = (),
    workers: int | None = None,
    progress: Progress | None = None,
) -> dict[str, SpellCheck]:
    """Check the spelling of every text and return the checks by the texts' keys, in the same order.

    What is said of a text depends on nothing but the text, the language, the prompt, the names and the installed dictionaries.

    Args:
        texts: texts by id.
        language: what all texts are written in; English may be American or British.
        prompt: the assignment that the texts answer; the words in it are left alone.
        known_names: names, of one or several words, that are left alone however they are written.
        workers: processes; ``None`` chooses by the amount of text, 1 checks in this process. The result is the same.
        progress: called with the number of texts checked and the number of all texts.

    Raises:
        DictionaryError: a dictionary is missing.
        ValueError: ``workers`` is less than 1.

    """
    if workers is not None and workers < 1:
        raise ValueError(f"workers is {workers} (at least one process must check)")
    if workers is None:
        workers = max(1, min(_processors(), sum(map(len, texts.values())) // _CHARACTERS_PER_WORKER))
    names = sorted(known_names)
    checks: dict[str, SpellCheck] = {}
    for found in _in_pool(texts, language, prompt, names, workers) if workers > 1 else _here(texts, language, prompt, names):
        checks.update(zip(list(texts)[len(checks) : len(checks) + len(found)], found, strict=True))
        if progress:
            progress(len(checks), len(texts))
    return checks


def _here(texts: Mapping[str, str], language: Language, prompt: str, names: list[str]) -> Iterator[list[SpellCheck]]:
    checker = Checker(language, prompt=prompt, known_names=names)
    for text in texts.values():
        yield [checker.check(text)]


def _in_pool(
    texts: Mapping[str, str], language: Language, prompt: str, names: list[str], workers: int
) -> Iterator[list[SpellCheck]]:
    every = list(texts.values())
    tasks = [every[start : start + _TEXTS_PER_TASK] for start in range(0, len(every), _TEXTS_PER_TASK)]
    # Spawned, because the caller may have threads (Dagster's runs do), and a forked child would inherit their locks.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn, initializer=_start, initargs=(language, prompt, names)) as pool:
        yield from pool.map(_check_task, tasks)


_checker: Checker | None = None  # of a worker process


def _start(language: Language, prompt: str, names: list[str]) -> None:
    global _checker  # noqa: PLW0603 - a pool's worker has no other place to keep what it has loaded
    _checker = Checker(language, prompt=prompt, known_names=names)


def _check_task(texts: Sequence[str]) -> list[SpellCheck]:
    if _checker is None:
        raise RuntimeError("a worker of the spell check was not started by its pool")
    return [_checker.check(text) for text in texts]


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
