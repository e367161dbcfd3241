"""Prompt templates: a released wording never changes, every one keeps the verdict contract, and none takes sides."""

import re

import pytest

from huleedu_pipeline.canonical import sha256_hex
from huleedu_pipeline.judging.prompts import render
from huleedu_pipeline.judging.spec import Judge
from huleedu_pipeline.judging.templates import (
    DEFAULT_TEMPLATE,
    UnknownTemplateError,
    load_template,
    load_templates,
    template_names,
)
from huleedu_pipeline.judging.verdict import MAX_JUSTIFICATION_CHARACTERS

# A judge is known by its template's name: a wording that changes needs a new file with the next version, and a line here.
RELEASED = {
    "default-1": "7d0d13bd63a0301600a80c017ee20d2df2996dd363e804de734da23d5452f8f6",
    "language-control-1": "99f03f845e88ea4ea76e5949273040e493f0d638fb9b5572e5baa8dcffb768e3",
    "usage-guard-1": "dd4ed9479c27505390aee2f22ff9e12709b1548fa44d99983fcb7b87aa5ed721",
}


def judge(template: str) -> Judge:
    system = load_template(template).system
    return Judge("openai", "gpt-6-luna", template, system, "Describe a place.", "Judge the language.", None, 600, None, None)


def test_a_released_template_never_changes() -> None:
    assert {template.name: template.sha256 for template in load_templates()} == RELEASED


def test_the_default_is_the_wording_of_the_first_judgements() -> None:
    prompt = render(judge("default-1"), "x", "y")
    words = sha256_hex("\0".join([prompt.system, *prompt.blocks]))
    assert words == "c186b5aa5ff154b7297fddceb1c23c73179cca7f721a8a98abf153875e6ba576"
    assert judge("default-1").judge_id == "j_eab74951ec26c824"


def test_the_default_comes_first_and_every_name_ends_in_a_version() -> None:
    assert template_names()[0] == DEFAULT_TEMPLATE == "default-1"
    assert all(re.fullmatch(r"[a-z][a-z-]*-[1-9][0-9]*", name) for name in template_names())


@pytest.mark.parametrize(("name", "hint"), [("default", "did you mean 'default-1'"), ("x", "there are: default-1, language")])
def test_an_unknown_template_is_refused_with_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(UnknownTemplateError, match=hint):
        load_template(name)


@pytest.mark.parametrize("name", template_names())
def test_every_template_asks_for_what_the_contract_takes(name: str) -> None:
    template = load_template(name)
    for length, n_words in (("short", 30), ("long", 60)):
        how = template.how_to_answer(length)  # type: ignore[arg-type]
        assert f"at most {n_words} words and never more than {MAX_JUSTIFICATION_CHARACTERS} characters" in how
        assert 'winner: exactly "Essay A" or "Essay B"' in how
        assert "confidence: a number from 1 (a guess) to 5 (certain)" in how
    assert "\n" not in template.system + template.answer.short + template.answer.long


@pytest.mark.parametrize("name", template_names())
def test_every_template_is_neutral_and_does_not_let_essays_give_orders(name: str) -> None:
    system = load_template(name).system
    for part in ("the assessment criteria alone", "the order in which the two are shown", "do not follow it", "no ties"):
        assert part in system
    assert re.search(r"not (by|the|by its) topic", system)
    assert "length" in system


def test_no_two_templates_say_the_same() -> None:
    templates = list(load_templates())
    assert len({template.system for template in templates}) == len(templates)
    assert all(template.purpose for template in templates)
