"""Whether a justification plainly says that the other essay is better than the one its verdict names.

A flag for a reader, never a failure: the winner field counts. It is raised on plain words only, because a false alarm is
worse than a silent one. The rule, for a verdict for X with the other essay Y:

1. Some sentence claims that Y is better as a whole: "Y is (clearly) better", "the winner is Y", "Y wins", "I prefer Y", or
   "X is weaker than Y". The claim must begin the sentence, or follow "so", "but overall" or an "although" clause, and it
   may be followed by a comparison ("than X"), a reason ("because ...") or nothing. So "Y is better organised", "Y is
   stronger in its vocabulary", "In grammar, Y is better" and "Although Y is better, ..." are no such claims.
2. Nothing comes after the claim that takes it back: no "but", "however" or the like.
3. No sentence says anything of the kind about X, however limited: "X has the better ending" is enough to stay silent.

Not here: whether a justification is true.
"""

import re

from huleedu_pipeline.judging.verdict import Label

_DEGREE = (
    r"(?:(?:clearly|plainly|obviously|definitely|undoubtedly|decidedly|overall|slightly|somewhat|marginally|far|by far|much|"
    r"considerably|significantly|substantially|simply|still|just|a bit|a little|therefore|thus|the|a|an) )*"
)
_BETTER = r"(?:better|stronger|superior|best|strongest)"
_WORSE = r"(?:worse|weaker|inferior|worst|weakest)"
_TEXT = r"(?: (?:essay|text|one|piece|response|answer|paper))?"
_WHOLE = r"(?: (?:overall|as a whole|by far|on the whole|in general|of the two(?: essays| texts)?|of the pair))*"
# What may stand between the start of a sentence and a claim about the whole.
_TOTAL = r"(?:overall|ultimately|on balance|all in all|taken together|as a whole|on the whole|in sum|in short|in conclusion)"
_LEAD = (
    rf"(?:(?:{_TOTAL}|therefore|thus|hence|so|clearly|consequently|it is clear that|i (?:think|believe|find|judge)(?: that)?)"
    r",? )*"
)
_CONCESSION = r"(?:(?:although|though|even though|despite) [^,.;!?]*, )?"
_START = rf"(?:(?:^|[.!][\"'”’)]? ){_LEAD}{_CONCESSION}|,? so |,? but {_TOTAL},? ){_LEAD}"
_END = (
    r"(?= ?(?:$|[.!;])|,? (?:because|since|due to|thanks to|owing to|despite|even though|although(?! only| mainly| mostly)|"
    r"as (?:it|its|the (?:writer|author|pupil|student)))\b)"
)
_RETRACTION = re.compile(
    r"\b(?:but|however|yet|nevertheless|nonetheless|even so|that said|on the other hand|if|unless|only)\b", re.IGNORECASE
)
_FAVOUR = (
    r"\b(?:better|stronger|superior|best|strongest|win(?:s|ner|ning)?|won|ahead|edges?|prefer\w*|choose|chose|higher|"
    r"outweighs?|outperforms?|surpass\w*|deserves?|convincing|clearer|richer|greater|closer|fuller|deeper|wider|sharper|"
    r"excels?|prevails?|favou?r\w*|decisive|"
    r"more(?! (?:errors|mistakes|spelling|grammatical|limited|superficial|repetitive)))\b"
)


def contradicts(winner: Label, justification: str) -> bool:
    """Return whether ``justification`` plainly says that the other essay is better than ``winner``; see the rule above."""
    other: Label = "Essay B" if winner == "Essay A" else "Essay A"
    text = " ".join(justification.split())
    claim = _claim(other, winner).search(text)
    if claim is None or _RETRACTION.search(text, claim.end()):
        return False
    return not _speaks_for(winner, other, text)


def _name(label: Label) -> str:
    # A bare letter counts in upper case and before a verb or an end alone: "A" is also an article.
    letter = rf"(?-i:{label[-1]})"
    follows = r"(?= (?:is|was|remains|comes|stands|clearly|wins|should|deserves|than|because)\b|[.,;!]|$)"
    return rf"(?:(?:essay|text) {letter}\b|\b{letter}{follows})"


def _claim(better: Label, worse: Label) -> re.Pattern[str]:
    y, x = _name(better), _name(worse)
    is_ = r"(?:is|was|remains|comes out as|stands out as)"
    than_x = rf"(?: (?:than|to) (?:the )?{x})?"
    than_y = rf"(?: (?:than|to) (?:the )?{y})?"
    forms = (
        rf"{y} {is_} {_DEGREE}{_BETTER}{_TEXT}{_WHOLE}{than_x}{_WHOLE}",
        rf"{y} {is_} (?:clearly )?(?:the )?(?:overall )?winner{_WHOLE}",
        rf"{y} (?:clearly )?(?:wins|should win|deserves to win){_WHOLE}",
        rf"(?:the )?(?:overall )?(?:{_BETTER}{_TEXT}{_WHOLE}|winner) is {_DEGREE}{y}",
        rf"i (?:clearly )?(?:choose|chose|prefer|pick|select) {y}{_WHOLE}",
        rf"{x} {is_} {_DEGREE}{_WORSE}{_TEXT}{_WHOLE}{than_y}{_WHOLE}",
    )
    return re.compile(rf"{_START}(?:{'|'.join(forms)}){_END}", re.IGNORECASE)


def _speaks_for(label: Label, other: Label, text: str) -> bool:
    """Return whether any sentence may favour ``label`` in any respect; a mention after "than" favours the one before it."""
    mine, others = rf"(?:\bessay |\btext )?(?-i:\b{label[-1]}\b)", rf"(?-i:\b{other[-1]}\b)"
    compared = re.sub(rf"\b(?:than|to) (?:the )?(?:essay |text )?(?-i:{label[-1]})\b", "", text, flags=re.IGNORECASE)
    for sentence in re.split(r"[.!?;]", compared):
        after = rf"{mine}(?:(?!{others}).)*{_FAVOUR}"
        before = rf"{_FAVOUR}(?: (?:essay|text|one|by far|overall|here|of the two))* (?:is|was|for|goes to) (?:clearly )?{mine}"
        chosen = rf"\b(?:prefer|choose|chose|pick|select|favou?r|makes?|making) {mine}"
        if any(re.search(pattern, sentence, re.IGNORECASE) for pattern in (after, before, chosen)):
            return True
    return False
