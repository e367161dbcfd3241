"""Rows: live calls, one for each request."""

from typing import Any

from huleedu_pipeline.judging.spec import Provider as ProviderName
from tests.providers.conformance.cases import ANTHROPIC, BOTH, LIVE, OPENAI, Case, Right, Rule, at
from tests.providers.conformance.people import nobody_there, reopens_the_lane
from tests.providers.kit import N_PAIRS

EACH_ONCE = {"ask": N_PAIRS, "create": 0}
ONE_MORE = {"ask": N_PAIRS + 1, "create": 0}


def live(
    name: str,
    numbers: str,
    fault: str,
    outcome: str,
    rule: Rule | None,
    right: Right,
    providers: tuple[ProviderName, ...] = BOTH,
    **more: Any,
) -> Case:
    """Return a row in the mode of live calls."""
    return Case(f"live_{name}", numbers, fault, outcome, (rule,) if rule else (), right, providers, LIVE, **more)


CASES = (
    live(
        "429_storm",
        "35, 99",
        "Three calls in a row are refused for their rate, with calls running side by side.",
        "They are made again after a pause that grows; every request is answered and billed once.",
        at("ask", "rate_limit", nth=3, count=3),
        Right(calls={"ask": N_PAIRS + 3}),
        settings={"live_concurrency": 4},
    ),
    live(
        "429_retry_after",
        "34, 99",
        "A call is refused for its rate with a Retry-After within our patience.",
        "All calls wait that long, and then go on.",
        at("ask", "rate_limit", nth=4, retry_after=0.3),
        Right(calls=ONE_MORE),
    ),
    live(
        "429_long_retry_after",
        "34",
        "A call is refused with a Retry-After of ten minutes.",
        "The run ends and says until when it waits; what was answered is kept; nothing is sent until then.",
        at("ask", "rate_limit", nth=4, retry_after=600),
        Right(attempts=N_PAIRS + 1, errors={"not_run": 1}, told=("nothing is sent before .* 429",), calls=ONE_MORE),
        person=reopens_the_lane,
    ),
    live(
        "503",
        "57, 99",
        "A call answers 503: the server failed before a model worked.",
        "It is made again, and billed once.",
        at("ask", "error", nth=2, status=503),
        Right(calls=ONE_MORE),
    ),
    live(
        "529",
        "37",
        "Two calls answer 529, overloaded.",
        "They are made again, and billed once.",
        at("ask", "error", nth=2, count=2, status=529),
        Right(calls={"ask": N_PAIRS + 2}),
        ANTHROPIC,
    ),
    live(
        "outage",
        "57",
        "The server fails at six calls in a row.",
        "The breaker opens and one probe closes it; the run may end, nothing is marked failed, and the next goes on.",
        at("ask", "error", nth=3, count=6, status=500),
        Right(
            attempts=N_PAIRS + 1,
            errors={"not_run": 1},
            told=("AmbiguousError: asking for a verdict: .* 500",),
            calls={"ask": N_PAIRS + 6},
        ),
    ),
    live(
        "502_after_the_answer",
        "99",
        "The model has answered and a gateway says 502.",
        "It may have been billed, and was: the call is not made again, the request has no answer, its price is unknown.",
        at("ask", "error", nth=2, status=502, acts=True),
        Right(succeeded=N_PAIRS - 1, failed=1, unpriced=1, errors={"no_answer": 1}, calls=EACH_ONCE),
    ),
    live(
        "time_out",
        "99",
        "The model answers after our time-out.",
        "It may have been billed, and was: the call is not made again, the request has no answer, its price is unknown.",
        at("ask", "hang", nth=2, seconds=0.5, acts="first"),
        Right(succeeded=N_PAIRS - 1, failed=1, unpriced=1, errors={"no_answer": 1}, calls=EACH_ONCE),
        settings={"read_timeout_seconds": 0.25},
    ),
    live(
        "answer_lost",
        "99",
        "The model has answered and the connection closes.",
        "It may have been billed, and was: the call is not made again, the request has no answer, its price is unknown.",
        at("ask", "lose_answer", nth=2),
        Right(succeeded=N_PAIRS - 1, failed=1, unpriced=1, errors={"no_answer": 1}, calls=EACH_ONCE),
    ),
    live(
        "dropped",
        "99",
        "The connection closes after the call was sent, before a model worked.",
        "It may have been billed, though it was not: the call is not made again, and its price is unknown.",
        at("ask", "drop", nth=2),
        Right(succeeded=N_PAIRS - 1, failed=1, unpriced=1, billed=N_PAIRS - 1, errors={"no_answer": 1}, calls=EACH_ONCE),
    ),
    live(
        "connection_refused",
        "57",
        "Nobody listens at the provider's address.",
        "Nothing can have been billed: tried again, then left open; the next run asks each request once.",
        None,
        Right(
            attempts=N_PAIRS + 1,
            errors={"not_run": 1},
            told=("AmbiguousError: .* can not be reached",),
            calls=EACH_ONCE,
        ),
        OPENAI,
        patches={"advance.open_provider": nobody_there(1)},
    ),
    live(
        "spend_limit",
        "36",
        "The account may spend no more (insufficient_quota, enforced_spend_limit_reached).",
        "The lane is closed at once without a failure to any request; it goes on when a person has paid.",
        at("ask", "spend_limit", nth=5),
        Right(
            attempts=N_PAIRS + 1,
            errors={"not_run": 1},
            told=("RejectedError: .* 429", "nothing is sent before"),
            calls=ONE_MORE,
        ),
        person=reopens_the_lane,
    ),
    live(
        "401",
        "38",
        "The key is revoked in the middle of the run.",
        "The lane is closed at once without a failure to any request; it goes on when the key is replaced.",
        at("ask", "refuse_key", nth=5),
        Right(
            attempts=N_PAIRS + 1,
            errors={"not_run": 1},
            told=("RejectedError: .* 401", "nothing is sent before"),
            calls=ONE_MORE,
        ),
        person=reopens_the_lane,
    ),
    live(
        "400",
        "83, 99",
        "One call is refused as wrong (400).",
        "That request fails, which costs no other its answer.",
        at("ask", "error", nth=5, status=400),
        Right(succeeded=N_PAIRS - 1, failed=1, billed=N_PAIRS - 1, errors={"provider_rejected": 1}, calls=EACH_ONCE),
    ),
    live(
        "html",
        "40, 99",
        "The answer is a proxy's page with status 200.",
        "It is kept as it came, its price is unknown, and the request is asked again within the cap.",
        at("ask", "html", nth=2),
        Right(attempts=N_PAIRS + 1, unpriced=1, billed=N_PAIRS + 1, errors={"unreadable_reply": 1}, calls=ONE_MORE),
    ),
    live(
        "truncated_json",
        "40, 2.4",
        "The answer is JSON that breaks off, with status 200.",
        "Nothing is repaired: its price is unknown, and the request is asked again within the cap.",
        at("ask", "truncated_json", nth=2),
        Right(attempts=N_PAIRS + 1, unpriced=1, billed=N_PAIRS + 1, errors={"unreadable_reply": 1}, calls=ONE_MORE),
        ANTHROPIC,
    ),
    live(
        "refusal",
        "87",
        "The model refuses to judge.",
        "A failure of its own kind, paid for and not asked again.",
        at("ask", "refusal", nth=2),
        Right(succeeded=N_PAIRS - 1, failed=1, errors={"refusal": 1}, calls=EACH_ONCE),
    ),
    live(
        "winner_c",
        "91",
        'The winner is "Essay C".',
        "The reply is paid for, nothing is guessed from it, and the request is asked again.",
        at("ask", "winner_text", nth=2, text="Essay C"),
        Right(attempts=N_PAIRS + 1, billed=N_PAIRS + 1, errors={"invalid_verdict": 1}, calls=ONE_MORE),
    ),
)
