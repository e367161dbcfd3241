"""The progress of a run: a bar fed from the ledger, which is right whoever does the work."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from huleedu_pipeline.cli.runner import Progress as Step
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.settings import Settings

REFRESH_SECONDS = 0.5


@contextmanager
def following(settings: Settings, batch_id: str) -> Iterator[Callable[[Step], None]]:
    """Show requests done, tokens, cost so far and time while the block runs; yield what tells the current step.

    On a terminal this is a bar; elsewhere each new step is one line.
    """
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield _line_printer(console, batch_id)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[detail]}"),
        TimeElapsedColumn(),
    )
    ledger = Ledger(settings.ledger_url)
    done = threading.Event()
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(batch_id, total=None, detail="")

        def refresh() -> None:
            tally = ledger.tally(batch_id)
            cost = "cost unknown" if tally.cost_usd is None else f"{tally.cost_usd:.4f} USD"
            detail = f"{tally.input_tokens + tally.output_tokens:,} tokens, {cost}"
            bar.update(task, completed=tally.n_outcomes, total=tally.n_requests or None, detail=detail)

        def follow() -> None:
            while not done.wait(REFRESH_SECONDS):
                refresh()

        follower = threading.Thread(target=follow, daemon=True)
        follower.start()
        try:
            yield lambda step: bar.update(task, description=f"{batch_id}: {step.step} ({step.reason})")
            bar.update(task, description=batch_id)
            refresh()
        finally:
            done.set()
            follower.join()
            ledger.close()


def _line_printer(console: Console, batch_id: str) -> Callable[[Step], None]:
    shown: list[Step] = []

    def show(step: Step) -> None:
        if shown[-1:] != [step]:
            console.print(f"{batch_id}: {step.step} ({step.reason})", markup=False)
            shown.append(step)

    return show
