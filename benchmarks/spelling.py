"""How much of what learners misspell the spell check finds, how often it is right, and how fast it is beside pyspellchecker.

``python benchmarks/spelling.py`` scores the gold sets in ``benchmarks/data`` (or ``--gold FILE``: a CSV with the columns
text, start, end, correct, and if wanted language), then times both checkers on the same invented essays. A text without
errors has one row with empty places. How the gold sets were made, and which of them was never tuned on, is in
docs/spelling.md. Nothing here asserts how long something takes.
"""

import argparse
import csv
import itertools
import random
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from huleedu_pipeline.spelling import Correction, check_texts

DATA = Path(__file__).parent / "data"
GOLD = (DATA / "spelling_development.csv", DATA / "spelling_held_out.csv")
SEED = 20261120
WORDS_PER_ESSAY = 400
PEER_WORDS = 2_000  # of the same essays: pyspellchecker's loop takes minutes for more
WORD = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)*")

Gold = dict[tuple[str, str], dict[tuple[int, int], str]]


@dataclass(frozen=True)
class Score:
    """Counts of one gold set and language."""

    n_words: int
    n_errors: int
    n_found: int  # errors at whose place something was applied
    n_right: int  # errors for which the correct word was applied
    n_applied: int

    @property
    def recall(self) -> float:
        """Share of the errors for which the first suggestion was right and applied."""
        return self.n_right / self.n_errors if self.n_errors else float("nan")

    @property
    def precision(self) -> float:
        """Share of the applied corrections that are right."""
        return self.n_right / self.n_applied if self.n_applied else float("nan")


def read_gold(path: Path) -> Gold:
    """Return the correct words by place, by language and text."""
    gold: Gold = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            errors = gold.setdefault((row.get("language") or "en", row["text"]), {})
            if row["start"]:
                errors[int(row["start"]), int(row["end"])] = row["correct"]
    return gold


def score(gold: Gold, language: str) -> tuple[Score, list[str]]:
    """Check the texts of one language and return the counts, and a line for each thing that went wrong."""
    texts = {str(place): text for place, (spoken, text) in enumerate(gold) if spoken == language}
    checks = check_texts(texts, language="sv" if language == "sv" else "en", workers=1)
    n_errors = n_found = n_right = n_applied = 0
    wrong = []
    for key, check in checks.items():
        errors = gold[language, texts[key]]
        applied: Mapping[tuple[int, int], Correction] = {(found.start, found.end): found for found in check.applied}
        n_errors += len(errors)
        n_applied += len(applied)
        for place in sorted(errors.keys() | applied.keys()):
            correct, found = errors.get(place), applied.get(place)
            n_found += bool(correct and found)
            if correct and found and found.suggestion == correct:
                n_right += 1
            else:
                written = texts[key][slice(*place)]
                wrong.append(f"{written}: {found.suggestion if found else 'nothing'} instead of {correct or written}")
    n_words = sum(check.n_words for check in checks.values())
    return Score(n_words, n_errors, n_found, n_right, n_applied), wrong


def essays(n: int, sources: list[str]) -> dict[str, str]:
    """Return essays of 400 words, of the gold sets' sentences, in which four more words have lost or doubled a letter."""
    rng = random.Random(SEED)
    sentences = [sentence for text in sources for sentence in re.split(r"(?<=[.!?]) ", text)]
    made = {}
    for number in range(n):
        words: list[str] = []
        while len(words) < WORDS_PER_ESSAY:
            words += rng.choice(sentences).split()
        for place in rng.sample(range(WORDS_PER_ESSAY), WORDS_PER_ESSAY // 100):
            word = words[place]
            at = rng.randrange(len(word))
            words[place] = word[:at] + rng.choice(("", word[at] * 2)) + word[at + 1 :]
        made[f"e{number:05}"] = " ".join(words[:WORDS_PER_ESSAY])
    return made


def peer_words_per_second(texts: Mapping[str, str]) -> float | None:
    """Return the words that pyspellchecker's ``correction`` looks at in a second of CPU time; None if it is not there."""
    try:
        from spellchecker import SpellChecker
    except ImportError:
        return None
    checker = SpellChecker()
    words = list(itertools.islice((word for text in texts.values() for word in WORD.findall(text)), PEER_WORDS))
    start = time.process_time()
    for word in words:
        checker.correction(word)
    return len(words) / (time.process_time() - start)


def main() -> None:
    """Print the scores and the speeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gold", type=Path, action="append", help="a gold set; may be given several times")
    parser.add_argument("--essays", type=int, default=10_000, help="essays to time, 0 for none")
    parser.add_argument("--workers", type=int, help="processes (default: chosen by the amount of text)")
    parser.add_argument("--errors", action="store_true", help="list what went wrong, not to be used on a held-out set")
    options = parser.parse_args()
    golds = {path.name: read_gold(path) for path in options.gold or GOLD}
    print(
        f"{'gold set':<28}{'language':<10}{'words':>7}{'errors':>8}{'applied':>9}{'detected':>10}{'recall':>8}{'precision':>11}"
    )
    for name, gold in golds.items():
        for language in sorted({spoken for spoken, _ in gold}):
            counts, wrong = score(gold, language)
            detected = counts.n_found / counts.n_errors if counts.n_errors else float("nan")
            print(
                f"{name:<28}{language:<10}{counts.n_words:>7}{counts.n_errors:>8}{counts.n_applied:>9}{detected:>10.3f}"
                f"{counts.recall:>8.3f}{counts.precision:>11.3f}"
            )
            if options.errors:
                print(*(f"    {line}" for line in wrong), sep="\n")
    if options.essays:
        english = [text for gold in golds.values() for spoken, text in gold if spoken == "en"]
        texts = essays(options.essays, english)
        n_words = sum(len(text.split()) for text in texts.values())
        start = time.perf_counter()
        check_texts(texts, language="en", workers=options.workers)
        seconds = time.perf_counter() - start
        print(
            f"\n{len(texts):,} essays, {n_words:,} words in {seconds:.1f} s with all loading: {n_words / seconds:,.0f} words/s"
        )
        one = dict(list(texts.items())[: min(1_000, len(texts))])
        check_texts({"warm": "a wrd"}, language="en", workers=1)
        start = time.process_time()
        check_texts(one, language="en", workers=1)
        own = sum(len(text.split()) for text in one.values()) / (time.process_time() - start)
        print(f"in one process, loaded: {own:,.0f} words per CPU second")
        peer = peer_words_per_second(texts)
        if peer is None:
            print("pyspellchecker is not installed (make benchmark-spelling installs it)")
        else:
            print(f"pyspellchecker's correction, word by word: {peer:,.0f} words per CPU second; ratio {own / peer:,.0f}")


if __name__ == "__main__":
    main()
