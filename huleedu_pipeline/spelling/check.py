"""Many texts checked, in this process or in several, with the same result.

Not here: how one text is checked (``checker``).
"""

from collections.abc import Callable, Collection, Mapping


from huleedu_pipeline.spelling.checker import Checker
from huleedu_pipeline.spelling.corrections import SpellCheck
from huleedu_pipeline.spelling.dictionaries import Language

Progress = Callable[[int, int], None]


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

    Args:
        texts: texts by id.
        language: what all texts are written in.
        prompt: the assignment that the texts answer; the words in it are left alone.
        known_names: names, of one or several words, that are left alone however they are written.
        workers: processes; ``None`` chooses by the amount of text, 1 checks in this process.
        progress: called with the number of texts checked and of all texts.

    """
    checker = Checker(language, prompt=prompt, known_names=known_names)
    checks = {}
    for key, text in texts.items():
        checks[key] = checker.check(text)
        if progress:
            progress(len(checks), len(texts))
    return checks
