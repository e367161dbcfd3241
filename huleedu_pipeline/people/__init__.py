"""People: the pupils of a class, which essay is whose, and their names taken out of what they write.

Not here: reading class lists (:mod:`huleedu_pipeline.essays.class_list`), what is done about a match that is not sure.
"""

from huleedu_pipeline.people.matching import Clues, Decision, MatchStatus, StudentMatch, match_essays
from huleedu_pipeline.people.pupils import Pupil, Roster
from huleedu_pipeline.people.redaction import PLACEHOLDER, NameFinder

__all__ = [
    "PLACEHOLDER",
    "Clues",
    "Decision",
    "MatchStatus",
    "NameFinder",
    "Pupil",
    "Roster",
    "StudentMatch",
    "match_essays",
]
