"""The jobs: which assets one run makes. Few, fat runs: starting one costs seconds, so a batch is one run, not a pair."""

from collections.abc import Sequence

import dagster as dg

from huleedu_pipeline.ledger import JobRecord

SUBMIT, COLLECT, MATCH, REBUILD = "submit_batch", "collect_batch", "match_students", "rebuild_warehouse"
BATCH_TAG = "dagster/partition"

NO_JOB_OVERDUE, NO_BATCH_LEFT = "no_provider_job_overdue", "no_partition_left_failed"
# They look at every batch of the installation, which would make the run of each batch as long as there are batches.
OF_THE_INSTALLATION = dg.AssetSelection.checks(
    dg.AssetCheckKey(dg.AssetKey("provider_jobs"), NO_JOB_OVERDUE),
    dg.AssetCheckKey(dg.AssetKey("warehouse"), NO_BATCH_LEFT),
)

submit_batch = dg.define_asset_job(
    SUBMIT,
    selection=dg.AssetSelection.assets(
        "essays",
        "redactions",
        "injection_flags",
        "student_matches",
        "spellchecked_essays",
        "spell_corrections",
        "comparison_pairs",
        "judge_requests",
        "provider_jobs",
    )
    - OF_THE_INSTALLATION,
    description="Take a batch from the inbox, check its spelling, plan its comparisons and submit them. Ends when the judge "
    "has the requests; the provider_jobs_sensor collects what comes back.",
    tags={"huleedu/step": "submit"},
)
collect_batch = dg.define_asset_job(
    COLLECT,
    selection=dg.AssetSelection.assets(
        "comparison_pairs",
        "judge_requests",
        "provider_jobs",
        "llm_judgements",
        "wave_decisions",
        "cj_rankings",
        "scaling_summary",
        "judge_diagnostics",
        "grade_projections",
        "grade_boundaries",
        "anchor_diagnostics",
        "grading_summary",
        "batch_results",
        "warehouse",
    )
    - OF_THE_INSTALLATION,
    description="Collect a batch's judgements, scale, grade and publish it. Safe to run again at any time.",
    tags={"huleedu/step": "collect"},
)
match_students = dg.define_asset_job(
    MATCH,
    selection=dg.AssetSelection.assets("student_matches", "warehouse") - OF_THE_INSTALLATION,
    description="Match a batch's essays to its class list anew, after a review, and publish that. Judges nothing.",
    tags={"huleedu/step": "match"},
)
rebuild_warehouse = dg.define_asset_job(
    REBUILD,
    selection=dg.AssetSelection.assets("warehouse"),
    description="Publish the lake as it is now.",
    tags={"huleedu/step": "publish"},
)


def run_tags(batch_id: str, assignment: str, jobs: Sequence[JobRecord] = ()) -> dict[str, str]:
    """Return the tags of a run that is asked for: batch, assignment where it is named, the batch's jobs at the provider."""
    at_provider = [job.provider_job_id for job in jobs if job.provider_job_id is not None]
    named = {"huleedu/assignment": assignment, "huleedu/provider_job_id": ", ".join(at_provider)}
    return {"huleedu/batch": batch_id, **{name: value for name, value in named.items() if value}}


JOBS = [submit_batch, collect_batch, match_students, rebuild_warehouse]
