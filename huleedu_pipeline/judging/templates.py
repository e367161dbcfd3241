"""The registry of prompt templates: one YAML file for each wording of each version, in the folder ``prompt_templates``.

A template holds every word that a judge reads except assignment, criteria and essays. It is never edited once a release has
used it: a new wording is a new file with the next version, because a judge is known by its template's name. Not here: how
the words are put together (:mod:`.prompts`).
"""

from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict

from huleedu_pipeline.canonical import sha256_hex
from huleedu_pipeline.errors import HuleeduError

DEFAULT_TEMPLATE = "default-1"

ReasonLength = Literal["short", "long"]


class UnknownTemplateError(HuleeduError, ValueError):
    """A template that this version does not have; the message suggests the nearest."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Headings(_Part):
    """Headings of the parts of the context."""

    assignment: str
    criteria: str
    answer: str


class Answer(_Part):
    """How to answer, by how long a reason is asked for."""

    short: str
    long: str


class PromptTemplate(_Part):
    """One wording; ``name`` ends in its version, and ``sha256`` is that of the file, which never changes."""

    name: str
    sha256: str
    purpose: str
    system: str
    headings: Headings
    answer: Answer

    def how_to_answer(self, reason_length: ReasonLength) -> str:
        """Return how a judge is told to answer with a reason of that length."""
        return self.answer.short if reason_length == "short" else self.answer.long


def template_names() -> tuple[str, ...]:
    """Return the names of all templates, the default first."""
    names = (file.name.removesuffix(".yaml") for file in _folder().iterdir() if file.name.endswith(".yaml"))
    return tuple(sorted(names, key=lambda name: (name != DEFAULT_TEMPLATE, name)))


def load_templates() -> Iterator[PromptTemplate]:
    """Yield all templates, the default first."""
    for name in template_names():
        yield load_template(name)


@cache
def load_template(name: str) -> PromptTemplate:
    """Return a template by its name.

    Raises:
        UnknownTemplateError: this version has none of that name.

    """
    if name not in template_names():
        near = get_close_matches(name, template_names(), n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(template_names())}"
        raise UnknownTemplateError(f"prompt_template: '{name}' is not known ({hint})")
    text = _folder().joinpath(f"{name}.yaml").read_bytes().decode("utf-8").replace("\r\n", "\n")
    return PromptTemplate(name=name, sha256=sha256_hex(text), **yaml.safe_load(text))


def _folder() -> Traversable:
    return files("huleedu_pipeline.judging").joinpath("prompt_templates")
