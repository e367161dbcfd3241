"""Commands about metrics: `metrics serve`, `metrics dump`."""

from typing import Annotated

import typer

HELP = """Metrics of this installation in Prometheus' format, computed from the ledger (docs/metrics.md).

Example: huleedu metrics dump
"""


def register(app: typer.Typer) -> None:
    """Add the group of this module's commands to ``app``."""
    group = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None)
    group.command()(serve)
    group.command()(dump)
    app.add_typer(group, name="metrics")


def serve(
    port: Annotated[int, typer.Option(help="Port to listen at; 0 takes a free one.", min=0, max=65535)] = 9464,
    host: Annotated[
        str, typer.Option(help="Address to listen at. There is no password: only this machine should reach it.")
    ] = "127.0.0.1",
) -> None:
    """Answer Prometheus' scrapes until it is ended with Ctrl-C (or SIGTERM). Spends nothing and changes nothing.

    Example: huleedu metrics serve --port 9464
    """
    import signal
    from threading import Event

    from huleedu_pipeline.cli.opened import opened_ledger
    from huleedu_pipeline.metrics import serve as serve_metrics

    ended = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with opened_ledger() as ledger:
        serve_metrics(ledger, host=host, port=port, on_ready=lambda url: typer.echo(f"metrics at {url}"), until=ended)


def dump() -> None:
    """Print all metrics once, in the same format.

    Example: huleedu metrics dump
    """
    from huleedu_pipeline.cli.opened import opened_ledger
    from huleedu_pipeline.metrics import exposition

    with opened_ledger() as ledger:
        typer.echo(exposition(ledger), nl=False)
