"""The durable side of the fault script: which rules are set, how often each was seen and has fired, what is hidden.

Here: the counting. Not here: the rules themselves (``faults.script``) and what a fault does (``interference``). All of
it survives a restart, within the same state folder as the jobs.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from .faults.base import Fault
from .faults.calls import AbsentFromLists, Hidden, NotFoundFor
from .faults.script import FaultScript, Rule
from .store import FAULTS_FIRED, Store
from .wire import Json


@dataclass
class _Counted:
    rule: Rule
    seen: int
    fired: int


class FaultBook:
    """The rules of one state folder; methods may be called from any thread."""

    def __init__(self, store: Store, given: FaultScript | None) -> None:
        self._store = store
        self._guard = threading.Lock()
        if given is not None and given.model_dump_json() != self._loaded():
            self._set(given, loaded=given.model_dump_json())
        rows = store.rows("SELECT * FROM fault_rules ORDER BY position")
        self._rules = [_Counted(Rule.model_validate_json(row["rule"]), row["seen"], row["fired"]) for row in rows]

    def _loaded(self) -> str | None:
        rows = self._store.rows("SELECT script FROM fault_source")
        return rows[0]["script"] if rows else None

    def _set(self, script: FaultScript, loaded: str | None = None) -> None:
        with self._store.transaction() as connection:
            connection.execute("DELETE FROM fault_rules")
            connection.executemany(
                "INSERT INTO fault_rules (position, rule) VALUES (?, ?)",
                [(position, rule.model_dump_json()) for position, rule in enumerate(script.rules)],
            )
            if loaded is not None:
                connection.execute("INSERT OR REPLACE INTO fault_source VALUES (0, ?)", (loaded,))

    def replace(self, script: FaultScript) -> None:
        """Put other rules in place of all there are; they have seen nothing yet."""
        with self._guard:
            self._set(script)
            self._rules = [_Counted(rule, 0, 0) for rule in script.rules]

    def rules(self) -> list[Json]:
        """Return the rules in order, with how many calls each has seen and how often it has fired."""
        with self._guard:
            return [
                {**counted.rule.model_dump(mode="json"), "seen": counted.seen, "fired": counted.fired}
                for counted in self._rules
            ]

    def fire(self, endpoint: str) -> tuple[Fault, ...]:
        """Count a call of an endpoint and return the faults that are due at it, in the order of the script."""
        with self._guard:
            matching = [(position, counted) for position, counted in enumerate(self._rules) if counted.rule.matches(endpoint)]
            if not matching:
                return ()
            due: list[Fault] = []
            with self._store.transaction() as connection:
                for position, counted in matching:
                    counted.seen += 1
                    if counted.rule.due(counted.seen):
                        counted.fired += 1
                        due.append(counted.rule.fault)
                        self._store.count(connection, FAULTS_FIRED, f"{endpoint} {counted.rule.fault.kind}")
                    connection.execute(
                        "UPDATE fault_rules SET seen = ?, fired = ? WHERE position = ?",
                        (counted.seen, counted.fired, position),
                    )
            return tuple(due)

    def hide(self, created_id: str, faults: Sequence[Fault], now: float) -> None:
        """Keep what was just created out of sight as the faults of its creation ask for."""
        hidden = [fault for fault in faults if isinstance(fault, Hidden)]
        if not hidden:
            return
        listed = max((now + fault.seconds for fault in hidden if isinstance(fault, AbsentFromLists)), default=0.0)
        found = max((now + fault.seconds for fault in hidden if isinstance(fault, NotFoundFor)), default=0.0)
        with self._store.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO hidden VALUES (?, ?, ?)", (created_id, listed, found))

    def found(self, object_id: str, now: float) -> bool:
        """Return whether a job or file may be found by its id."""
        if not object_id.isascii():
            return True
        return not self._store.rows("SELECT 1 FROM hidden WHERE id = ? AND found_at > ?", (object_id, now))
