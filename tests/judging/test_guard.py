"""The success guard, to the request."""

import pytest

from huleedu_pipeline.judging.guard import why_failed


@pytest.mark.parametrize(
    ("n_succeeded", "n_requests", "fails"),
    [
        (80, 100, False),
        (79, 100, True),
        (100, 100, False),
        (0, 100, True),
        (0, 0, True),
        (1, 1, False),
        (4, 5, False),
        (3, 4, True),
    ],
)
def test_four_fifths_of_the_requests_need_a_verdict(n_succeeded: int, n_requests: int, fails: bool) -> None:
    assert (why_failed(n_succeeded, n_requests) is not None) is fails


def test_the_reason_names_the_numbers() -> None:
    assert why_failed(79, 100) == "79 of 100 requests have a verdict (79.0 %), and 80% are needed"
    assert why_failed(0, 28) == "none of 28 requests has a verdict"
