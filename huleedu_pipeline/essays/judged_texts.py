"""What judges see of an essay: the one place where that is decided.

Not here: finding misspellings (:mod:`huleedu_pipeline.spelling`), or which check of a batch counts (its ledger's record).
"""

from collections.abc import Mapping

from huleedu_pipeline.essays.spec import JudgeText
from huleedu_pipeline.spelling import SpellCheck


def judged_texts(texts: Mapping[str, str], judge_text: JudgeText, checks: Mapping[str, SpellCheck] | None) -> dict[str, str]:
    """Return what judges see of each essay.

    Args:
        texts: The texts as they were written, by ``essay_id``.
        judge_text: Which text of each essay is judged.
        checks: The spell check of each essay; needed where corrected texts are judged.

    Raises:
        EditError: a check is of another text.
        ValueError: corrected texts are judged and nothing was checked.

    """
    if judge_text == "raw":
        return dict(texts)
    if checks is None:
        raise ValueError("corrected texts are judged, and their spelling has not been checked")
    return {essay_id: checks[essay_id].corrected(text) for essay_id, text in texts.items()}
