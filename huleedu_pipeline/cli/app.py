"""The `huleedu` command: its commands are put together here, and errors become one clear message and an exit code.

Commands import what they need when they run, so that `huleedu --help` answers at once.
"""

import secrets
import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from huleedu_pipeline.cli import (
    admin,
    batches,
    closing,
    compare_text,
    content,
    database,
    eng5,
    inspecting,
    judgements,
    logs,
    matching,
    metrics,
    models,
    paid,
    planning,
    prompts,
    services,
    subjects,
    traces,
    writing,
)
from huleedu_pipeline.cli.logs import telling_errors
from huleedu_pipeline.errors import HuleeduError

if TYPE_CHECKING:
    from huleedu_pipeline.settings import Settings

EXIT_FAILED, EXIT_INTERRUPTED = 1, 130
VERBOSE = "--verbose"

HELP = """Comparative judgement of pupils' essays with language models.

A batch is a folder: batch.yaml, prompt.md, rubric.md, essays/, and graded anchors/ if there are any.

\b
  huleedu demo                          judge the example batch and show its ranking
  huleedu init my-class                 make a folder to fill in
  huleedu inspect my-class              see what is read of its documents
  huleedu run my-class                  judge it, and wait for the results
  huleedu results my-class --format csv
  huleedu logs my-class                 see what happened; --verbose says it at once: huleedu run my-class --verbose

Everything is judged by the local emulator, for nothing, until HULEEDU_JUDGE_BACKEND=provider is set.

Exit codes: 0 done; 1 refused or failed, the message says why; 2 wrong use of a command; 3 results are not there yet;
130 interrupted (start the same command again to go on). `huleedu models check` has codes of its own.
"""

app = typer.Typer(
    name="huleedu", help=HELP, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False
)
for module in (
    writing,
    inspecting,
    matching,
    batches,
    judgements,
    planning,
    paid,
    closing,
    models,
    prompts,
    traces,
    compare_text,
    eng5,
    admin,
    logs,
    content,
    subjects,
    metrics,
    database,
    services,
):
    module.register(app)


@app.callback()
def begin(
    context: typer.Context,
    is_verbose: Annotated[
        bool,
        typer.Option(VERBOSE, help="Say on standard error what happens, as it is logged; may stand behind the command."),
    ] = False,
) -> None:
    """Begin the log of this command; see :data:`HELP`."""
    from huleedu_pipeline.logs import begin as begin_log
    from huleedu_pipeline.permissions import keep_private

    keep_private()
    begin_log(_settings, command=context.invoked_subcommand or "huleedu", run_id=_run_id(), is_verbose=is_verbose)


def _settings() -> "Settings":
    from huleedu_pipeline.settings import Settings

    return Settings.load()


def _run_id() -> str:
    return f"command-{secrets.token_hex(6)}"


def _with_verbose_first(arguments: list[str]) -> list[str]:
    """Return the arguments with `--verbose` where it belongs: it may be written behind any command."""
    if VERBOSE not in arguments:
        return arguments
    return [VERBOSE, *(argument for argument in arguments if argument != VERBOSE)]


def main() -> None:
    """Run the command line and exit."""
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        with telling_errors():
            app(_with_verbose_first(sys.argv[1:]))
    except HuleeduError as error:
        for line in str(error).splitlines():
            errors.print(f"error: {line}", markup=False, style="red")
        sys.exit(EXIT_FAILED)
    except OSError as error:
        errors.print(
            f"error: {error.filename or 'the system'}: {error.strerror or error} (check the path and its permissions)",
            markup=False,
        )
        sys.exit(EXIT_FAILED)
    except SystemExit as end:
        if end.code == EXIT_INTERRUPTED:
            errors.print("interrupted; nothing is lost: start the same command again to go on")
        raise
