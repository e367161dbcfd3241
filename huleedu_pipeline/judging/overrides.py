"""Whether a judge may be asked for: provider, model and parameters held against the manifest, before anything is sent.

Nothing is ever dropped in silence: what a model does not take is an error, what the manifest does not know is a warning. Pure:
the day is given. Not here: what an API has no words for (:mod:`.spec`), and whether the model is served at this moment
(:mod:`.served_models`).
"""

from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches

from huleedu_pipeline.judging.manifest import Manifest, ModelEntry, manifest
from huleedu_pipeline.judging.spec import HUMAN, JudgeSettings


@dataclass(frozen=True)
class Validation:
    """What is wrong with a choice of judge, and what is only to be known; each line names the field and the remedy."""

    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def validate_judge(judge: JudgeSettings, *, on: date) -> Validation:
    """Hold the ``judge:`` part of a ``batch.yaml`` against the manifest, as of the day ``on``."""
    return validate_llm_overrides(
        judge.provider,
        judge.model,
        on=on,
        is_unlisted_model=judge.is_unlisted_model,
        temperature=judge.temperature,
        max_output_tokens=judge.max_output_tokens,
        reasoning_effort=judge.reasoning_effort,
        output_verbosity=judge.output_verbosity,
    )


def validate_llm_overrides(
    provider: str,
    model: str,
    *,
    on: date,
    is_unlisted_model: bool = False,
    temperature: float | None = None,
    max_output_tokens: int | None = None,
    reasoning_effort: str | None = None,
    output_verbosity: str | None = None,
    listed: Manifest | None = None,
) -> Validation:
    """Hold a judge that is asked for against the manifest.

    Args:
        provider: Its provider.
        model: Its model; empty means the provider's default. An ``emulated-`` name is checked as the model it stands for.
        on: The day of asking: a model is refused after its shutdown.
        is_unlisted_model: Whether a model that is not in the manifest is meant (one's own server, a fine-tune).
        temperature: Sampling temperature, if one is asked for; 0 is one.
        max_output_tokens: Upper limit of a reply, in tokens.
        reasoning_effort: Effort, if one is asked for.
        output_verbosity: Verbosity, if one is asked for.
        listed: The manifest; default: the one that ships with this version.

    """
    known = manifest() if listed is None else listed
    if provider == HUMAN:
        return Validation()
    about = next((entry for name, entry in known.providers.items() if name == provider), None)
    if about is None:
        near = get_close_matches(provider.lower(), known.providers, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(known.providers)}"
        return Validation(errors=(f"provider: '{provider}' is unknown ({hint})",))
    name = model or about.default_model
    entry = known.find(name)
    if entry is None:
        return _unlisted(known, provider, name, is_meant=is_unlisted_model)
    if entry.provider != provider:
        remedy = f"set provider: {entry.provider}, or another model"
        return Validation(errors=(f"model '{name}' is {entry.provider}'s ({remedy})",))
    asked = {"reasoning_effort": reasoning_effort, "output_verbosity": output_verbosity}
    taken = {"reasoning_effort": entry.reasoning_efforts, "output_verbosity": entry.verbosities}
    errors = [] if temperature is None or entry.takes_temperature is not False else [_untaken("temperature", name)]
    errors += [_untaken(field, name, taken[field]) for field, value in asked.items() if _is_untaken(value, taken[field])]
    if max_output_tokens is not None and entry.max_output_tokens is not None and max_output_tokens > entry.max_output_tokens:
        errors.append(f"max_output_tokens: {name} writes at most {entry.max_output_tokens} (ask for no more)")
    unknown = [field for field, value in asked.items() if value is not None and taken[field] is None]
    if temperature is not None and entry.takes_temperature is None:
        unknown.insert(0, "temperature")
    warnings = [f"{field}: it is not known whether {name} takes it; the provider may refuse the request" for field in unknown]
    ended, ending = _end_of(name, entry, on)
    return Validation(tuple(errors + ended), tuple(ending + warnings))


def _unlisted(known: Manifest, provider: str, name: str, *, is_meant: bool) -> Validation:
    if is_meant:
        return Validation(warnings=(f"model: '{name}' is not in the manifest: its price, limits and parameters are unknown",))
    near = known.nearest(name, provider)
    hint = f"did you mean '{near}'?" if near else "`huleedu models list` shows those that are."
    return Validation(
        errors=(
            f"model '{name}' is not in the manifest of {known.as_of} ({hint} For a model of your own server, or one that is "
            "newer than this version, set is_unlisted_model: true)",
        )
    )


def _is_untaken(value: str | None, taken: tuple[str, ...] | None) -> bool:
    return value is not None and taken is not None and value not in taken


def _untaken(field: str, name: str, taken: tuple[str, ...] | None = None) -> str:
    instead = f"use {', '.join(taken)}, or leave {field} out" if taken else f"leave {field} out, or use another model"
    return f"{field}: {name} does not take {'this value' if taken else 'it'} ({instead})"


def _end_of(name: str, entry: ModelEntry, on: date) -> tuple[list[str], list[str]]:
    """Return what is wrong with, and what to know of, a model that its provider has ended or will end."""
    if entry.shutdown is not None and on > entry.shutdown:
        return [f"model '{name}' was shut down on {entry.shutdown} (use another model)"], []
    if entry.shutdown is not None:
        return [], [f"model: the provider shuts {name} down on {entry.shutdown}"]
    if entry.deprecated is not None:
        return [], [f"model: the provider advises against {name} since {entry.deprecated}"]
    return [], []
