"""Judgements that people made, in the ledger: recorded with their answers at once, and read back as pairs.

A judgement is known by its two essays in their order, its judge, and which of that judge's judgements of them it is. So an
import can be repeated, with more rows or without: what is recorded stays, and only what is new is added.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from huleedu_pipeline.canonical import canonical_json, sha256_hex, short_hash
from huleedu_pipeline.comparisons import ComparisonPair
from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.essays import Batch, IntakeError
from huleedu_pipeline.essays.judgements import HumanJudgement
from huleedu_pipeline.judging.outcome import Usage, success
from huleedu_pipeline.judging.requests import custom_id
from huleedu_pipeline.judging.spec import HUMAN
from huleedu_pipeline.ledger import Answer, FrameRecord, Ledger, OutcomeRecord, RequestRecord
from huleedu_pipeline.logs import events
from huleedu_pipeline.providers.payloads import fragment
from huleedu_pipeline.providers.spelling import planned_texts, spell_check_batch

HOW_TO_IMPORT = "huleedu judgements import FILE FOLDER; `huleedu judgements import --help` shows how"
WAITS_FOR_JUDGEMENTS = f"its judge is human; waiting for judgements ({HOW_TO_IMPORT})"
# Nothing stands around the two essays: what was compared is all that is known of what a person saw.
_FRAME = FrameRecord(short_hash([HUMAN, "", "", "", ""], 64), HUMAN, path="", head="", middle="", tail="")


class NotHumanError(HuleeduError):
    """Judgements are to be imported into a batch that a model judges."""


class NoJudgementsError(HuleeduError):
    """A batch that people judge is to be ranked, and no judgement has been imported."""


@dataclass(frozen=True)
class Imported:
    """What an import came to: judgements that were new, and how many of the file were recorded before."""

    n_new: int
    n_known: int


def record_judgements(ledger: Ledger, batch: Batch, judgements: Sequence[HumanJudgement], place: str) -> Imported:
    """Record the judgements that are not recorded yet, all or none.

    Args:
        ledger: The ledger, in which the batch is registered.
        batch: The batch.
        judgements: What was read from a file about its essays.
        place: How messages call the file.

    Raises:
        BusyError: another process is working on the batch.
        IntakeError: a judgement was recorded before with another verdict; what is recorded is not changed.
        StaleStateError: the batch is being scored, or is completed.

    """
    batch_id = batch.spec.batch_id
    with ledger.lease(f"batch {batch_id}") as lease:
        known = _known(ledger.outcomes(batch_id))
        changed = [item for item in judgements if item.key in known and not _is_same(item, known[item.key])]
        if changed:
            raise IntakeError(place, [_explained(item) for item in changed])
        new = [item for item in judgements if item.key not in known]
        if batch.spec.judge_text == "corrected":
            # What people saw is fixed before a judgement of it is recorded, as it is for every other judge.
            spell_check_batch(ledger, batch_id, batch.essays)
        texts = planned_texts(ledger, batch_id, batch.essays)
        bodies = {essay_id: fragment(text).decode() for essay_id, text in texts.items()}
        requests = _requests(batch_id, bodies, new, [outcome.request for outcome in known.values()])
        answers = [_answer(request, item) for request, item in zip(requests, new, strict=True)]
        lease.ensure_held()
        n_new = ledger.record_judgements(batch_id, requests, _FRAME, {sha256_hex(b): b for b in bodies.values()}, answers)
    known_before = len(judgements) - n_new
    events.JUDGEMENTS_IMPORTED.tell(**ledger.batch(batch_id).log_fields, n_new=n_new, n_known=known_before)
    return Imported(n_new, known_before)


def imported_requests(ledger: Ledger, batch_id: str) -> list[RequestRecord]:
    """Return the requests of a batch that people judged, in the order in which they were recorded.

    Raises:
        NoJudgementsError: there are none.

    """
    requests = ledger.requests(batch_id)
    if not requests:
        raise NoJudgementsError(f"batch {batch_id}: its judge is human and no judgement has been imported ({HOW_TO_IMPORT})")
    return requests


def judged_pairs(ledger: Ledger, batch_id: str) -> list[ComparisonPair]:
    """Return the pairs that people judged; raises as :func:`imported_requests`."""
    return [
        ComparisonPair(
            batch_id,
            request.essay_a_id,
            request.essay_b_id,
            request.wave,
            request.replicate,
            "coverage" if request.replicate == 1 else "resampling",
        )
        for request in imported_requests(ledger, batch_id)
    ]


def ensure_human(batch: Batch) -> None:
    """Check that people judge a batch.

    Raises:
        NotHumanError: a model does.

    """
    provider = batch.spec.judge.provider
    if provider != HUMAN:
        raise NotHumanError(
            f"batch {batch.spec.batch_id}: its judge is {provider}, and only one that people judge takes imported "
            "judgements (write 'judge: {provider: human}' into a batch.yaml with another batch_id)"
        )


def _known(outcomes: Sequence[OutcomeRecord]) -> dict[tuple[str, str, str, int], OutcomeRecord]:
    """Return what is recorded, by the keys of its judgements; the earlier of two has the lesser replicate."""
    by_judge: dict[tuple[str, str, str], list[OutcomeRecord]] = defaultdict(list)
    for outcome in sorted(outcomes, key=lambda outcome: outcome.request.replicate):
        request = outcome.request
        by_judge[request.essay_a_id, request.essay_b_id, request.judge_id].append(outcome)
    return {(*key, n): outcome for key, found in by_judge.items() for n, outcome in enumerate(found, start=1)}


def _is_same(item: HumanJudgement, outcome: OutcomeRecord) -> bool:
    return (item.verdict.winner, item.verdict.justification) == (outcome.winner, outcome.justification)


def _explained(item: HumanJudgement) -> str:
    return (
        f"line {item.line}: was imported before with another winner or justification, and what is recorded is not changed "
        "(put the line back as it was; a judge's later judgement of the same two essays is another line, after the earlier)"
    )


def _requests(
    batch_id: str, bodies: Mapping[str, str], new: Sequence[HumanJudgement], recorded: Sequence[RequestRecord]
) -> list[RequestRecord]:
    """Return a request for each new judgement; replicates and positions go on after what is recorded."""
    n_judged = Counter((request.essay_a_id, request.essay_b_id) for request in recorded)
    position = max((request.position for request in recorded), default=-1)
    made = []
    for n, item in enumerate(new, start=1):
        n_judged[item.first_id, item.second_id] += 1
        pair = ComparisonPair(batch_id, item.first_id, item.second_id, replicate=n_judged[item.first_id, item.second_id])
        first, second = bodies[item.first_id], bodies[item.second_id]
        body = _FRAME.body(first, second)
        made.append(
            RequestRecord(
                custom_id=custom_id(batch_id, pair.pair_id, item.judge_id),
                batch_id=batch_id,
                position=position + n,
                pair_id=pair.pair_id,
                essay_a_id=pair.essay_a_id,
                essay_b_id=pair.essay_b_id,
                wave=pair.wave,
                replicate=pair.replicate,
                judge_id=item.judge_id,
                provider=HUMAN,
                model=HUMAN,
                prompt_sha256=sha256_hex(body),
                frame_id=_FRAME.frame_id,
                fragment_a_id=sha256_hex(first),
                fragment_b_id=sha256_hex(second),
                n_bytes=len(body.encode()),
            )
        )
    return made


def _answer(request: RequestRecord, item: HumanJudgement) -> Answer:
    outcome = success(item.verdict, Usage(), HUMAN)
    return Answer(request.custom_id, outcome, cost_usd=0.0, raw=canonical_json(dict(item.row)), completed_at=datetime.now(UTC))
