"""One lock per job, so that two callers who look at the same job do not both do its work.

Not here: the protection of the database, which the store sees to itself.
"""

from __future__ import annotations

import threading
from collections import defaultdict


class JobLocks:
    """Hands out the lock of a job; the same id always gives the same lock."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def of(self, job_id: str) -> threading.Lock:
        """Return the lock of a job."""
        with self._guard:
            return self._locks[job_id]
