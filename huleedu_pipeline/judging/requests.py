"""Requests: a pair put to a judge, with the identities that hold from grade to prompt to raw reply."""

from huleedu_pipeline.canonical import short_hash


def custom_id(batch_id: str, pair_id: str, judge_id: str) -> str:
    """Return the stable name of a request: at most 64 characters of ``[A-Za-z0-9_-]``, as both providers take it.

    The first part is the same for all requests of a batch, so that a foreign job is recognised by its lines.
    """
    return f"cj1_{short_hash(batch_id, 8)}_{short_hash([batch_id, pair_id, judge_id], 32)}"
