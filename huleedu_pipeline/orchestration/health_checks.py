"""The checks of the whole installation, and the job that makes them: whether anything stands still that nobody sees.

Bounded retries make failure quiet, and a partition that is never materialised again shows no check of its own. So these two
look at all batches at once, every morning with the publication and whenever the health_sensor sees a change.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg

from assets.common import explained, table_value
from huleedu_pipeline.ledger import JobState
from huleedu_pipeline.orchestration.health import Finding, failed_batches, left_alone, overdue_jobs
from huleedu_pipeline.orchestration.jobs import NO_BATCH_LEFT, NO_JOB_OVERDUE, OF_THE_INSTALLATION
from huleedu_pipeline.orchestration.watch import situations
from huleedu_pipeline.settings import Settings
from resources import LedgerResource

CHECK_UP = "check_up"
MOST_ROWS = 20

check_up = dg.define_asset_job(
    CHECK_UP,
    selection=OF_THE_INSTALLATION,
    description="Look for batches and provider jobs that stand still; the health_sensor asks for it when that has changed. "
    "Reads only.",
    tags={"huleedu/step": "check"},
)


def build_health_checks(settings: Settings) -> list[dg.AssetChecksDefinition]:
    """Return the checks of an installation with these settings."""

    @dg.asset_check(asset="provider_jobs", name=NO_JOB_OVERDUE)
    def no_provider_job_overdue(context: dg.AssetCheckExecutionContext, ledger: LedgerResource) -> dg.AssetCheckResult:
        """No provider holds a job of any batch for longer than its own 24 hours; two hours more, and it is an error."""
        with explained(), ledger.open() as book:
            found = overdue_jobs(situations(book, settings, context.instance), datetime.now(UTC))
            n_open = len(book.jobs(states=[JobState.SUBMITTED]))
        return _result(found, f"{n_open} jobs at providers, none past its time", n_open_jobs=n_open, n_overdue=len(found))

    @dg.asset_check(asset="warehouse", name=NO_BATCH_LEFT)
    def no_partition_left_failed(context: dg.AssetCheckExecutionContext, ledger: LedgerResource) -> dg.AssetCheckResult:
        """No batch failed in the last 30 days without being brought back, and none waits for a person (stuck, quarantined)."""
        with explained(), ledger.open() as book:
            stuck = left_alone(situations(book, settings, context.instance))
            batches = book.batches()
        failed = failed_batches(batches, datetime.now(UTC))
        return _result(
            [*stuck, *failed],
            f"{len(batches)} batches, none of them left failed or waiting for a person",
            n_batches=len(batches),
            n_need_a_person=len(stuck),
            n_failed=len(failed),
        )

    return [no_provider_job_overdue, no_partition_left_failed]


def _result(found: Sequence[Finding], good: str, **numbers: int) -> dg.AssetCheckResult:
    rows = [
        {
            "batch": finding.batch_id,
            "what": finding.event.replace("_", " "),
            "since (UTC)": f"{finding.since:%Y-%m-%d %H:%M}",
            "why": finding.reason,
            "next step": finding.next_step,
        }
        for finding in found[:MOST_ROWS]
    ]
    is_severe = any(finding.is_severe for finding in found)
    events = Counter(finding.event.replace("_", " ") for finding in found)
    named = ", ".join(dict.fromkeys(finding.batch_id for finding in found[:MOST_ROWS]))
    problem = f"{', '.join(f'{event}: {n}' for event, n in events.items())} ({named})"
    return dg.AssetCheckResult(
        passed=not found,
        severity=dg.AssetCheckSeverity.ERROR if is_severe else dg.AssetCheckSeverity.WARN,
        description=problem if found else good,
        metadata={**({"evidence": table_value(rows)} if rows else {}), **numbers},
    )
