"""Requests in the ledger, what their bodies are made of, and how they ended."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, astuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from huleedu_pipeline.judging.outcome import ErrorCode, OutcomeKind, failure
from huleedu_pipeline.ledger.attempts import CHUNK, ENDED, FINAL, USAGE_COLUMNS, abandon_open, batched, begin, end
from huleedu_pipeline.ledger.batches import UnknownBatchError, ensure_asks, find_batch
from huleedu_pipeline.ledger.book import HAS_ENDED, IS_BEING_ASKED, Book, add_missing, count
from huleedu_pipeline.ledger.moves import add_decision, now
from huleedu_pipeline.ledger.records import (
    Answer,
    FrameRecord,
    OutcomeRecord,
    Reply,
    RequestRecord,
    Tally,
    VerdictSizes,
    WorkflowDecision,
)
from huleedu_pipeline.ledger.schema import (
    attempts,
    fragments,
    frames,
    planned_waves,
    replies,
    requests,
    serial_bundles,
)
from huleedu_pipeline.ledger.states import (
    BatchStatus,
    StaleStateError,
)


class Questions(Book):
    """The part of the ledger about requests and their attempts."""

    def plan_requests(
        self,
        planned: Iterable[RequestRecord],
        frame_records: Iterable[FrameRecord],
        fragment_bodies: Mapping[str, str],
        *,
        decision: WorkflowDecision | None = None,
    ) -> int:
        """Record requests that are not recorded yet, with what their bodies are made of, and return how many were new.

        ``decision`` is what they are planned for, where they are another wave.
        """
        waves: Counter[tuple[str, int, str, str]] = Counter()

        def counted() -> Iterator[RequestRecord]:
            for request in planned:
                waves[request.batch_id, request.wave, request.provider, request.model] += 1
                yield request

        with self.engine.begin() as connection:
            n_new = _add_requests(connection, counted(), frame_records, fragment_bodies)
            if n_new:
                _add_waves(connection, waves)
                if decision is not None:
                    add_decision(connection, next(iter(waves))[0], decision)
        return n_new

    def last_wave(self, batch_id: str) -> int:
        """Return the number of the last wave that was planned for a batch, from 1; 0 when none was."""
        with self.read() as connection:
            return int(connection.scalar(sa.select(sa.func.max(requests.c.wave)).where(requests.c.batch_id == batch_id)) or 0)

    def requests(self, batch_id: str, *, only_open: bool = False, job_token: str | None = None) -> list[RequestRecord]:
        """Return a batch's requests in the order in which they were planned, perhaps only those without an outcome."""
        query = sa.select(requests).where(requests.c.batch_id == batch_id).order_by(requests.c.position)
        if job_token is not None:
            query = query.join(attempts, attempts.c.custom_id == requests.c.custom_id).where(attempts.c.job_token == job_token)
        if only_open:
            query = query.where(~HAS_ENDED)
        with self.read() as connection:
            return [RequestRecord(**row) for row in connection.execute(query).mappings()]

    def unasked(self, batch_id: str) -> Iterator[RequestRecord]:
        """Yield, in order, the requests that have neither an outcome nor a provider job that carries them now.

        Read in pieces, each in a transaction of its own: requests that are put into jobs meanwhile are not yielded again.
        """
        position = -1
        query = sa.select(requests).where(requests.c.batch_id == batch_id, ~HAS_ENDED, ~IS_BEING_ASKED)
        query = query.order_by(requests.c.position).limit(10 * CHUNK)
        while True:
            with self.read() as connection:
                rows = connection.execute(query.where(requests.c.position > position)).mappings().all()
            yield from (RequestRecord(**row) for row in rows)
            if not rows:
                return
            position = rows[-1]["position"]

    def count_unasked(self, batch_id: str) -> int:
        """Return how many of a batch's requests have neither an outcome nor a provider job that carries them now."""
        with self.read() as connection:
            return count(connection, requests, (requests.c.batch_id == batch_id) & ~HAS_ENDED & ~IS_BEING_ASKED)

    def frames(self, batch_id: str) -> dict[str, FrameRecord]:
        """Return the frames of a batch's requests by their id."""
        used = sa.select(requests.c.frame_id).where(requests.c.batch_id == batch_id)
        with self.read() as connection:
            rows = connection.execute(sa.select(frames).where(frames.c.frame_id.in_(used))).mappings()
            return {row["frame_id"]: FrameRecord(**row) for row in rows}

    def fragments(self, batch_id: str) -> dict[str, str]:
        """Return the fragments (escaped essays) of a batch's requests by their id."""
        ours = requests.c.batch_id == batch_id
        used = sa.select(requests.c.fragment_a_id).where(ours).union(sa.select(requests.c.fragment_b_id).where(ours))
        with self.read() as connection:
            query = sa.select(fragments.c.fragment_id, fragments.c.body).where(fragments.c.fragment_id.in_(used))
            return {row[0]: row[1] for row in connection.execute(query)}

    def body(self, custom_id: str) -> str:
        """Return the body of a request: the JSON that is sent."""
        a, b = fragments.alias("a"), fragments.alias("b")
        parts = sa.select(*(frames.c[name] for name in FrameRecord.__annotations__), a.c.body, b.c.body)
        query = (
            parts.select_from(requests)
            .join(frames, frames.c.frame_id == requests.c.frame_id)
            .join(a, a.c.fragment_id == requests.c.fragment_a_id)
            .join(b, b.c.fragment_id == requests.c.fragment_b_id)
            .where(requests.c.custom_id == custom_id)
        )
        with self.read() as connection:
            *frame, fragment_a, fragment_b = connection.execute(query).one()
        return FrameRecord(*frame).body(fragment_a, fragment_b)

    def begin_live(self, custom_ids: Sequence[str], *, bundle_size: int | None = None) -> None:
        """Record that live calls are about to be made, so that a crash leaves a trace of what may have been billed.

        An attempt that a dead process left open is ended as unanswered first. ``bundle_size`` is given with the first request
        of a bundle: how many requests are in it.

        Raises:
            ClosedBatchError: their batch asks for nothing more.

        """
        with self.engine.begin() as connection:
            ensure_asks(connection, _batches_of(connection, custom_ids))
            abandon_open(connection, custom_ids, now())
            begin(connection, custom_ids, None, now())
            if bundle_size is not None:
                _add_bundle(connection, custom_ids[0], bundle_size)

    def expire_open(self, batch_id: str, why: str) -> int:
        """End every request of a batch that has no outcome and is in no job: nothing more is asked; return how many.

        A call that a dead process left open ends as unanswered, at an unknown price; what was never asked costs nothing.
        """
        at, outcome = now(), failure(ErrorCode.BATCH_EXPIRED, why)
        with self.engine.begin() as connection:
            query = sa.select(requests.c.custom_id).where(requests.c.batch_id == batch_id, ~HAS_ENDED, ~IS_BEING_ASKED)
            left = list(connection.scalars(query))
            abandon_open(connection, left, at)
            begin(connection, left, None, at)
            return end(connection, [Answer(name, outcome, 0.0, None, at) for name in left], None, 1)[1]

    def replies(self, batch_id: str) -> Iterator[Reply]:
        """Yield every reply to a batch's requests as it was received, in the order of the requests and of their attempts."""
        query = (
            sa.select(replies.c.custom_id, replies.c.attempt, replies.c.received_at, replies.c.body)
            .join(requests, requests.c.custom_id == replies.c.custom_id)
            .where(requests.c.batch_id == batch_id)
            .order_by(requests.c.position, replies.c.attempt, replies.c.reply_id)
        )
        with self.read() as connection:
            for row in connection.execute(query).mappings():
                yield Reply(**row)

    def end_live(self, answers: Iterable[Answer], *, max_attempts: int) -> int:
        """Record the answers of live calls in one transaction and return how many requests they ended."""
        with self.engine.begin() as connection:
            return end(connection, answers, None, max_attempts)[1]

    def record_judgements(
        self,
        batch_id: str,
        judged: Sequence[RequestRecord],
        frame: FrameRecord,
        fragment_bodies: Mapping[str, str],
        answers: Sequence[Answer],
    ) -> int:
        """Record judgements that were made elsewhere, requests and answers in one transaction, and return how many.

        Raises:
            StaleStateError: the batch is being scored, or is completed: what it was ranked by can not change.

        """
        with self.engine.begin() as connection:
            record = find_batch(connection, batch_id)
            if record is None:
                raise UnknownBatchError(f"batch {batch_id}: is not in the ledger")
            if record.status not in (BatchStatus.PENDING, BatchStatus.AWAITING_JUDGEMENTS):
                raise StaleStateError(
                    f"batch {batch_id}: is {record.status}, and takes no more judgements (to rank with more of them, import "
                    "them all into a folder with another batch_id)"
                )
            _add_requests(connection, judged, [frame], fragment_bodies)
            begin(connection, [answer.custom_id for answer in answers], None, now())
            return end(connection, answers, None, 1)[1]

    def outcomes(self, batch_id: str) -> list[OutcomeRecord]:
        """Return how a batch's requests ended, in the order in which they were planned."""
        every = (
            sa.select(
                attempts.c.custom_id,
                sa.func.count().label("n_attempts"),
                *(sa.func.sum(sa.func.coalesce(attempts.c[name], 0)).label(name) for name in USAGE_COLUMNS),
                sa.case((sa.func.count() == sa.func.count(attempts.c.cost_usd), sa.func.sum(attempts.c.cost_usd))).label(
                    "cost_usd"
                ),
            )
            .join(requests, requests.c.custom_id == attempts.c.custom_id)
            .where(requests.c.batch_id == batch_id, ENDED)
            .group_by(attempts.c.custom_id)
            .subquery()
        )
        kept = ("outcome", "winner", "justification", "confidence", "p_a", "error_code", "error_message", "service_tier")
        query = (
            sa.select(
                requests,
                *(attempts.c[name].label(f"outcome__{name}") for name in kept),
                *(column.label(f"outcome__{column.name}") for column in every.c if column.name != "custom_id"),
                sa.func.coalesce(attempts.c.model, requests.c.model).label("outcome__model"),
                sa.func.coalesce(attempts.c.sent_at, attempts.c.ended_at, type_=attempts.c.sent_at.type).label(
                    "outcome__requested_at"
                ),
                attempts.c.ended_at.label("outcome__completed_at"),
            )
            .join(attempts, attempts.c.custom_id == requests.c.custom_id)
            .join(every, every.c.custom_id == requests.c.custom_id)
            .where(requests.c.batch_id == batch_id, FINAL)
            .order_by(requests.c.position)
        )
        with self.read() as connection:
            return [_outcome_record(row) for row in connection.execute(query).mappings()]

    def tally(self, batch_id: str, *, job_token: str | None = None) -> Tally:
        """Return how far a batch, or one of its jobs, has come.

        For a batch, the final attempts are its outcomes; for a job, every attempt that it carried counts.
        """
        counted = ENDED if job_token is not None else FINAL
        kinds = {kind: sa.func.count().filter(attempts.c.outcome == kind, counted) for kind in OutcomeKind}
        query = (
            sa.select(
                sa.func.count(sa.distinct(requests.c.custom_id)),
                *kinds.values(),
                sa.func.count(attempts.c.ended_at),
                sa.func.coalesce(sa.func.sum(attempts.c.input_tokens), 0),
                sa.func.coalesce(sa.func.sum(attempts.c.output_tokens), 0),
                sa.func.coalesce(sa.func.sum(attempts.c.cost_usd), 0.0),
                sa.func.count(attempts.c.ended_at) - sa.func.count(attempts.c.cost_usd),
            )
            .select_from(requests.outerjoin(attempts, attempts.c.custom_id == requests.c.custom_id))
            .where(requests.c.batch_id == batch_id)
        )
        if job_token is not None:
            query = query.where(attempts.c.job_token == job_token)
        with self.read() as connection:
            n, succeeded, failed, expired, ended, tokens_in, tokens_out, cost, unpriced = connection.execute(query).one()
        return Tally(n, succeeded, failed, expired, ended, tokens_in, tokens_out, None if unpriced else cost)

    def verdict_sizes(self, judge_ids: Collection[str]) -> VerdictSizes:
        """Return how large the requests and replies were that brought a verdict of one of these judges."""
        sums = (requests.c.n_bytes, attempts.c.input_tokens, attempts.c.output_tokens)
        query = (
            sa.select(sa.func.count(), *(sa.func.coalesce(sa.func.sum(column), 0) for column in sums))
            .select_from(requests.join(attempts, attempts.c.custom_id == requests.c.custom_id))
            .where(attempts.c.outcome == OutcomeKind.SUCCESS, FINAL)
        )
        found = VerdictSizes()
        with self.read() as connection:
            for chunk in batched(sorted(judge_ids), CHUNK):
                rows = connection.execute(query.where(requests.c.judge_id.in_(chunk))).one()
                found = VerdictSizes(*(a + int(b) for a, b in zip(astuple(found), rows, strict=True)))
        return found


def _add_waves(connection: Connection, sizes: Mapping[tuple[str, int, str, str], int]) -> None:
    """Record when waves were accepted, by batch, number, provider and model; one that is recorded stays as it is."""
    for (batch_id, wave, provider, model), n_requests in sizes.items():
        key = (planned_waves.c.batch_id == batch_id) & (planned_waves.c.wave == wave)
        if not count(connection, planned_waves, key):
            row = {"batch_id": batch_id, "wave": wave, "at": now(), "provider": provider, "model": model}
            connection.execute(planned_waves.insert().values(**row, n_requests=n_requests))


def _add_bundle(connection: Connection, custom_id: str, n_requests: int) -> None:
    columns = ("batch_id", "provider", "model")
    query = sa.select(*(requests.c[name] for name in columns)).where(requests.c.custom_id == custom_id)
    first = connection.execute(query).mappings().one()
    connection.execute(serial_bundles.insert().values(**first, at=now(), n_requests=n_requests))


def _batches_of(connection: Connection, custom_ids: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for chunk in batched(custom_ids, CHUNK):
        found.update(connection.scalars(sa.select(requests.c.batch_id).distinct().where(requests.c.custom_id.in_(chunk))))
    return found


def _add_requests(
    connection: Connection,
    planned: Iterable[RequestRecord],
    frame_records: Iterable[FrameRecord],
    fragment_bodies: Mapping[str, str],
) -> int:
    """Add requests and what their bodies are made of, where they are not there yet; return how many requests were new."""
    add_missing(connection, frames, "frame_id", (asdict(frame) for frame in frame_records))
    pieces = ({"fragment_id": name, "body": body} for name, body in fragment_bodies.items())
    add_missing(connection, fragments, "fragment_id", pieces)
    return add_missing(connection, requests, "custom_id", (asdict(request) for request in planned))


def _outcome_record(row: RowMapping) -> OutcomeRecord:
    request = RequestRecord(**{column.name: row[column.name] for column in requests.c})
    prefix = "outcome__"
    values = {name.removeprefix(prefix): value for name, value in row.items() if name.startswith(prefix)}
    return OutcomeRecord(request=request, **values)
