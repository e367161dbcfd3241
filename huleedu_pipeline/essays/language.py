"""The language that a batch declares, held against the language of its texts. A mismatch is a warning with its evidence."""

from collections.abc import Iterator

from huleedu_pipeline.essays.batch import Batch
from huleedu_pipeline.languages import NAMES, Detected, detect_language

LEAST_SHARE = 0.75  # of the words in the declared language; below that it is worth a look


def language_warnings(batch: Batch) -> Iterator[str]:
    """Yield one sentence for each essay and anchor that does not read as the language of the batch; no word of it is told."""
    for essay in batch.essays:
        if problem := mismatch(detect_language(essay.text), batch.spec.language):
            yield f"{essay.file_name}: {problem}"


def mismatch(found: Detected, declared: str) -> str | None:
    """Return what speaks against a text's being in the declared language; ``None`` where nothing does, or it is too short."""
    if found.language is None or found.share(declared) >= LEAST_SHARE:
        return None
    other, share = next((language, share) for language, share in found.shares if language != declared)
    of_words = f"{share:.0%} of its {found.n_words} words"
    remedy = "correct language in batch.yaml, or look at the file"
    return f"{of_words} read as {NAMES[other]}, and the batch says {NAMES[declared]} ({remedy})"


def described(found: Detected) -> str:
    """Return a detection for people: "English", "English 80 %, Swedish 20 %", or that it is too short to tell."""
    if found.language is None:
        return "too short to tell"
    if len(found.shares) == 1:
        return NAMES[found.language]
    return ", ".join(f"{NAMES[language]} {share:.0%}" for language, share in found.shares[:2])
