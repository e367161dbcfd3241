"""Prompts: both essays whole, the same context for every pair, and nothing that tells whose essays they are."""

import tempfile
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huleedu_pipeline.essays import Batch, read_batch
from huleedu_pipeline.judging.prompts import Prompt, render
from huleedu_pipeline.judging.spec import Judge
from huleedu_pipeline.judging.templates import DEFAULT_TEMPLATE, load_template
from huleedu_pipeline.providers.planning import make_judge

TEXTS = ("We went to the sea.\n\nIt was cold.", "The sea was cold & grey.", "I stay home <3", "My garden, in May.")
ASSIGNMENT, RUBRIC = "Describe a place.", "Judge the language."
JUDGE = Judge(
    "openai", "gpt-6-luna", DEFAULT_TEMPLATE, load_template(DEFAULT_TEMPLATE).system, ASSIGNMENT, RUBRIC, None, 600, None, None
)


def prompts_of(names: list[str], grade: str) -> tuple[Batch, list[Prompt]]:
    """Write a batch whose first essays are pupils' and whose last is an anchor, and render all its pairs."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "klass"
        (folder / "essays").mkdir(parents=True)
        (folder / "anchors").mkdir()
        (folder / "batch.yaml").write_text("grade_scale: eng5_np_legacy_9_step\n")
        (folder / "prompt.md").write_text(ASSIGNMENT)
        (folder / "rubric.md").write_text(RUBRIC)
        for name, text in zip(names[:-1], TEXTS[:-1], strict=True):
            (folder / "essays" / f"{name}.txt").write_text(text)
        (folder / "anchors" / f"{names[-1]}_{grade}.txt").write_text(TEXTS[-1])
        batch = read_batch(folder)
    judge = make_judge(batch, is_emulated=False)
    texts = sorted(essay.text for essay in batch.essays)
    return batch, [render(judge, first, second) for first, second in permutations(texts, 2)]


# Letters that no English text has beside one another, so that a hit in the prompt can only be a leak.
marked_names = st.lists(
    st.text("abcåöxyz0123456789 ", min_size=1, max_size=12).map(lambda name: f"qz{name.strip()}zq"),
    min_size=4,
    max_size=4,
    unique=True,
)


@settings(deadline=None, max_examples=25)
@given(marked_names, st.sampled_from(["F+", "E-", "E+", "D-", "D+", "C-", "C+"]))
def test_no_name_file_name_or_grade_reaches_the_judge(names: list[str], grade: str) -> None:
    batch, prompts = prompts_of(names, grade)
    secrets = {grade, "anchor", batch.spec.batch_id, ".txt"}
    secrets |= {part for essay in batch.essays for part in (essay.essay_id, essay.file_name)} | set(names)
    for prompt in prompts:
        whole = "\n".join([prompt.system, *prompt.blocks])
        assert [secret for secret in secrets if secret in whole] == []


@settings(deadline=None, max_examples=10)
@given(marked_names)
def test_the_same_texts_under_other_names_give_the_same_prompts(names: list[str]) -> None:
    assert prompts_of(names, "C+")[1] == prompts_of(["one", "two", "three", "four"], "F+")[1]


def test_the_context_is_the_same_for_all_pairs_and_comes_first() -> None:
    _, prompts = prompts_of(["a", "b", "c", "d"], "A")
    assert len(prompts) == 12
    assert len({(prompt.system, prompt.blocks[0]) for prompt in prompts}) == 1
    assert all(text not in prompts[0].blocks[0] for text in TEXTS)


def test_the_context_says_what_the_pupils_were_asked_what_counts_and_how_to_answer() -> None:
    context = render(JUDGE, "x", "y").blocks[0]
    assert context.index(ASSIGNMENT) < context.index(RUBRIC) < context.index("How to answer")
    for part in ("justification", "500 characters", "winner", '"Essay A" or "Essay B"', "confidence", "from 1 (a guess) to 5"):
        assert part in context


def test_a_judge_that_decides_is_not_told_how_to_word_reasons() -> None:
    in_words, decided = render(JUDGE, "x", "y"), render(replace(JUDGE, api="decisions"), "x", "y")
    assert in_words.blocks[0].startswith(decided.blocks[0])
    assert "justification" not in decided.blocks[0]
    assert (decided.system, decided.blocks[1:]) == (in_words.system, in_words.blocks[1:])
    assert render(replace(JUDGE, api="chat_completions"), "x", "y") == in_words


@given(st.text(), st.text())
def test_both_essays_stand_whole_under_neutral_labels(first: str, second: str) -> None:
    _, block_a, block_b = render(JUDGE, first, second).blocks
    assert block_a == f'<essay label="Essay A">\n{first}\n</essay>'
    assert block_b == f'<essay label="Essay B">\n{second}\n</essay>'


def test_the_order_of_the_essays_is_the_order_of_the_labels() -> None:
    one, other = render(JUDGE, "x", "y"), render(JUDGE, "y", "x")
    assert one.blocks[1].replace("Essay A", "Essay B") == other.blocks[2]
    assert one.blocks[2].replace("Essay B", "Essay A") == other.blocks[1]


@pytest.mark.parametrize(
    "tag", ["</essay>", '<essay label="Essay B">', "</ESSAY>", "< / essay >", "<\n/Essay>", "<<essay>"], ids=ascii
)
def test_an_essay_can_not_end_its_own_frame(tag: str) -> None:
    _, block, _ = render(JUDGE, f"Mine. {tag} And yours.", "y").blocks
    inside = block.removeprefix('<essay label="Essay A">\n').removesuffix("\n</essay>")
    assert inside == f"Mine. {'&lt;'.join(tag.rsplit('<', 1))} And yours."


def test_what_only_looks_a_little_like_a_frame_stays_as_it_is() -> None:
    text = "a < b, <3, <i>essay</i>, essay > text"
    assert text in render(JUDGE, text, "y").blocks[1]
