"""Continuation: where a batch's waves stand by the ledger, and the requests of the next one.

Everything is read from rows each time. A wave's requests are recorded in one transaction, so that after a crash a wave is
there or is not; what was asked stays asked, and is never asked again. Not here: the rules (``huleedu_pipeline.waves``), and
asking (:mod:`.live`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from huleedu_pipeline.essays.spec import BatchSpec
from huleedu_pipeline.judging.batching import BATCH_API
from huleedu_pipeline.judging.guard import why_failed
from huleedu_pipeline.judging.outcome import OutcomeKind
from huleedu_pipeline.ledger import (
    BatchRecord,
    BatchStatus,
    Ledger,
    OutcomeRecord,
    RequestRecord,
    Tally,
    WorkflowDecision,
)
from huleedu_pipeline.ledger.leases import Lease
from huleedu_pipeline.logs import events
from huleedu_pipeline.providers.estimates import most_usd
from huleedu_pipeline.providers.limits import estimated_tokens
from huleedu_pipeline.providers.planning import planned_judge, planned_spec, record_requests, rules_of
from huleedu_pipeline.waves import (
    Asked,
    ContinuationDecision,
    Decision,
    Money,
    Reason,
    Rules,
    WaveState,
    connects,
    decide,
    last_state,
    most_comparisons,
    plan_next_wave,
    wave_states,
)

EARLY_STOPS = {
    Reason.STABLE: "no essay moved by more than {0.score_stability_threshold} logits in the last wave",
    Reason.PRECISE: "the ranking is as precise as was asked for",
}


@dataclass(frozen=True)
class Standing:
    """A batch's requests with their outcomes, and the rules that hold for it; ``seed`` is that of its choice of pairs."""

    asked: Sequence[Asked]
    n_essays: int
    rules: Rules
    money: Money | None
    seed: int

    def states(self) -> list[WaveState]:
        """Return what was known after each wave."""
        return wave_states(self.asked, self.n_essays, self.rules, self.money)

    def decision(self) -> ContinuationDecision:
        """Return what follows from what is known now."""
        return decide(last_state(self.asked, self.n_essays, self.rules, self.money), self.rules)

    def as_recorded(self, made: ContinuationDecision) -> WorkflowDecision:
        """Return a decision as the ledger keeps it."""
        return WorkflowDecision(max((one.wave for one in self.asked), default=0), made.decision, made.reason)


def standing_of(ledger: Ledger, batch_id: str) -> Standing:
    """Return where a batch's waves stand."""
    batch, spec = ledger.batch(batch_id), planned_spec(ledger, batch_id)
    n_essays = batch.n_essays + batch.n_anchors
    requests = ledger.requests(batch_id)
    ended = {outcome.request.custom_id: outcome for outcome in ledger.outcomes(batch_id)}
    rules = rules_of(spec, n_essays)
    if batch.is_human:
        # People are not asked, so nothing caps how often they have judged.
        rules = replace(rules, max_comparisons=max(rules.max_comparisons, len(requests)))
    has_limit = requests and spec.max_cost_usd is not None and not rules.is_single_wave
    return Standing(
        asked=[_asked(request, ended.get(request.custom_id)) for request in requests],
        n_essays=n_essays,
        rules=rules,
        money=_money(ledger, requests, spec.max_cost_usd) if has_limit and spec.max_cost_usd is not None else None,
        seed=spec.seed,
    )


def asks_for_more(batch: BatchRecord) -> bool:
    """Whether a batch still takes judgements, and was not told to end with those that it has."""
    return batch.status.takes_judgements and batch.ends_as is None


def is_judged(ledger: Ledger, batch_id: str) -> bool:
    """Whether every request of a batch has its outcome and no more will be asked for."""
    if not ledger.tally(batch_id).is_complete:
        return False
    batch = ledger.batch(batch_id)
    if not asks_for_more(batch) or batch.is_human or batch.llm_batching_mode == BATCH_API:
        return True
    return standing_of(ledger, batch_id).decision().is_final


def plan_wave_if_due(ledger: Ledger, batch_id: str, lease: Lease) -> bool:
    """Record the requests of the next wave if the last one is judged and was not enough, and return whether it was so.

    Args:
        ledger: The ledger.
        batch_id: A batch that is judged live.
        lease: The batch's, held by the caller: no other process plans its waves.

    """
    if not asks_for_more(ledger.batch(batch_id)):
        return False
    standing = standing_of(ledger, batch_id)
    decision = standing.decision()
    if decision.decision is not Decision.REQUEST_MORE_COMPARISONS:
        return False
    pairs = plan_next_wave(batch_id, standing.asked, decision, standing.seed)
    # Of what was asked before: the same words around the same texts, whatever this version would make of them.
    frame = next(iter(ledger.frames(batch_id).values()))
    bodies = _bodies(ledger, ledger.requests(batch_id))
    lease.ensure_held()
    _tell(ledger, batch_id, decision)
    made = standing.as_recorded(decision)
    record_requests(ledger, batch_id, pairs, frame, bodies, n_before=len(standing.asked), decision=made)
    return True


def record_waiting(ledger: Ledger, batch_id: str, tally: Tally) -> None:
    """Record that a batch waits for outcomes, or that there is nothing to decide, where that is how it stands."""
    if not asks_for_more(ledger.batch(batch_id)):
        made = Decision.NO_OP, Reason.CLOSED
    elif not tally.n_requests:
        made = Decision.NO_OP, Reason.NOTHING_PLANNED
    elif not tally.is_complete:
        made = Decision.WAIT_FOR_CALLBACKS, Reason.OUTCOMES_MISSING
    else:
        return
    ledger.record_decision(batch_id, WorkflowDecision(ledger.last_wave(batch_id), *made))


def is_nearly_judged(ledger: Ledger, batch_id: str) -> bool:
    """Whether a batch may be ranked provisionally while its last outcomes are waited for.

    So many outcomes are in as ``completion_threshold_pct`` says, of all that can come; enough of them are verdicts, and the
    verdicts connect all essays.
    """
    batch = ledger.batch(batch_id)
    if batch.status is not BatchStatus.AWAITING_JUDGEMENTS or batch.ends_as is not None or batch.is_human:
        return False
    spec, tally, n_essays = planned_spec(ledger, batch_id), ledger.tally(batch_id), batch.n_essays + batch.n_anchors
    n_all = max(tally.n_requests, most_comparisons(rules_of(spec, n_essays), n_essays))
    if tally.n_outcomes < n_for_provisional(spec, n_all) or why_failed(tally.n_succeeded, tally.n_outcomes) is not None:
        return False
    return connects(standing_of(ledger, batch_id).asked, n_essays)


def n_for_provisional(spec: BatchSpec, n_requests: int) -> int:
    """Return how many outcomes of so many requests are enough for a provisional ranking."""
    return -(-n_requests * spec.completion_threshold_pct // 100)


def conclude(ledger: Ledger, batch_id: str) -> None:
    """Record what the final decision makes of a batch that is judged: that it has failed, or why it asked for no more.

    A batch that was told how to end, or has ended, is left as it is.
    """
    batch = ledger.batch(batch_id)
    if batch.status is not BatchStatus.AWAITING_JUDGEMENTS or batch.ends_as is not None:
        return
    standing = standing_of(ledger, batch_id)
    made = standing.decision()
    _tell(ledger, batch_id, made)
    if made.decision is Decision.FINALIZE_FAILURE:
        tally = ledger.tally(batch_id)
        why = why_failed(tally.n_succeeded, tally.n_requests)
        ledger.move_batch(batch_id, BatchStatus.FAILED, why, decision=standing.as_recorded(made))
    elif made.reason in EARLY_STOPS:
        why = EARLY_STOPS[made.reason].format(standing.rules)
        ledger.conclude(batch_id, BatchStatus.COMPLETED_STABLE, why, decision=standing.as_recorded(made))
    else:
        ledger.record_decision(batch_id, standing.as_recorded(made))


def _tell(ledger: Ledger, batch_id: str, made: ContinuationDecision) -> None:
    tally = ledger.tally(batch_id)
    counts = {"n_succeeded": tally.n_succeeded, "n_failed": tally.n_failed, "n_expired": tally.n_expired}
    told = {"decision": made.decision, "decided_by": made.reason}
    events.WAVE_DECIDED.tell(**ledger.batch(batch_id).log_fields, **told, n_more=made.n_more, **counts)


def _asked(request: RequestRecord, outcome: OutcomeRecord | None) -> Asked:
    first_won = None
    if outcome is not None and outcome.outcome == OutcomeKind.SUCCESS:
        first_won = float(outcome.winner == "Essay A") if outcome.p_a is None else outcome.p_a
    return Asked(
        request.essay_a_id,
        request.essay_b_id,
        request.wave,
        has_ended=outcome is not None,
        first_won=first_won,
        cost_usd=0.0 if outcome is None else outcome.cost_usd,
        n_attempts=0 if outcome is None else outcome.n_attempts,
    )


def _money(ledger: Ledger, requests: Sequence[RequestRecord], max_cost_usd: float) -> Money | None:
    """Return the limit and the price of the dearest pair; ``None`` where no price is known, which the gate refuses."""
    frame = next(iter(ledger.frames(requests[0].batch_id).values()))
    longest = sorted((len(body.encode()) for body in _bodies(ledger, requests).values()), reverse=True)[:2]
    n_bytes = len(frame.body("", "").encode()) + sum(longest)
    judge = planned_judge(ledger, requests[0].batch_id)
    each = most_usd(judge, [estimated_tokens(n_bytes)], is_batch=False)
    return None if each is None else Money(max_cost_usd, each)


def _bodies(ledger: Ledger, requests: Sequence[RequestRecord]) -> dict[str, str]:
    """Return the fragment of each essay that occurs in the requests."""
    fragments = ledger.fragments(requests[0].batch_id)
    first = {request.essay_a_id: fragments[request.fragment_a_id] for request in requests}
    return first | {request.essay_b_id: fragments[request.fragment_b_id] for request in requests}
