"""Rows: what stands in the lines of result files, and what the model says in its replies."""

from datetime import timedelta
from typing import Any

from huleedu_pipeline.judging.spec import Provider as ProviderName
from tests.providers.conformance.cases import ANTHROPIC, BOTH, OPENAI, Case, Right, at
from tests.providers.conformance.people import reopens_the_lane
from tests.providers.kit import N_PAIRS

SHORT = r"IncompleteResultsError: .* has 12 results and the download holds \d+; nothing was recorded"


def again(n: int, code: str, *, unpriced: int = 0, billed: int = N_PAIRS, **more: Any) -> Right:
    """Return the outcome that ``n`` requests without a verdict are asked again in a second job."""
    return Right(attempts=N_PAIRS + n, jobs=2, billed=billed, unpriced=unpriced, errors={code: n}, **more)


def final(n: int, code: str, *, billed: int = N_PAIRS) -> Right:
    """Return the outcome that ``n`` requests end without a verdict."""
    return Right(succeeded=N_PAIRS - n, failed=n, billed=billed, errors={code: n})


LINES = (
    Case(
        "line_twice",
        "75",
        "A line stands in the results twice.",
        "One is kept, the other is a dead letter; it is paid for once.",
        (at("create", "duplicate_lines", lines=[3, 4]),),
        Right(letters={"duplicate": 2}),
    ),
    Case(
        "lines_in_conflict",
        "76",
        "Two lines give one request different verdicts.",
        "The first stands, the other is a dead letter that says so; it is paid for once.",
        (at("create", "conflicting_lines", lines=[3]),),
        Right(letters={"conflict": 1}),
    ),
    Case(
        "lines_missing",
        "77",
        "Two requests have no line in the results, for good.",
        "The download is repeated until half an hour after the end; then only those two are asked again, and nothing hangs.",
        (at("create", "missing_lines", lines=[1, 12]),),
        again(2, "missing_result", unpriced=2, billed=N_PAIRS + 2, told=(SHORT,)),
        patches={"collection.GRACE": timedelta(seconds=2)},
    ),
    Case(
        "lines_foreign",
        "74",
        "A line names a request that is nobody's, beside all of ours.",
        "It is kept as a dead letter, and ours are recorded.",
        (at("create", "foreign_lines", lines=[6], added=True),),
        Right(letters={"unknown": 1}),
    ),
    Case(
        "lines_foreign_instead",
        "74, 77",
        "A line names a request that is nobody's, in the place of one of ours.",
        "It is kept as a dead letter, and the request without a line is asked again.",
        (at("create", "foreign_lines", lines=[6]),),
        again(1, "missing_result", unpriced=1, billed=N_PAIRS + 1, letters={"unknown": 1}),
        providers=OPENAI,
    ),
    Case(
        "line_torn",
        "73",
        "A line breaks off in the middle.",
        "It is kept as a dead letter, the others are recorded, and the request without a line is asked again.",
        (at("create", "malformed_lines", lines=[5]),),
        again(1, "unreadable_reply", unpriced=1, billed=N_PAIRS + 1, letters={"unreadable": 1}),
    ),
    Case(
        "line_without_id",
        "74",
        "A line names no request.",
        "It is kept as a dead letter, the others are recorded, and the request without a line is asked again.",
        (at("create", "lines_without_id", lines=[5]),),
        again(1, "unreadable_reply", unpriced=1, billed=N_PAIRS + 1, letters={"unreadable": 1}),
        providers=ANTHROPIC,
    ),
    Case(
        "line_separators",
        "15, 2.4",
        "U+2028, U+2029 and U+0085 stand unescaped in the judge's text.",
        "Lines end at a newline and nowhere else: every line is whole.",
        (at("create", "odd_line_breaks"),),
    ),
    Case(
        "line_ends",
        "72",
        "The results have a byte order mark, CR LF, blank lines, and no newline at their end.",
        "All of it is passed over.",
        (at("create", "bom"), at("create", "crlf"), at("create", "blank_lines"), at("create", "no_final_newline")),
    ),
    Case(
        "line_not_utf8",
        "81",
        "A line holds a byte that is no UTF-8.",
        "That one character is replaced; the verdict stands.",
        (at("create", "invalid_utf8", lines=[2]),),
        providers=OPENAI,
    ),
    *(
        Case(
            f"line_{name}",
            "83",
            f"A line says {what} instead of a reply.",
            "Nothing was run or billed: the request is asked again.",
            (at("create", "refused_lines", lines=[3], **parameters),),
            again(1, code, unpriced=unpriced),
            providers=OPENAI,
        )
        for name, what, parameters, code, unpriced in (
            ("500", "status 500", {"status": 500}, "provider_error", 0),
            ("429", "status 429 (in the output file)", {"status": 429, "in_output": True}, "rate_limited", 0),
            ("status_0", "status 0", {"status": 0}, "provider_error", 0),
            ("status_missing", "an error without a status", {"status": "missing"}, "provider_error", 0),
        )
    ),
    Case(
        "line_400",
        "83",
        "A line says status 400 instead of a reply.",
        "That request is wrong and will be: it fails, and the others have their verdicts.",
        (at("create", "refused_lines", lines=[3], status=400),),
        final(1, "provider_rejected", billed=N_PAIRS - 1),
        providers=OPENAI,
    ),
    Case(
        "line_error_code",
        "84",
        "A line has no response and an error code (inference_failed).",
        "Nothing was run or billed: the request is asked again.",
        (at("create", "refused_lines", lines=[3]),),
        again(1, "provider_error"),
        providers=OPENAI,
    ),
    Case(
        "line_null",
        "84",
        "A line has neither a response nor an error.",
        "What it cost can not be known, which is recorded; the request is asked again.",
        (at("create", "null_response", lines=[3]),),
        again(1, "unreadable_reply", unpriced=1, billed=N_PAIRS + 1),
        providers=OPENAI,
    ),
    Case(
        "line_quota",
        "36, 83",
        "From the tenth on, the lines say insufficient_quota.",
        "The answers are kept; the lane is closed and the rest not counted as tried, until a person has paid.",
        (at("create", "refused_lines", lines=[10, 11, 12], status=429, code="insufficient_quota"),),
        again(3, "spend_limit", told=("nothing is sent before",)),
        providers=OPENAI,
        settings={"max_attempts": 1},
        person=reopens_the_lane,
    ),
    Case(
        "line_unknown_type",
        "79, 2.4",
        "A result has a type that no documentation names.",
        "It is not read as a success: what it cost can not be known, and the request is asked again.",
        (at("create", "unknown_result_type", lines=[3]),),
        again(1, "unreadable_reply", unpriced=1, billed=N_PAIRS + 1),
        providers=ANTHROPIC,
    ),
    *(
        Case(
            f"line_{kind}",
            "86",
            f"A result is errored with {kind}.",
            "Nothing was run or billed: the request is asked again.",
            (at("create", "refused_lines", lines=[3], code=kind),),
            again(1, code),
            providers=ANTHROPIC,
        )
        for kind, code in (
            ("api_error", "provider_error"),
            ("overloaded_error", "provider_error"),
            ("rate_limit_error", "rate_limited"),
        )
    ),
    Case(
        "line_invalid_request",
        "83",
        "A result is errored with invalid_request_error.",
        "That request is wrong and will be: it fails, and the others have their verdicts.",
        (at("create", "refused_lines", lines=[3], status=400, code="invalid_request_error"),),
        final(1, "provider_rejected", billed=N_PAIRS - 1),
        providers=ANTHROPIC,
    ),
    Case(
        "line_credit_too_low",
        "85",
        'Every result is errored with "Your credit balance is too low", told as invalid_request_error.',
        "No request fails for it: the lane is closed, and all are asked again when a person has paid.",
        (
            at(
                "create",
                "refused_lines",
                status=400,
                code="invalid_request_error",
                message="Your credit balance is too low to access the Anthropic API.",
            ),
        ),
        again(N_PAIRS, "spend_limit", told=("nothing is sent before .* credit balance is too low",)),
        providers=ANTHROPIC,
        settings={"max_attempts": 1},
        person=reopens_the_lane,
    ),
)

_FINAL_REPLIES: tuple[tuple[str, str, str, str, dict[str, Any], str, tuple[ProviderName, ...]], ...] = (
    ("refusal", "87", "The model refuses to judge.", "refusal", {}, "refusal", BOTH),
    ("truncated", "88", "The reply is cut off at max_output_tokens.", "incomplete", {}, "truncated", BOTH),
    ("content_filter", "89", "A filter stops the reply.", "content_filter", {}, "content_filter", OPENAI),
    (
        "context_window",
        "89",
        "The reply stops because the context window is full.",
        "stop_reason",
        {"reason": "model_context_window_exceeded"},
        "truncated",
        ANTHROPIC,
    ),
)
_INVALID_REPLIES: tuple[tuple[str, str, str, str, dict[str, Any], tuple[ProviderName, ...]], ...] = (
    ("prose", "90", "Sentences stand around the JSON.", "prose_around_json", {}, OPENAI),
    ("fenced", "90", "The JSON stands in a Markdown fence.", "fenced_json", {}, ANTHROPIC),
    ("two_objects", "90", "The reply holds two verdicts.", "two_json_objects", {}, OPENAI),
    ("winner_c", "91", 'The winner is "Essay C".', "winner_text", {"text": "Essay C"}, ANTHROPIC),
    ("winner_tie", "91", 'The winner is "tie".', "winner_text", {"text": "tie"}, OPENAI),
    ("winner_null", "91", "The winner is null.", "winner_text", {"text": None}, ANTHROPIC),
    ("confidence_9", "92", "The confidence is 9, outside 1 to 5.", "confidence", {"value": 9}, OPENAI),
    ("confidence_nan", "92", "The confidence is NaN.", "confidence", {"value": "NaN"}, ANTHROPIC),
    ("confidence_text", "92", 'The confidence is "80 %".', "confidence", {"value": "80 %"}, OPENAI),
    ("empty", "94", "The reply holds nothing.", "empty_content", {}, BOTH),
    ("no_reasons", "91", "The justification is empty.", "empty_justification", {}, ANTHROPIC),
    ("long_reasons", "91", "The justification has 5,000 characters.", "long_justification", {}, OPENAI),
)
REPLIES = (
    *(
        Case(
            f"reply_{name}",
            numbers,
            fault,
            "A failure of its own kind, paid for and not asked again: never a verdict.",
            (at("create", kind, lines=[2, 9], **parameters),),
            final(2, code),
            providers=providers,
        )
        for name, numbers, fault, kind, parameters, code, providers in _FINAL_REPLIES
    ),
    *(
        Case(
            f"reply_{name}",
            numbers,
            fault,
            "The reply breaks the contract: it is paid for, nothing is guessed from it, and the request is asked again.",
            (at("create", kind, lines=[2], **parameters),),
            again(1, "invalid_verdict", billed=N_PAIRS + 1),
            providers=providers,
        )
        for name, numbers, fault, kind, parameters, providers in _INVALID_REPLIES
    ),
    Case(
        "reply_invalid_always",
        "91",
        "One request gets a winner that is none, however often it is asked.",
        "It is asked as often as the cap allows, each time paid for, and then fails; the others have their verdicts.",
        (
            at("create", "winner_text", lines=[2], text="both"),
            at("create", "winner_text", nth=2, count=2, text="both"),
        ),
        Right(
            succeeded=N_PAIRS - 1,
            failed=1,
            attempts=N_PAIRS + 2,
            jobs=3,
            billed=N_PAIRS + 2,
            errors={"invalid_verdict": 3},
        ),
        providers=OPENAI,
    ),
    Case(
        "reply_pause_turn",
        "89",
        "The model pauses its turn instead of answering.",
        "It is paid for, and the request is asked again.",
        (at("create", "stop_reason", lines=[2], reason="pause_turn"),),
        again(1, "provider_error", billed=N_PAIRS + 1),
        providers=ANTHROPIC,
    ),
    Case(
        "reply_other_model",
        "13, 96",
        "Another model than the one asked for says that it answered.",
        "The verdicts stand, and each says which model served it.",
        (at("create", "other_model", lines=[2, 3]),),
    ),
    Case(
        "reply_cached",
        "97",
        "Part of the prompts came from the provider's cache.",
        "Those tokens are priced as cached, to the cent.",
        (at("create", "cached_tokens", tokens=256),),
    ),
    Case(
        "reply_contradiction",
        "93",
        "The justification praises the essay that does not win.",
        "The winner that was named stands.",
        (at("create", "contradiction"),),
        providers=OPENAI,
    ),
)

CASES = (*LINES, *REPLIES)
