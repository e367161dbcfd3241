"""The success guard: a batch of which too little was answered is no ranking, whatever else is true of it.

Pure. Not here: when a batch is at its end.
"""

MIN_SUCCESS_RATE = 0.8


def why_failed(n_succeeded: int, n_requests: int) -> str | None:
    """Return why a batch must not be ranked by its verdicts, or ``None`` when it may.

    Args:
        n_succeeded: Requests that ended with a verdict.
        n_requests: Requests that were asked, or should have been.

    """
    if n_succeeded == 0:
        return f"none of {n_requests} requests has a verdict"
    # In whole numbers: 0.8 is no binary fraction, and 80 of 100 must score.
    if 100 * n_succeeded < round(100 * MIN_SUCCESS_RATE) * n_requests:
        share = 100 * n_succeeded / n_requests
        return f"{n_succeeded} of {n_requests} requests have a verdict ({share:.1f} %), and {MIN_SUCCESS_RATE:.0%} are needed"
    return None
