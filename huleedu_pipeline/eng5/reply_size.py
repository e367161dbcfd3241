"""How long a judge's replies, and what it reads, were where the ledger has answers of the same judge.

The same is a judge that differs in nothing but what the pupils were asked and the criteria: the model, its parameters and how
it is told to answer decide how long a reply is. A simulated judge is never the same as the model that it stands for. Not
here: what is expected before anything was measured (:mod:`huleedu_pipeline.judging.replies`).
"""

import json
from dataclasses import dataclass, replace

from huleedu_pipeline.judging.spec import Judge
from huleedu_pipeline.ledger import Ledger


@dataclass(frozen=True)
class MeasuredReply:
    """What was measured on ``n_replies`` verdicts of ``model``.

    ``tokens`` is the mean length of a reply, thinking included; ``bytes_per_token`` is of what was read.
    """

    model: str
    n_replies: int
    tokens: float
    bytes_per_token: float


def measured_reply(ledger: Ledger, judge: Judge) -> MeasuredReply | None:
    """Return the size of the verdicts that the ledger has of this judge, or ``None`` when it has none."""
    wanted = _without_texts(judge)
    judges = [Judge(**json.loads(batch.original_request)["judge"]) for batch in ledger.batches() if not batch.is_human]
    same = {one.judge_id for one in judges if _without_texts(one) == wanted}
    sizes = ledger.verdict_sizes(same)
    if not sizes.n_verdicts or not sizes.input_tokens:
        return None
    return MeasuredReply(
        model=judge.model,
        n_replies=sizes.n_verdicts,
        tokens=sizes.output_tokens / sizes.n_verdicts,
        bytes_per_token=sizes.request_bytes / sizes.input_tokens,
    )


def _without_texts(judge: Judge) -> Judge:
    # The service tier changes when a model answers, not what.
    return replace(judge, assignment_prompt="", rubric="", service_tier=None)
