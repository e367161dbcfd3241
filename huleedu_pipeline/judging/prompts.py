"""Prompts: what a judge reads, block by block.

A prompt is a system text and three blocks of user content: the context (assignment, criteria, how to answer), which is
the same for every pair of a batch and therefore comes first, so that providers can cache it; then Essay A; then Essay B.
The judge sees neutral labels only: no id, file name, name of a pupil, anchor mark or grade has a way into this module.
Not here: the words, which are the template's (:mod:`.templates`).
"""

import re
from dataclasses import dataclass

from huleedu_pipeline.judging.spec import Judge
from huleedu_pipeline.judging.templates import load_template

# However it is written: a model reads "< /ESSAY >" as the end of an essay, too.
_TAG = re.compile(r"<(?=\s*/?\s*essay)", re.IGNORECASE)


@dataclass(frozen=True)
class Prompt:
    """One rendered prompt: a system text and user blocks, in the order in which they are sent."""

    system: str
    blocks: tuple[str, ...]


def render(judge: Judge, text_a: str, text_b: str) -> Prompt:
    """Render the prompt in which ``judge`` compares ``text_a`` (shown first, as Essay A) with ``text_b``.

    A judge that decides is asked its question beside the prompt and gives no reasons: it is not told how to word them.

    Raises:
        UnknownTemplateError: this version does not have the judge's template.

    """
    template = load_template(judge.prompt_template)
    headings = template.headings
    parts = [f"## {headings.assignment}\n\n{judge.assignment_prompt}", f"## {headings.criteria}\n\n{judge.rubric}"]
    if judge.api != "decisions":
        parts.append(f"## {headings.answer}\n\n{template.how_to_answer(judge.reason_length)}")
    return Prompt(judge.system_prompt, ("\n\n".join(parts), _essay("Essay A", text_a), _essay("Essay B", text_b)))


def essay_text(text: str) -> str:
    """Return ``text`` as it stands between an essay's tags: it can not end its own frame or open another's."""
    return _TAG.sub("&lt;", text)


def _essay(label: str, text: str) -> str:
    return f'<essay label="{label}">\n{essay_text(text)}\n</essay>'
