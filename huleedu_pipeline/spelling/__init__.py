"""Spell check of pupils' essays in English and Swedish: corrections by place, which can be taken back.

``check_texts`` is the way in. Pure: no files of a batch, no tables. Not here: which essays are checked, and which text a
judge sees.
"""

from huleedu_pipeline.spelling.check import check_texts
from huleedu_pipeline.spelling.corrections import Correction, Rule, SpellCheck
from huleedu_pipeline.spelling.dictionaries import Variety

__all__ = ["Correction", "Rule", "SpellCheck", "Variety", "check_texts"]
