"""Structured logs: what happens to batches, as JSON lines in ``HULEEDU_HOME/logs``.

:mod:`.events` declares every event and every field it may have; :mod:`.writing` writes lines, :mod:`.files` says into which
file, :mod:`.reading` reads them back. Not here: where things happen; that is where an event is told.
"""

from huleedu_pipeline.logs.writing import begin, bound, lead_to

__all__ = ["begin", "bound", "lead_to"]
