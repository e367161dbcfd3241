"""The Dagster graph: a module or two for each group of assets, with their checks beside them.

An asset here is thin: it reads, calls the domain, writes its one table and says what it did; one step writes several tables
where they come out of one computation. Groups, in reading order: corpus, pairing, judging, ranking, grading, publishing.
Only ``provider_jobs`` talks to a provider; everything downstream of it can be materialised again for nothing.
"""

from types import ModuleType

from assets import checks, corpus, grading, judging, pairing, publishing, ranking, spelling

GROUPS: dict[str, tuple[ModuleType, ...]] = {
    "corpus": (corpus, spelling),
    "pairing": (pairing,),
    "judging": (judging,),
    "ranking": (ranking,),
    "grading": (grading,),
    "publishing": (publishing,),
}

__all__ = ["GROUPS", "checks"]
