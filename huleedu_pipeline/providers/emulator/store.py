"""The durable memory of the emulator: one SQLite database, written by one process.

Here: the tables and every statement on them. Not here: what the rows mean over time (``clock`` and the job modules)
and file contents (``folder``). Every public method is one transaction, complete when it returns, and may be called
from any thread.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict

from filelock import FileLock, Timeout

from .config import WRITER_LOCK
from .errors import EmulatorError
from .folder import StateFolder
from .records import Bill, Job, Settlement, StoredFile
from .wire import Json, Provider

WRITER_WAIT_SECONDS = 10.0
BUSY_WAIT_SECONDS = 10.0

_TABLES = """
CREATE TABLE IF NOT EXISTS files (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, filename TEXT NOT NULL, purpose TEXT NOT NULL,
    n_bytes INTEGER NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER
);
CREATE TABLE IF NOT EXISTS jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, provider TEXT NOT NULL, created_at REAL NOT NULL,
    seconds REAL NOT NULL, n_requests INTEGER NOT NULL, spec TEXT NOT NULL, model TEXT,
    validated INTEGER NOT NULL DEFAULT 0, problems TEXT NOT NULL DEFAULT '[]', cancel_at REAL, settlement TEXT,
    deleted INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS hidden (
    id TEXT PRIMARY KEY, listed_at REAL NOT NULL DEFAULT 0, found_at REAL NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS fault_rules (
    position INTEGER PRIMARY KEY, rule TEXT NOT NULL, seen INTEGER NOT NULL DEFAULT 0, fired INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS fault_source (
    only INTEGER PRIMARY KEY CHECK (only = 0), script TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS counters (
    kind TEXT NOT NULL, name TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (kind, name)
);
"""

_ALIVE = "(expires_at IS NULL OR expires_at > ?)"

# Kinds of counters: calls by endpoint, batch creations that an SDK marked as a repeat, verdicts given.
_CALLS, _CREATE_RETRIES, _JUDGED = "calls", "batch_create_retries", "requests_judged"
FAULTS_FIRED = "faults"


def _file(row: sqlite3.Row) -> StoredFile:
    return StoredFile(row["id"], row["filename"], row["purpose"], row["n_bytes"], row["created_at"], row["expires_at"])


def _job(row: sqlite3.Row) -> Job:
    return Job(
        id=row["id"],
        provider=row["provider"],
        created_at=row["created_at"],
        seconds=row["seconds"],
        n_requests=row["n_requests"],
        spec=json.loads(row["spec"]),
        model=row["model"],
        validated=bool(row["validated"]),
        problems=json.loads(row["problems"]),
        cancel_at=row["cancel_at"],
        settlement=None if row["settlement"] is None else Settlement(**json.loads(row["settlement"])),
    )


class Store:
    """The database of one state folder. Raises EmulatorError when another process is writing to it."""

    def __init__(self, folder: StateFolder) -> None:
        self.folder = folder
        self._writer = FileLock(folder.root / WRITER_LOCK, thread_local=False)
        try:
            self._writer.acquire(timeout=WRITER_WAIT_SECONDS)
        except Timeout as problem:
            raise EmulatorError(f"state folder {folder.root}: another emulator is writing to it") from problem
        self._guard = threading.RLock()
        self._connection = sqlite3.connect(
            folder.database, timeout=BUSY_WAIT_SECONDS, isolation_level=None, check_same_thread=False
        )
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        # A commit in the log survives the death of this process; only a power cut could undo it.
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(_TABLES)
        self._sweep()

    def close(self) -> None:
        """Close the database and let another process write."""
        with self._guard:
            self._connection.close()
        self._writer.release()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for one transaction, committed unless an exception leaves it."""
        with self._guard:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def rows(self, statement: str, values: Sequence[object] = ()) -> list[sqlite3.Row]:
        """Return the rows that a statement selects."""
        with self._guard:
            return self._connection.execute(statement, values).fetchall()

    def _sweep(self) -> None:
        files = {row["id"] for row in self.rows("SELECT id FROM files")}
        files |= {row["id"] for row in self.rows("SELECT id FROM jobs WHERE provider = 'anthropic' AND deleted = 0")}
        jobs = {row["id"] for row in self.rows("SELECT id FROM jobs WHERE settlement IS NULL AND deleted = 0")}
        self.folder.sweep(files, jobs)

    # Files

    def add_file(self, record: StoredFile) -> None:
        """Record a file whose content is already in place."""
        with self.transaction() as connection:
            self._insert_file(connection, record)

    @staticmethod
    def _insert_file(connection: sqlite3.Connection, record: StoredFile) -> None:
        connection.execute(
            "INSERT INTO files (id, filename, purpose, n_bytes, created_at, expires_at)"
            " VALUES (:id, :filename, :purpose, :n_bytes, :created_at, :expires_at)",
            asdict(record),
        )

    def file(self, file_id: str, now: float) -> StoredFile | None:
        """Return the file of this id, or None when there is none or its life is over."""
        if not file_id.isascii():  # ids of ours are ASCII, and a lone surrogate could not even be asked for
            return None
        rows = self.rows(f"SELECT * FROM files WHERE id = ? AND {_ALIVE}", (file_id, now))  # noqa: S608 (ours)
        return _file(rows[0]) if rows else None

    def share_file(self, file_id: str, job_id: str, now: float) -> bool:
        """Give a job its own hold on a file's content, which then outlives the file; False when there is none."""
        with self._guard:  # so that the file is not deleted between the two steps
            if self.file(file_id, now) is None:
                return False
            self.folder.share_as_job_input(file_id, job_id)
            return True

    def delete_file(self, file_id: str) -> bool:
        """Forget a file and its content; False when there was none."""
        with self._guard:
            with self.transaction() as connection:
                deleted = connection.execute("DELETE FROM files WHERE id = ?", (file_id,)).rowcount > 0
            if deleted:  # only an id of ours may become a path
                self.folder.file(file_id).unlink(missing_ok=True)
        return deleted

    def files(
        self, now: float, *, purpose: str | None, after: str | None, limit: int, newest_first: bool
    ) -> tuple[list[StoredFile], bool]:
        """Return up to ``limit`` listed files in order of creation beyond the file ``after``, and whether more follow.

        Raises KeyError when ``after`` is unknown.
        """
        filters = [(_ALIVE, now)] + ([] if purpose is None else [("purpose = ?", purpose)])
        rows = self._page("files", now, after, limit, newest_first, filters)
        return [_file(row) for row in rows[:limit]], len(rows) > limit

    def _page(
        self, table: str, now: float, after: str | None, limit: int, newest_first: bool, filters: Sequence[tuple[str, object]]
    ) -> list[sqlite3.Row]:
        conditions = ["id NOT IN (SELECT id FROM hidden WHERE listed_at > ?)", *(condition for condition, _ in filters)]
        values = [now, *(value for _, value in filters)]
        if after is not None:
            cursor = self.rows(f"SELECT seq FROM {table} WHERE id = ?", (after,))  # noqa: S608 (names are ours)
            if not cursor:
                raise KeyError(after)
            conditions.append("seq < ?" if newest_first else "seq > ?")
            values.append(cursor[0]["seq"])
        statement = (
            f"SELECT * FROM {table} WHERE {' AND '.join(conditions)}"  # noqa: S608 (names are ours)
            f" ORDER BY seq {'DESC' if newest_first else 'ASC'} LIMIT ?"
        )
        return self.rows(statement, (*values, limit + 1))

    # Jobs

    def add_job(self, job: Job) -> None:
        """Record a new job whose input, if it has one, is already in place."""
        with self.transaction() as connection:
            connection.execute(
                "INSERT INTO jobs (id, provider, created_at, seconds, n_requests, spec) VALUES (?, ?, ?, ?, ?, ?)",
                (job.id, job.provider, job.created_at, job.seconds, job.n_requests, json.dumps(job.spec)),
            )

    def job(self, provider: Provider, job_id: str) -> Job | None:
        """Return the provider's job of this id, or None when there is none or it was deleted."""
        rows = self.rows("SELECT * FROM jobs WHERE id = ? AND provider = ? AND deleted = 0", (job_id, provider))
        return _job(rows[0]) if rows else None

    def jobs(
        self, provider: Provider, now: float, *, after: str | None, limit: int, newest_first: bool = True
    ) -> tuple[list[Job], bool]:
        """Return up to ``limit`` listed jobs in order of creation beyond the job ``after``, and whether more follow.

        Raises KeyError when ``after`` is unknown.
        """
        filters = [("provider = ?", provider), ("deleted = ?", 0)]
        rows = self._page("jobs", now, after, limit, newest_first, filters)
        return [_job(row) for row in rows[:limit]], len(rows) > limit

    def record_validation(self, job_id: str, model: str | None, problems: list[Json]) -> None:
        """Record the outcome of a job's validation."""
        with self.transaction() as connection:
            connection.execute(
                "UPDATE jobs SET validated = 1, model = ?, problems = ? WHERE id = ?",
                (model, json.dumps(problems), job_id),
            )

    def record_cancel(self, job_id: str, at: float) -> None:
        """Record the first cancellation of a job; later ones change nothing."""
        with self.transaction() as connection:
            connection.execute("UPDATE jobs SET cancel_at = ? WHERE id = ? AND cancel_at IS NULL", (at, job_id))

    def record_settlement(
        self,
        job: Job,
        settlement: Settlement,
        files: Sequence[StoredFile] = (),
        counts: Iterable[tuple[str, str, int]] = (),
    ) -> None:
        """Record how a job ended, its files, its bill and further counts, and drop its input; a second time changes nothing."""
        with self.transaction() as connection:
            changed = connection.execute(
                "UPDATE jobs SET settlement = ? WHERE id = ? AND settlement IS NULL",
                (json.dumps(asdict(settlement)), job.id),
            ).rowcount
            if changed:
                for record in files:
                    self._insert_file(connection, record)
                self.count(connection, _JUDGED, "all", settlement.judged)
                self._count_bill(connection, job.provider, settlement.bill)
                for kind, name, n in counts:
                    self.count(connection, kind, name, n)
        self.folder.job_input(job.id).unlink(missing_ok=True)

    def delete_job(self, job_id: str) -> None:
        """Hide a job from its provider's callers and remove its results; the ledger keeps it."""
        with self.transaction() as connection:
            connection.execute("UPDATE jobs SET deleted = 1 WHERE id = ?", (job_id,))
        self.folder.file(job_id).unlink(missing_ok=True)

    # Counters

    @staticmethod
    def count(connection: sqlite3.Connection, kind: str, name: str, n: int = 1) -> int:
        """Add to a counter and return what it is then."""
        row = connection.execute(
            "INSERT INTO counters VALUES (?, ?, ?) ON CONFLICT (kind, name) DO UPDATE SET n = n + excluded.n RETURNING n",
            (kind, name, n),
        ).fetchone()
        return int(row["n"])

    def counted(self, kind: str, name: str) -> int:
        """Return one counter."""
        rows = self.rows("SELECT n FROM counters WHERE kind = ? AND name = ?", (kind, name))
        return int(rows[0]["n"]) if rows else 0

    def count_call(self, endpoint: str, *, repeated_create_of: Provider | None = None) -> None:
        """Count a call of an endpoint, and whether it is a batch creation that the SDK marked as a repeat."""
        with self.transaction() as connection:
            self.count(connection, _CALLS, endpoint)
            if repeated_create_of is not None:
                self.count(connection, _CREATE_RETRIES, repeated_create_of)

    def count_live(self, provider: Provider, bill: Bill, *, is_verdict: bool) -> None:
        """Count one live answer: what it costs, and whether it was a verdict."""
        with self.transaction() as connection:
            self.count(connection, _JUDGED, "all", int(is_verdict))
            self._count_bill(connection, provider, bill)
            self._count_bill(connection, f"{provider} live", bill)

    def _count_bill(self, connection: sqlite3.Connection, account: str, bill: Bill) -> None:
        for name, n in asdict(bill).items():
            self.count(connection, f"billed {account}", name, n)

    def billed(self, account: str) -> Bill:
        """Return all that was billed to an account: a provider, or a provider and " live"."""
        return Bill(**self.counters(f"billed {account}"))

    def counters(self, kind: str) -> dict[str, int]:
        """Return the counters of a kind: ``calls``, ``batch_create_retries``, ``requests_judged`` or ``faults``."""
        return {row["name"]: row["n"] for row in self.rows("SELECT * FROM counters WHERE kind = ?", (kind,))}

    def all_jobs(self) -> list[Job]:
        """Return every job ever created, oldest first, deleted ones too."""
        return [_job(row) for row in self.rows("SELECT * FROM jobs ORDER BY seq")]
