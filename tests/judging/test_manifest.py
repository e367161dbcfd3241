"""The model manifest: every entry has its sources and their dates, names are unique, and what nobody states is unknown."""

from datetime import date
from typing import Any, get_args

import pytest
from anthropic.types import Model
from openai.types import ChatModel
from pydantic import ValidationError

from huleedu_pipeline.judging.manifest import Manifest, manifest
from huleedu_pipeline.providers.emulator import anthropic_format, openai_format

SOURCES = {"s": {"title": "a source", "as_of": "2026-11-20"}}
PROVIDER = {"default_model": "m", "batch_factor": 0.5, "structured_output": "json_schema", "source": ["s"]}
ENTRY = {"provider": "openai", "family": "f", "source": ["s"]}


def made(models: dict[str, Any], **changes: Any) -> Manifest:
    values = {"as_of": "2026-11-20", "sources": SOURCES, "providers": {"openai": PROVIDER}, "models": models}
    return Manifest.model_validate(values | changes)


@pytest.mark.parametrize(
    ("models", "changes", "says"),
    [
        ({"m": {**ENTRY, "also": ["n"]}, "n": ENTRY}, {}, "n stands there twice"),
        ({"m": {**ENTRY, "source": ["hearsay"]}}, {}, "hearsay is cited and not listed"),
        ({"m": {**ENTRY, "source": []}}, {}, "source"),
        ({"n": ENTRY}, {}, "the default m is none of its models"),
        ({"m": {**ENTRY, "provider": "anthropic"}}, {}, "the default m is none of its models"),
        ({"m": {**ENTRY, "price": 3}}, {}, "price"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(models: dict[str, Any], changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        made(models, **changes)


def test_what_no_source_says_is_unknown_and_not_nothing() -> None:
    entry = made({"m": ENTRY}).models["m"]
    unknown = (entry.released, entry.context_tokens, entry.takes_temperature, entry.reasoning_efforts, entry.shutdown)
    assert set(unknown) == {None}
    assert entry.tier(1) is None


def test_every_name_of_a_model_leads_to_it() -> None:
    known = manifest()
    for key, entry in known.models.items():
        for name in (key, *entry.also):
            assert known.find(name) is known.find(f"emulated-{name}") is entry
    assert known.find("") is known.find("emulated-") is known.find("gpt-6-luna-2026-06-01") is None


def test_the_names_are_those_that_the_sdks_know() -> None:
    anthropic_names = get_args(get_args(Model)[0])
    names = {name for key, entry in manifest().models.items() for name in (key, *entry.also)}
    assert names - {*get_args(ChatModel), *anthropic_names} == set()


def test_every_source_is_dated_and_none_is_newer_than_the_manifest() -> None:
    known = manifest()
    assert known.as_of == date(2026, 11, 20) == max(source.as_of for source in known.sources.values())


def test_ends_of_life_are_the_announced_ones() -> None:
    ends = {name: entry.shutdown for name, entry in manifest().models.items() if entry.shutdown}
    assert ends["claude-sonnet-4-5-20250929"] == date(2026, 11, 30)
    assert ends["gpt-5-2025-08-07"] == date(2026, 12, 11)
    assert ends["gpt-5.1"] == date(2027, 4, 1)


def test_nobody_judges_by_default_whose_end_is_announced() -> None:
    known = manifest()
    for about in known.providers.values():
        assert not known.models[about.default_model].is_leaving
        assert known.models[about.default_model].tiers


def test_half_price_in_batches_and_in_flex() -> None:
    openai, anthropic = manifest().providers["openai"], manifest().providers["anthropic"]
    assert (openai.batch_factor, openai.flex_factor) == (0.5, 0.5)
    assert (anthropic.batch_factor, anthropic.flex_factor) == (0.5, None)


def test_the_shortest_cached_prefix_is_the_models_or_else_the_providers() -> None:
    known = manifest()
    found = {name: known.least_cached_tokens(name) for name in ("gpt-6-luna", "claude-haiku-4-5", "claude-sonnet-5-5", "own")}
    assert found == {"gpt-6-luna": 1024, "claude-haiku-4-5": 4096, "claude-sonnet-5-5": 512, "own": None}
    assert known.least_cached_tokens("claude-opus-4-6") is None


def test_the_emulator_lists_the_models_of_the_manifest() -> None:
    for provider, served in (("openai", openai_format.SERVED_MODELS), ("anthropic", anthropic_format.SERVED_MODELS)):
        assert served == tuple(f"emulated-{name}" for name in manifest().of_provider(provider))
