"""The points at which the kill drill kills: each a name, a place in the code or on the wire, and what must hold there."""

from dataclasses import dataclass, field
from typing import Any, Literal

When = Literal["before", "after", "midway"]


@dataclass(frozen=True)
class Hook:
    """Where to die: before or after the ``nth`` call of a function, or after the first thing that it yields.

    ``nth_at_anthropic`` is the call where the two providers differ: there is no upload at Anthropic.
    """

    target: str
    when: When = "before"
    nth: int = 1
    nth_at_anthropic: int | None = None


@dataclass(frozen=True)
class Seen:
    """Where to die: as soon as the emulator's books show ``nth`` calls of ``endpoint``, which it holds back by a fault."""

    endpoint: str
    nth: int = 1


@dataclass(frozen=True)
class ShortFile:
    """Where to die: at the second read of the file that is being sent."""

    suffix: str = ".jsonl"


BATCH_MODE, LIVE_MODE = "provider_batch_api", "per_request"
STORE = "huleedu_pipeline.ledger.store"
SUBMISSION = "huleedu_pipeline.providers.submission"
COLLECTION = "huleedu_pipeline.providers.collection"
EXECUTE = ("eng5", "execute", "--await-completion")
CREATE = {"openai": "POST /v1/batches", "anthropic": "POST /v1/messages/batches"}
LIVE = {"openai": "POST /v1/responses", "anthropic": "POST /v1/messages"}
LIST = {"openai": "GET /v1/batches", "anthropic": "GET /v1/messages/batches"}


@dataclass(frozen=True)
class KillPoint:
    """One point; ``faults`` are the emulator's while the victim runs and afterwards, by provider.

    ``command`` is what is killed, and started again with the batch's folder.
    """

    place: Hook | Seen | ShortFile
    mode: str = BATCH_MODE
    providers: tuple[Literal["openai", "anthropic"], ...] = ("openai", "anthropic")
    faults: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    command: tuple[str, ...] = ("run",)


def _each(endpoints: dict[str, str], fault: Any, **rule: Any) -> dict[str, list[dict[str, Any]]]:
    return {provider: [{"endpoint": endpoint, "fault": fault, **rule}] for provider, endpoint in endpoints.items()}


def _sub(place: str, when: Literal["before", "after", "midway"] = "before", nth: int = 1) -> KillPoint:
    return KillPoint(Hook(place, when, nth))


_EXPIRED = _each(CREATE, {"kind": "expire", "at": 0.5})
_LOST = _each(CREATE, "lose_answer")
_HELD = {"kind": "hang", "seconds": 30, "acts": "first"}
# Its calls in a plain run: intent, uploaded (OpenAI alone), submitted, ended, collected.
_MOVED = "huleedu_pipeline.ledger.moves:update_job"

KILL_POINTS: dict[str, KillPoint] = {
    "before the batch is registered": _sub("huleedu_pipeline.cli.runner:register"),
    "after it is registered": _sub("huleedu_pipeline.cli.runner:stage"),
    "while the requests are planned": _sub("huleedu_pipeline.ledger.questions:add_missing", "after", 3),
    "after they are planned": _sub(f"{STORE}:Ledger.plan_requests", "after"),
    "while the job is planned": _sub("huleedu_pipeline.ledger.job_book:begin", "after"),
    "after the job is planned, before its intent": _sub(f"{STORE}:Ledger.plan_job", "after"),
    "while the intent is written": _sub(_MOVED, "after", 1),
    "after the intent is written": _sub(f"{SUBMISSION}:order_of"),
    "while the payload is written": _sub("huleedu_pipeline.providers.payloads:_write_all", "after"),
    "before the upload": KillPoint(
        Hook("huleedu_pipeline.providers.openai_provider:OpenAIProvider.upload"), providers=("openai",)
    ),
    "while the payload is sent": KillPoint(ShortFile()),
    "while the upload waits for its answer": KillPoint(
        Seen("POST /v1/files"), providers=("openai",), faults={"openai": [{"endpoint": "POST /v1/files", "fault": _HELD}]}
    ),
    "after the upload, before it is recorded": KillPoint(
        Hook("huleedu_pipeline.providers.openai_provider:OpenAIProvider.upload", "after"), providers=("openai",)
    ),
    "after the upload is recorded": KillPoint(Hook(f"{STORE}:Ledger.move_job", "after", 2), providers=("openai",)),
    "after the create call is announced, before it is made": _sub(f"{STORE}:Ledger.record_create_attempt", "after"),
    "while the create call waits for its answer (OpenAI)": KillPoint(
        Seen(CREATE["openai"]), providers=("openai",), faults={"openai": [{"endpoint": CREATE["openai"], "fault": _HELD}]}
    ),
    "while the create call waits for its answer (Anthropic)": KillPoint(
        Seen(CREATE["anthropic"]),
        providers=("anthropic",),
        faults={"anthropic": [{"endpoint": CREATE["anthropic"], "fault": _HELD}]},
    ),
    "after the create call, before it is recorded": _sub(f"{SUBMISSION}:_record"),
    "while the created job is recorded": KillPoint(Hook(_MOVED, "after", 3, nth_at_anthropic=2)),
    "after the created job is recorded": _sub(f"{SUBMISSION}:_record", "after"),
    "before the lost job is looked for": KillPoint(Hook(f"{SUBMISSION}:_look_for"), faults=_LOST),
    "after the lost job is found, before it is adopted": KillPoint(Hook(f"{SUBMISSION}:_look_for", "after"), faults=_LOST),
    "before a poll": _sub("huleedu_pipeline.orchestration.watch:watch_jobs"),
    "while a poll is answered": _sub("huleedu_pipeline.providers.sdk:SdkProvider.list_jobs", "after"),
    "while the job's end is recorded": KillPoint(Hook(_MOVED, "after", 4, nth_at_anthropic=3)),
    "after the job's end is recorded": _sub(f"{COLLECTION}:_collect"),
    "before the download": _sub("huleedu_pipeline.providers.sdk:SdkProvider._download"),
    "during the download": _sub("huleedu_pipeline.providers.sdk:pieces_of", "midway"),
    "after the download, before parsing": _sub(f"{COLLECTION}:_read"),
    "during parsing": _sub(f"{COLLECTION}:_Results.add", "after", 7),
    "between parsing and the commit": _sub(f"{STORE}:Ledger.collect_job"),
    "inside the commit": _sub("huleedu_pipeline.ledger.job_book:bury", "after"),
    "after the commit": _sub(f"{STORE}:Ledger.collect_job", "after"),
    "after a job that expired half way is collected": KillPoint(Hook(f"{STORE}:Ledger.collect_job", "after"), faults=_EXPIRED),
    "after the rest is asked again, before it is recorded": KillPoint(
        Hook(f"{SUBMISSION}:_record", "before", 2), faults=_EXPIRED
    ),
    "while the judgements are written to the lake": _sub("huleedu_pipeline.lake.store:pq.write_table", "after", 8),
    "during scaling": _sub("assets.ranking:scale_batch"),
    "before publication": _sub("resources.stores:publish"),
    "during publication": _sub("huleedu_pipeline.lake.warehouse:_comment_columns", "after"),
    "after publication, before it is marked": _sub(f"{STORE}:Ledger.mark_published"),
    "eng5: before the artefact is written": KillPoint(Hook("huleedu_pipeline.eng5.artefact:_document"), command=EXECUTE),
    "eng5: while the artefact is written": KillPoint(
        Hook("huleedu_pipeline.eng5.artefact:_write_lines", "after"), command=EXECUTE
    ),
    "eng5: after the artefact's lines are written, before it names them": KillPoint(
        Hook("huleedu_pipeline.eng5.artefact:encoded"), command=EXECUTE
    ),
    "live: before a call": KillPoint(Hook("huleedu_pipeline.providers.sdk:SdkProvider.ask", "before", 5), mode=LIVE_MODE),
    "live: after the attempt is written": KillPoint(Hook(f"{STORE}:Ledger.begin_live", "after", 5), mode=LIVE_MODE),
    "live: after an answer, before it is recorded": KillPoint(Hook(f"{STORE}:Ledger.end_live", "before", 5), mode=LIVE_MODE),
    "live: while an answer is recorded": KillPoint(Hook("huleedu_pipeline.ledger.questions:end", "after", 5), mode=LIVE_MODE),
    "live: after an answer is recorded": KillPoint(Hook(f"{STORE}:Ledger.end_live", "after", 5), mode=LIVE_MODE),
    "live: after a wave is judged, before the next is planned": KillPoint(
        Hook("huleedu_pipeline.providers.continuation:plan_next_wave"), mode=LIVE_MODE
    ),
    "live: while the next wave is planned": KillPoint(
        Hook("huleedu_pipeline.ledger.questions:add_missing", "after", 6), mode=LIVE_MODE
    ),
    "live: after the next wave is planned": KillPoint(
        Hook("huleedu_pipeline.providers.continuation:record_requests", "after"), mode=LIVE_MODE
    ),
}
