"""Commands about models: `models list` shows the manifest, `models check` holds it against what the providers serve now."""

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from huleedu_pipeline.cli.output import Output, OutputOption, print_json

if TYPE_CHECKING:
    from huleedu_pipeline.judging.manifest import Manifest, ModelEntry
    from huleedu_pipeline.judging.served_models import Comparison

EXIT_API_ERROR, EXIT_BREAKING, EXIT_NEW_VARIANTS, EXIT_NEW_FAMILIES = 2, 3, 4, 5
UNKNOWN = "unknown"


class ProviderName(StrEnum):
    """Whose models."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"


@dataclass(frozen=True)
class Checked:
    """What became of checking one provider: a comparison, or the error that kept it from being made."""

    provider: str
    comparison: "Comparison | None" = None
    error: str | None = None


OfProvider = Annotated[ProviderName | None, typer.Option("--provider", help="Of this provider only; default: both.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to ``app``."""
    group = typer.Typer(no_args_is_help=True, help="What is known of the models that may judge.", rich_markup_mode=None)
    group.command(name="list")(list_models)
    group.command(name="check")(check_models)
    app.add_typer(group, name="models")


def list_models(provider: OfProvider = None, output: OutputOption = Output.TABLE) -> None:
    """Show the manifest: each model's price, limits, parameters and end, and from where and when that is known.

    What no source says is shown as unknown. Sends nothing.

    Example: huleedu models list --provider openai
    """
    from huleedu_pipeline.judging.manifest import manifest

    known = manifest()
    names = {name: entry for name, entry in known.models.items() if provider is None or entry.provider == provider}
    if output is Output.JSON:
        record = known.model_dump(mode="json") | {"models": {n: e.model_dump(mode="json") for n, e in names.items()}}
        print_json(record)
    else:
        _print_list(known, names)


def check_models(provider: OfProvider = None, output: OutputOption = Output.TABLE) -> None:
    """Ask the providers which models they serve, and hold that against the manifest. Costs nothing.

    With HULEEDU_JUDGE_BACKEND=provider the real services are asked, and otherwise the local emulator.

    Exit codes: 0 the manifest is up to date; 2 a provider could not be asked; 3 something that the manifest says is no longer
    true; 4 a family in the manifest has new models; 5 there are families that are not in it. Of several, 3 goes before 2, 4
    and 5.

    Example: huleedu models check --provider anthropic
    """
    from huleedu_pipeline.settings import Settings

    settings, today = Settings.load(), datetime.now(UTC).date()
    checked = [_check(settings, name, today) for name in ProviderName if provider in (None, name)]
    if output is Output.JSON:
        print_json([asdict(one) for one in checked])
    else:
        for one in checked:
            _print_check(one, is_emulated=settings.judge_backend == "emulator")
    if code := exit_code(checked):
        raise typer.Exit(code)


def exit_code(checked: list[Checked]) -> int:
    """Return the exit code of ``huleedu models check``."""
    found = [one.comparison for one in checked if one.comparison is not None]
    if any(comparison.breaking for comparison in found):
        return EXIT_BREAKING
    if any(one.error is not None for one in checked):
        return EXIT_API_ERROR
    if any(comparison.new_variants for comparison in found):
        return EXIT_NEW_VARIANTS
    return EXIT_NEW_FAMILIES if any(comparison.new_families for comparison in found) else 0


def _check(settings: Any, provider: ProviderName, today: date) -> Checked:
    from huleedu_pipeline.errors import HuleeduError
    from huleedu_pipeline.judging.served_models import compare_models
    from huleedu_pipeline.providers.backend import open_provider

    try:
        served = open_provider(settings, provider.value).list_models()
    except HuleeduError as error:
        return Checked(provider.value, error=str(error))
    return Checked(provider.value, compare_models(provider.value, served, on=today))


def _print_check(checked: Checked, *, is_emulated: bool) -> None:
    if checked.comparison is None:
        typer.echo(f"{checked.provider}: could not be asked: {checked.error}", err=True)
        return
    found = checked.comparison
    who = f"{checked.provider} (the local emulator)" if is_emulated else checked.provider
    lines = [f"no longer true: {line}" for line in found.breaking]
    lines += [f"new in a family of the manifest: {name}" for name in found.new_variants]
    lines += [f"of no family in the manifest: {name}" for name in found.new_families]
    typer.echo(f"{who}: serves {found.n_served} models; {'the manifest is up to date' if not lines else ''}".rstrip("; "))
    for line in lines:
        typer.echo(f"  {line}")


def _print_list(known: "Manifest", names: "dict[str, ModelEntry]") -> None:
    from rich.table import Table

    from huleedu_pipeline.cli.show import console

    defaults = {about.default_model for about in known.providers.values()}
    table = Table(title=f"Models known on {known.as_of}; prices in USD per million tokens; * judges by default")
    for heading in (
        "model",
        "provider",
        "released",
        "prompt",
        "reply",
        "in",
        "cached",
        "out",
        "temperature",
        "shut down",
        "read",
    ):
        table.add_column(heading, justify="right" if heading in ("prompt", "reply", "in", "cached", "out") else "left")
    for name, entry in names.items():
        price = entry.tiers[0] if entry.tiers else None
        table.add_row(
            f"{name}{' *' if name in defaults else ''}",
            entry.provider,
            _shown(entry.released),
            _shown(entry.context_tokens),
            _shown(entry.max_output_tokens),
            _shown(None if price is None else price.input),
            _shown(None if price is None else price.cached_input),
            _shown(None if price is None else price.output),
            {True: "takes it", False: "refuses it", None: UNKNOWN}[entry.takes_temperature],
            "" if entry.shutdown is None else str(entry.shutdown),
            str(min(known.sources[source].as_of for source in entry.source)),
        )
    out = console()
    out.print(table)
    for key in sorted({source for entry in names.values() for source in entry.source}):
        out.print(f"{key}: {known.sources[key].title}, read on {known.sources[key].as_of}", markup=False)
    for provider in sorted({entry.provider for entry in names.values()}):
        about = known.providers[provider]
        batches = f"batch jobs cost {about.batch_factor:.0%} of the list price"
        out.print(f"{provider}: {batches}; verdicts keep their schema by {about.structured_output}", markup=False)
    out.print("Everything of a model, its sources and further price tiers: huleedu models list --format json", markup=False)


def _shown(value: object) -> str:
    if value is None:
        return UNKNOWN
    return f"{value:g}" if isinstance(value, float) else str(value)
