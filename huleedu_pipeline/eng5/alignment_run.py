"""From a judged alignment batch to its report: what the ledger knows of the run, and the rows that the lake has of it.

Not here: having it judged, which is the same for every batch.
"""

from collections.abc import Mapping

from huleedu_pipeline.eng5.alignment import KnownAnchor, align
from huleedu_pipeline.eng5.alignment_batch import AnchorSource
from huleedu_pipeline.eng5.alignment_models import SIMULATED, AlignmentReport, Run
from huleedu_pipeline.judging.spec import is_simulated
from huleedu_pipeline.lake import Lake
from huleedu_pipeline.lake.tables import ESSAYS, LLM_JUDGEMENTS
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.providers.planning import planned_judge, planned_spec


def make_report(
    ledger: Ledger, lake: Lake, batch_id: str, source: AnchorSource, names: Mapping[str, str], design: str
) -> AlignmentReport:
    """Return the report of a batch whose judgements are in the lake.

    Args:
        ledger: The ledger.
        lake: The lake.
        batch_id: The batch.
        source: The anchors that it was made of.
        names: The name of each of them in the batch, by its label.
        design: Which of them were compared, in words.

    Raises:
        MissingDataError: the lake does not have the batch yet.
        ScalingError: no judgement has a verdict.

    """
    anchors = {names[label]: KnownAnchor(label, grade) for label, grade in source.grades.items()}
    judgements = lake.read_rows(LLM_JUDGEMENTS, batch_id)
    found = align(lake.read_rows(ESSAYS, batch_id), judgements, anchors, source.scale)
    judge, tally, spec = planned_judge(ledger, batch_id), ledger.tally(batch_id), planned_spec(ledger, batch_id)
    models = sorted({row["model"] for row in judgements})
    has_simulation = judge.is_simulated or any(is_simulated(model) for model in models)
    return AlignmentReport(
        is_simulated=has_simulation,
        notice=SIMULATED if has_simulation else None,
        run=Run(
            batch_id=batch_id,
            assignment=source.assignment,
            grade_scale=source.scale.scale_id,
            grades=source.scale.grades,
            design=design,
            seed=spec.seed,
            llm_batching_mode=spec.effective_mode,
            provider=judge.provider,
            models=tuple(models),
            judge_id=judge.judge_id,
            prompt_template=judge.prompt_template,
            temperature=judge.temperature,
            max_output_tokens=judge.max_output_tokens,
            reasoning_effort=judge.reasoning_effort,
            output_verbosity=judge.output_verbosity,
            reason_length=judge.reason_length,
            n_requests=tally.n_requests,
            n_succeeded=tally.n_succeeded,
            n_failed=tally.n_failed,
            n_expired=tally.n_expired,
            input_tokens=tally.input_tokens,
            output_tokens=tally.output_tokens,
            cost_usd=tally.cost_usd,
            completed_at=max(row["completed_at"] for row in judgements).isoformat(timespec="seconds"),
        ),
        blind_names=dict(names),
        alignment=found,
    )
