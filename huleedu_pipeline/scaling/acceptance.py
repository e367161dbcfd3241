"""Bounds outside of which a scaled batch is to be looked at before it is believed, each with its reason. Pure.

They warn, and nothing follows from them by itself. Not here: the figures (:mod:`.reliability`, :mod:`.bradley_terry`).
"""

# At half a logit the first of two equally good essays wins 62 times of 100, and a comparison of equals still carries 94 % of
# the information that it has without the effect: p(1 - p) is .235 instead of .25. Up to there the model takes the effect out
# at hardly any loss. Beyond it, the judge looks at the place rather than at the texts.
MAX_POSITION_EFFECT = 0.5
POSITION_ALPHA = 0.05
# The squared correlation of the locations with the truth. Below .7, three tenths of what looks like differences between essays
# are chance; docs/reliability.md says what is usual above it.
RELIABILITY_FLOOR = 0.7


def position_effect_problem(effect: float, p_value: float) -> str | None:
    """Return what is wrong with a judge's favour for the first place, or ``None``.

    Args:
        effect: The position effect delta, in logits.
        p_value: Of the likelihood-ratio test against no effect; a large estimate that chance explains is no finding.

    """
    if abs(effect) <= MAX_POSITION_EFFECT or p_value >= POSITION_ALPHA:
        return None
    place = "first" if effect > 0 else "second"
    return (
        f"the judge favours the essay shown {place} by {abs(effect):.2f} logits (p {p_value:.2g}), more than "
        f"{MAX_POSITION_EFFECT}: the ranking allows for it, but such a judge looks at places as well as at texts (compare with "
        "another judge or prompt)"
    )


def reliability_problem(marginal: float, of_noise: float, target: float | None = None) -> str | None:
    """Return why a ranking is too unreliable to be believed, or ``None``.

    Args:
        marginal: Marginal reliability.
        of_noise: What it reads at most, 39 times of 40, when the same pairs are judged by tosses of a coin.
        target: What the batch itself asked for, in place of :data:`RELIABILITY_FLOOR`.

    """
    if marginal <= of_noise:
        return (
            f"reliability {marginal:.2f} is no more than tosses of a coin reach ({of_noise:.2f}): nothing shows that the order "
            "is real (ask for more comparisons, or another judge)"
        )
    floor = RELIABILITY_FLOOR if target is None else target
    if marginal < floor:
        named = "the floor" if target is None else "target_reliability"
        return f"reliability {marginal:.2f} is below {named} of {floor:.2f} (huleedu plan tells how many comparisons reach it)"
    return None
