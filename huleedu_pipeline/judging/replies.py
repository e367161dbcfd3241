"""How long a judge's reply is, before anybody has seen one: derived from the verdict's own form and the words it may have.

Pure. An expectation, for plans; the gates on money reckon with the longest reply that is allowed. What a model thinks before it
answers is billed as part of its reply and is not in here, because nothing but its replies can tell. Not here: what was
measured on them (:mod:`huleedu_pipeline.eng5.reply_size`).
"""

import json

from huleedu_pipeline.judging.templates import ReasonLength

# English and Swedish prose in JSON, as tokenisers count it on average; the gates on money reckon with more.
BYTES_PER_TOKEN = 4.0
# The most words that templates allow a reason (a test holds the two together), and how much of that is expected: the middle.
# Recorded replies of an earlier judge, allowed 50 words, were of 35 and 54 tokens; this rule says 52.
REASON_WORDS: dict[ReasonLength, int] = {"short": 30, "long": 60}
SHARE_OF_WORDS = 0.5
BYTES_PER_WORD = 6.0


def expected_reply_tokens(reason_length: ReasonLength) -> int:
    """Return the expected length in tokens of a verdict with a reason of that length, without what was thought before."""
    form = json.dumps({"justification": "", "winner": "Essay A", "confidence": 3.5})
    reason = SHARE_OF_WORDS * REASON_WORDS[reason_length] * BYTES_PER_WORD
    return round((len(form) + reason) / BYTES_PER_TOKEN)
