"""What a provider serves now against what the manifest says: what broke, and what is new. Pure.

Not here: asking the provider (:mod:`huleedu_pipeline.providers`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from huleedu_pipeline.judging.manifest import Manifest, ModelEntry, ModelProvider, manifest


@dataclass(frozen=True)
class ServedModel:
    """A model as its provider lists it; ``None`` where the provider does not say."""

    name: str
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    shutdown: date | None = None
    is_retired: bool = False


@dataclass(frozen=True)
class Comparison:
    """What the manifest does not say, or says wrongly, of one provider's models.

    Attributes:
        provider: The provider.
        n_served: How many models it lists.
        breaking: What the manifest says and is no longer true, a sentence each.
        new_variants: Names that are not listed, of families that are.
        new_families: Names that are not listed, of no family that is.

    """

    provider: ModelProvider
    n_served: int
    breaking: tuple[str, ...]
    new_variants: tuple[str, ...]
    new_families: tuple[str, ...]


def compare_models(
    provider: ModelProvider, served: Iterable[ServedModel], *, on: date, listed: Manifest | None = None
) -> Comparison:
    """Hold what a provider serves on the day ``on`` against the manifest (default: the one that ships)."""
    known = manifest() if listed is None else listed
    there = {model.name: model for model in served if not model.is_retired}
    breaking = [
        line
        for name, entry in known.of_provider(provider).items()
        if entry.shutdown is None or on <= entry.shutdown
        for line in _no_longer_true(name, entry, there)
    ]
    families = {entry.family for entry in known.of_provider(provider).values()}
    new = [name for name in sorted(there) if known.key_of(name) is None and not known.is_passed_over(name, provider)]
    variants = tuple(name for name in new if _is_of(name, families))
    others = tuple(name for name in new if name not in variants)
    return Comparison(provider, len(there), tuple(breaking), variants, others)


def _no_longer_true(name: str, entry: ModelEntry, there: dict[str, ServedModel]) -> Iterator[str]:
    found = next((there[known] for known in (name, *entry.also) if known in there), None)
    if found is None:
        yield f"{name}: is not served any more, or not to this account"
        return
    facts = (
        ("the longest prompt in tokens", entry.context_tokens, found.context_tokens),
        ("the longest reply in tokens", entry.max_output_tokens, found.max_output_tokens),
    )
    for what, said, now in facts:
        if said is not None and now is not None and said != now:
            yield f"{name}: {what} is {now}, and the manifest says {said}"
    if found.shutdown is not None and found.shutdown != entry.shutdown:
        said_day = "names no day" if entry.shutdown is None else f"says {entry.shutdown}"
        yield f"{name}: is shut down on {found.shutdown}, and the manifest {said_day}"


def _is_of(name: str, families: set[str]) -> bool:
    return any(name == family or name.startswith((f"{family}-", f"{family}.")) for family in families)
