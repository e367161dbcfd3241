"""The Dagster graph: one module for each group of assets, with their checks beside them.

An asset here is thin: it reads, calls the domain, writes its one table and says what it did. Groups, in reading order:
corpus, pairing, judging, ranking, publishing. Only ``provider_jobs`` talks to a provider; everything downstream of it can
be materialised again for nothing.
"""

from assets import corpus, judging, pairing, publishing, ranking

GROUPS = {"corpus": corpus, "pairing": pairing, "judging": judging, "ranking": ranking, "publishing": publishing}

__all__ = ["GROUPS"]
