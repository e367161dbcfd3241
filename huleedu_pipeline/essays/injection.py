"""Which texts of a batch seem to address their judge, said by essay, paragraph and rule; no word of a text is told.

Not here: what is looked for, and what it can not find (:mod:`huleedu_pipeline.judging.injection`).
"""

from collections.abc import Iterator

from huleedu_pipeline.essays.batch import Batch, Essay
from huleedu_pipeline.judging.injection import Flag, screen


def flags_of(batch: Batch) -> Iterator[tuple[Essay, Flag]]:
    """Yield what the screen finds in the texts of a batch, essay by essay; places count in the text as it was read."""
    for essay in batch.essays:
        for flag in screen(essay.text):
            yield essay, flag


def injection_warnings(batch: Batch) -> Iterator[str]:
    """Yield one sentence for each essay and anchor that seems to address its judge."""
    for essay in batch.essays:
        if problem := addressing(essay.text):
            yield f"{essay.file_name}: {problem}"


def addressing(text: str) -> str | None:
    """Return what in a text seems to address its judge, by rule and paragraph; ``None`` where nothing does."""
    found = dict.fromkeys(f"{flag.rule} in paragraph {paragraph_of(text, flag)}" for flag in screen(text))
    if not found:
        return None
    return f"seems to address the judge: {', '.join(found)} (read it before it is judged; it is flagged, and judged as it is)"


def paragraph_of(text: str, flag: Flag) -> int:
    """Return the paragraph in which a flag begins, from 1; a paragraph is a line that is not blank."""
    return 1 + sum(bool(line.strip()) for line in text[: flag.start].split("\n")[:-1])
