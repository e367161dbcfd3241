"""What commands print for eyes: rankings, batches, one batch."""

from collections.abc import Hashable, Iterator
from datetime import UTC, datetime
from math import isnan
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from huleedu_pipeline.context import AssessmentContext
from huleedu_pipeline.essays import Batch, IntakeError, check_judge, read_batch
from huleedu_pipeline.essays.inbox import arrivals
from huleedu_pipeline.ledger import BatchStatus, Ledger
from huleedu_pipeline.ledger.phases import phase_of

if TYPE_CHECKING:
    import pandas as pd

    from huleedu_pipeline.providers.reconcile import Case
    from huleedu_pipeline.settings import Settings

PROVISIONAL = "PROVISIONAL: the last judgements are still to come, and places and grades may change with them"
FLAG, FLAG_SAYS = "[!]", "the text seems to address the judge"
SIMULATED = "SIMULATED by the local emulator: not a real model's judgement"


def console() -> Console:
    """Return the console for results; it is wide enough for a table when the output is not a terminal."""
    plain = Console(highlight=False)
    return plain if plain.is_terminal else Console(highlight=False, width=160)


def print_ranking(batch_id: str, ranking: "pd.DataFrame", cost: "pd.DataFrame", notes: list[str]) -> None:
    """Print a batch's ranking, anchors among the pupils' essays, what to know before believing it, and what it cost."""
    out = console()
    is_judged = bool(ranking["models"].notna().all())
    simulated = is_judged and bool(ranking["is_simulated"].iloc[0])
    judged_by = f"judged by {ranking['models'].iloc[0]}" if is_judged else "judged by nobody: there was nothing to compare"
    is_flagged = bool(ranking["injection_rules"].notna().any())
    title = f"Ranking of {batch_id}, {judged_by}" + (f"\n{SIMULATED}" if simulated else "")
    is_graded = bool(ranking["grade"].notna().any())
    caption = "theta and SE in logits"
    if is_graded:
        caption += "; p is the probability of the grade"
    if is_flagged:
        caption += f"; {FLAG}: {FLAG_SAYS}"
    table = Table(title=escape(title), caption=caption)
    for heading in ("rank", "file", "theta", "SE", "wins"):
        table.add_column(heading, justify="left" if heading == "file" else "right")
    if is_graded:
        for heading in ("grade", "p", "certainty"):
            table.add_column(heading, justify="right" if heading == "p" else "left")
    for row in ranking.to_dict(orient="records"):
        cells = [
            f"anchor {row['anchor_grade']}" if row["is_anchor"] else str(row["rank"]),
            escape(_marked(row)),
            f"{row['theta']:+.2f}",
            _number(row["theta_se"]),
            f"{row['n_wins']}/{row['n_comparisons']}",
        ]
        if is_graded:
            cells += [str(row["grade"]), f"{row['grade_probability']:.2f}", str(row["confidence_label"])]
        table.add_row(*cells, style="yellow" if row["is_anchor"] else None)
    if ranking["is_provisional"].any():
        out.print(PROVISIONAL, style="bold")
    out.print(table)
    for note in notes:
        out.print(note, markup=False)
    out.print(_cost_line(cost, simulated))


def print_class(batch_id: str, found: "pd.DataFrame") -> None:
    """Print a class's results, by name."""
    is_simulated, is_graded = bool(found["is_simulated"].any()), bool(found["grade"].notna().any())
    title = f"Results of {batch_id} by pupil" + (f"\n{SIMULATED}" if is_simulated else "")
    told = ["p is the probability of the grade"] if is_graded else []
    if found["injection_rules"].notna().any():
        told.append(f"{FLAG}: {FLAG_SAYS}")
    table = Table(title=escape(title), caption="; ".join(told) or None)
    for heading in ("pupil", "student_id", "file", "rank", *(("grade", "p", "certainty") if is_graded else ())):
        table.add_column(heading, justify="right" if heading in ("rank", "p") else "left")
    for row in found.sort_values(["name", "student_id"], na_position="last").to_dict(orient="records"):
        cells = [str(row["name"] or ""), str(row["student_id"]), _marked(row), str(int(row["rank"]))]
        if is_graded:
            cells += [str(row["grade"]), f"{row['grade_probability']:.2f}", str(row["confidence_label"])]
        table.add_row(*map(escape, cells))
    out = console()
    if found["is_provisional"].any():
        out.print(PROVISIONAL, style="bold")
    out.print(table)


def _marked(row: dict[Hashable, Any]) -> str:
    """Return an essay's file name, marked where its text is flagged."""
    name = " ".join(str(row["file_name"]).split())
    return f"{name} {FLAG}" if isinstance(row["injection_rules"], str) else name


def _number(value: float) -> str:
    return "unknown" if isnan(value) else f"{value:.2f}"


def _cost_line(cost: "pd.DataFrame", simulated: bool) -> str:
    n, verdicts = int(cost["n_requests"].sum()), int(cost["n_succeeded"].sum())
    tokens = int(cost["input_tokens"].sum()), int(cost["output_tokens"].sum())
    price = f"{cost['cost_usd'].sum():.4f} USD" if cost["cost_usd"].notna().all() else "at an unknown price"
    paid = f"nothing was paid; the real model would cost {price}" if simulated else price
    return f"{verdicts} verdicts of {n} requests, {tokens[0]:,} tokens read and {tokens[1]:,} written, {paid}"


def print_batches(ledger: Ledger, settings: "Settings") -> None:
    """Print one line for each batch in the ledger, and what keeps folders in the inbox from being submitted."""
    table = Table(title="Batches", caption="Costs of an emulated judge are what the real one would cost")
    for heading in ("batch", "status", "mode", "backend", "essays", "anchors", "outcomes", "cost USD", "since"):
        table.add_column(heading, justify="right" if heading in ("essays", "anchors", "outcomes", "cost USD") else "left")
    for batch in ledger.batches():
        tally = ledger.tally(batch.batch_id)
        table.add_row(
            batch.batch_id,
            batch.status,
            batch.llm_batching_mode,
            batch.judge_backend,
            str(batch.n_essays),
            str(batch.n_anchors),
            f"{tally.n_outcomes}/{tally.n_requests}",
            "unknown" if tally.cost_usd is None else f"{tally.cost_usd:.4f}",
            _ago(batch.updated_at),
        )
    out = console()
    if table.row_count:
        out.print(table)
    else:
        out.print("No batch yet. Try: huleedu demo")
    for name, state in _in_the_inbox(ledger, settings):
        out.print(f"inbox/{name}: {state}", markup=False)


def _in_the_inbox(ledger: Ledger, settings: "Settings") -> Iterator[tuple[str, str]]:
    """Yield each folder in the inbox that has not been submitted, with what it waits for."""
    from huleedu_pipeline.providers.waiting import let_go, may_wait

    status = {batch.batch_id: batch.status for batch in ledger.batches()}
    found: dict[str, Batch] = {}
    context = AssessmentContext(ledger)
    for arrival in arrivals(settings.inbox_dir):
        if arrival.batch_id in status and status[arrival.batch_id] is not BatchStatus.PENDING:
            continue
        try:
            if arrival.problem is None:
                batch = read_batch(arrival.folder, context)
                check_judge(batch)
                found[arrival.folder.name] = batch
                continue
            problem = arrival.problem
        except IntakeError as error:
            problem = str(error)
        yield arrival.folder.name, f"refused: {problem}"
    held = [batch for batch in found.values() if may_wait(ledger, settings, batch)]
    stays = let_go(ledger, settings, held, now=datetime.now(UTC), is_night=False).stays
    for name, batch in found.items():
        batch_id = batch.spec.batch_id
        if batch_id in stays:
            yield name, f"{stays[batch_id]}; at once with `huleedu run`"
        elif batch_id not in status:
            yield name, "waiting for the daemon (`huleedu ui`), or for `huleedu run`"


def print_batch(ledger: Ledger, batch_id: str) -> None:
    """Print everything that the ledger knows about where one batch stands.

    Raises:
        UnknownBatchError: there is no such batch.

    """
    batch, tally = ledger.batch(batch_id), ledger.tally(batch_id)
    out = console()
    phase = phase_of(batch.status, batch.n_essays + batch.n_anchors, ledger.spell_check_states(batch_id))
    out.print(f"batch {batch_id}: {batch.status}" + (f", {phase}" if phase else ""))
    if batch.status_reason:
        out.print(f"  because: {batch.status_reason}", markup=False)
    out.print(
        f"  {batch.n_essays} essays and {batch.n_anchors} anchors, {batch.llm_batching_mode}, backend {batch.judge_backend}"
    )
    if batch.assignment_id is not None:
        out.print(f"  assignment {batch.assignment_id}, version {batch.assignment_version}")
    if batch.llm_batching_mode_reason:
        out.print(f"  {batch.llm_batching_mode}: {batch.llm_batching_mode_reason}", markup=False)
    out.print(
        f"  {tally.n_outcomes} of {tally.n_requests} requests have an outcome: {tally.n_succeeded} verdicts, "
        f"{tally.n_failed} failed, {tally.n_expired} expired"
    )
    if batch.correlation_id is not None:
        out.print(f"  correlation id {batch.correlation_id} (`huleedu logs {batch_id}` says what happened)", markup=False)
    for job in ledger.jobs(batch_id):
        name = job.provider_job_id or "not submitted"
        out.print(f"  job {name} at {job.provider}: {job.state}, {job.n_requests} requests, {_ago(job.created_at)}")
        if job.last_error:
            out.print(f"    {job.last_error}", markup=False)
    for token, letter in ledger.dead_letters(batch_id):
        what = f"line {letter.line_number} of {letter.file_name}: {letter.reason}"
        out.print(f"  dead letter of {token}: {what}", markup=False)
    for move in ledger.batch_history(batch_id):
        why = f" ({move.reason})" if move.reason else ""
        out.print(f"  {move.at:%Y-%m-%d %H:%M:%S} UTC {move.to_status}{why}", markup=False)
    if batch.completed_at:
        out.print(
            f"  {'ended' if batch.status.is_closed else 'completed'} {_ago(batch.completed_at)}"
            + ("" if batch.is_published else ", not yet published")
        )


def print_cases(cases: "list[Case]") -> None:
    """Print each job that needs a decision, what it may be at the provider, and how to decide."""
    out = console()
    if not cases:
        out.print("No job needs a decision.")
    for case in cases:
        job = case.job
        out.print(
            f"job {job.token} of batch {job.batch_id}: {job.n_requests} requests to {job.provider} {job.model}", markup=False
        )
        out.print(f"  {job.last_error}", markup=False)
        for snapshot in case.candidates:
            size = "?" if snapshot.n_requests is None else snapshot.n_requests
            made = f"{snapshot.created_at:%Y-%m-%d %H:%M:%S} UTC"
            out.print(f"  perhaps {snapshot.provider_job_id}: {size} requests, {snapshot.status}, made {made}", markup=False)
        out.print(f"  decide: huleedu reconcile --job {job.token} --adopt ID | --ask-again | --give-up", markup=False)


def _ago(instant: datetime) -> str:
    minutes = int((datetime.now(UTC) - instant).total_seconds() // 60)
    if minutes < 1:
        return "just now"
    if minutes < 120:
        return f"{minutes} min ago"
    return f"{minutes // 60} h ago" if minutes < 48 * 60 else f"{minutes // 1440} days ago"
