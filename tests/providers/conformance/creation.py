"""Rows: uploading a job's input and creating the job."""

from tests.providers.conformance.cases import ANTHROPIC, BOTH, NOTHING, OPENAI, Case, Right, at
from tests.providers.conformance.people import adopts_ours, reopens_the_lane, somebody_elses_job

ONCE = {"create": 1}
TWICE = {"create": 2}
LOST = "AmbiguousError: creating the batch job: no usable answer .* not known whether the call took effect"
IMPATIENT = {"read_timeout_seconds": 0.25}
UPLOADED_TWICE = {"upload": 2, "create": 1}

LOST_ANSWERS = (
    Case(
        "create_dropped_before",
        "29",
        "The connection closes before the creation is carried out.",
        "The list shows no such job after several looks; only then is it created, once.",
        (at("create", "drop"),),
        Right(told=(LOST,), calls=TWICE),
    ),
    Case(
        "create_answer_lost",
        "29",
        "The job is created and the connection closes without an answer.",
        "The job is found in the list and adopted; no second creation is sent.",
        (at("create", "lose_answer"),),
        Right(told=(LOST,), calls=ONCE),
    ),
    Case(
        "create_hangs_after",
        "29",
        "The job is created and the answer does not come before the time-out.",
        "The job is found in the list and adopted; no second creation is sent.",
        (at("create", "hang", seconds=0.5, acts="first"),),
        Right(told=(LOST,), calls=ONCE),
        settings=IMPATIENT,
    ),
    Case(
        "create_hangs_before",
        "29, 31",
        "The creation times out and is carried out only later, while we are already looking.",
        "Absence is not believed before the settle time is over; the late job is adopted.",
        (at("create", "hang", seconds=0.5, acts="last"),),
        Right(told=(LOST,), calls=ONCE),
        settings={**IMPATIENT, "reconcile_settle_seconds": 0.9},
    ),
    Case(
        "create_absent_from_lists",
        "31",
        "The answer is lost and the list does not show the job for a while.",
        "The list is looked at again until the settle time is over; the job is adopted when it shows.",
        (at("create", "lose_answer"), at("create", "absent_from_lists", seconds=0.3)),
        Right(told=(LOST,), calls=ONCE),
        settings={"reconcile_settle_seconds": 0.6},
    ),
    Case(
        "create_lost_then_list_fails",
        "29",
        "The answer is lost, and the list answers 500 when the job is looked for.",
        "Nothing is concluded from a list that failed: the next run looks again and adopts the job.",
        (at("create", "lose_answer"), at("list", "error", status=500)),
        Right(told=(LOST, "AmbiguousError: listing batch jobs: the provider answered 500"), calls=ONCE),
    ),
    Case(
        "create_lost_then_list_is_html",
        "29, 40",
        "The answer is lost, and the list is a proxy's page with status 200.",
        "Nothing is concluded from a page that is no list: the next run looks again and adopts the job.",
        (at("create", "lose_answer"), at("list", "html", count=2)),
        Right(told=(LOST, "AmbiguousError: .* no JSON object"), calls=ONCE),
    ),
    Case(
        "create_lost_then_list_without_data",
        "29, 40",
        "The answer is lost, and the list comes without its entries.",
        "An answer that is no list is not read as an empty one: the next run looks again and adopts the job.",
        (at("create", "lose_answer"), at("list", "without_fields", fields=["data"], count=2)),
        Right(told=(LOST, "AmbiguousError: .* no list"), calls=ONCE),
    ),
    Case(
        "create_lost_with_partial_counts",
        "29, 2.4",
        "The answer is lost, and the list does not say how many requests its jobs have.",
        "A job of unknown size may be ours: it is adopted, and its results prove it.",
        (at("create", "lose_answer"), at("list", "partial_counts", nth="every")),
        Right(told=(LOST,), calls=ONCE),
        settings={"reconcile_settle_seconds": 0.5},
    ),
    Case(
        "create_lost_beside_a_foreign_job",
        "32, two pipelines on one key",
        "The answer is lost, and somebody else's job of the same size was made at the same time.",
        "Ours is known by the token in its metadata, and adopted; theirs is not touched.",
        (at("create", "lose_answer"),),
        Right(told=(LOST,), calls=ONCE),
        providers=OPENAI,
        before=somebody_elses_job,
    ),
    Case(
        "create_lost_beside_a_foreign_job",
        "33, two pipelines on one key",
        "The answer is lost, and somebody else's job of the same size was made at the same time.",
        "Two candidates that nothing tells apart: quarantined, nothing is sent again, and a person adopts ours.",
        (at("create", "lose_answer"),),
        Right(told=(LOST,), calls=ONCE),
        providers=ANTHROPIC,
        before=somebody_elses_job,
        person=adopts_ours,
    ),
    Case(
        "create_dropped_beside_a_foreign_job",
        "33, 74",
        "The creation is lost on its way, and somebody else's job of the same size is the only one in the list.",
        "It is taken for ours until its results answer none of our requests; then it is let go, and ours is created.",
        (at("create", "drop"),),
        Right(told=(LOST, "ForeignResultsError: .* belongs to something else"), calls=TWICE),
        providers=ANTHROPIC,
        before=somebody_elses_job,
    ),
)

SERVER_ERRORS = tuple(
    Case(
        f"create_{status}_{'done' if acts else 'not_done'}",
        "29, 30" if should_retry else "29",
        f"The creation answers {status} and {'took effect' if acts else 'had no effect'}"
        + (", and asks for a retry (x-should-retry)." if should_retry else "."),
        "The job is found in the list and adopted; the SDK repeats nothing."
        if acts
        else "The list shows no such job; only then is it created, once; the SDK repeats nothing.",
        (at("create", "error", status=status, acts=acts, should_retry=should_retry),),
        Right(told=(f"AmbiguousError: creating the batch job: the provider answered {status}",), calls=ONCE if acts else TWICE),
        providers=providers,
    )
    for status, acts, should_retry, providers in (
        (500, True, True, BOTH),
        (500, False, None, OPENAI),
        (502, True, None, ANTHROPIC),
        (503, False, True, OPENAI),
        (504, True, None, OPENAI),
        (529, False, None, ANTHROPIC),
        (409, True, None, ANTHROPIC),
    )
)

STRANGE_ANSWERS = tuple(
    Case(
        f"create_answers_{kind}",
        "40, 2.4",
        f"The job is created and the answer, with status 200, is {what}.",
        "Such an answer says nothing: the job is found in the list and adopted.",
        (at("create", kind),),
        Right(told=("AmbiguousError: ",), calls=ONCE),
        providers=providers,
    )
    for kind, what, providers in (
        ("html", "a proxy's page", BOTH),
        ("empty_body", "empty", OPENAI),
        ("truncated_json", "JSON that breaks off", ANTHROPIC),
        ("json_array", "a JSON array", OPENAI),
        ("without_fields", "an object without id", BOTH),
    )
)

REFUSALS = (
    Case(
        "create_429",
        "35",
        "The creation is refused for its rate, without a Retry-After.",
        "Nothing was created; the failure counts for the breaker, and a later run creates the job once.",
        (at("create", "rate_limit"),),
        Right(told=("RejectedError: creating the batch job: the provider answered 429",), calls=TWICE),
    ),
    Case(
        "create_429_retry_after",
        "34",
        "The creation is refused for its rate, with a short Retry-After.",
        "Nothing is sent until that time is over; then the job is created, once.",
        (at("create", "rate_limit", retry_after=0.4),),
        Right(told=("RejectedError: .* 429", "nothing is sent before .* 429"), calls=TWICE),
    ),
    Case(
        "create_429_long_retry_after",
        "34, 2.2",
        "The creation is refused with a Retry-After of ten minutes, which is more than the OpenAI SDK waits for.",
        "The lane stays closed for that long, across processes; nothing is sent until it is over or a person opens it.",
        (at("create", "rate_limit", retry_after=600),),
        Right(told=("RejectedError: .* 429", "nothing is sent before .* 429"), calls=TWICE),
        person=reopens_the_lane,
    ),
    Case(
        "create_ramp_limit",
        "37",
        "The creation is refused because use has risen too fast (ramp_limit_exceeded).",
        "Nothing was created; a later run creates the job once.",
        (at("create", "rate_limit", ramp=True),),
        Right(told=("RejectedError: .* 429",), calls=TWICE),
        providers=ANTHROPIC,
    ),
    Case(
        "create_outage",
        "57",
        "Five creations in a row answer 503.",
        "The lane opens, one call probes it, and the job is created once; nothing is marked failed.",
        (at("create", "error", status=503, count=5),),
        Right(told=("AmbiguousError: .* 503", "nothing is sent before .* 503"), calls={"create": 6}),
    ),
    *(
        Case(
            f"create_{status}",
            numbers,
            f"The creation is refused with {status}.",
            "Nothing was created: the run fails with the provider's words, and a later run tries again.",
            (at("create", "error", status=status, message="This is not accepted."),),
            Right(told=(f"RejectedError: .* {status}: This is not accepted",), calls=TWICE),
            providers=providers,
        )
        for status, numbers, providers in ((400, "39", BOTH), (404, "39", OPENAI), (413, "24, 39", ANTHROPIC))
    ),
    *(
        Case(
            f"create_{name}",
            numbers,
            fault,
            "Every other call would be refused, too: the lane is closed at once and nothing is sent until a person opens it.",
            (at("create", kind, **parameters),),
            Right(told=(f"RejectedError: .* {said}", f"nothing is sent before .* {said}"), calls=TWICE),
            providers=providers,
            person=reopens_the_lane,
        )
        for name, numbers, fault, kind, parameters, said, providers in (
            ("401", "38", "The key is not accepted.", "refuse_key", NOTHING, "401", BOTH),
            ("403", "38", "The key may not do this.", "refuse_key", {"status": 403}, "403", BOTH),
            (
                "insufficient_quota",
                "36",
                "The account's quota is used up (429).",
                "spend_limit",
                NOTHING,
                "429: .* quota",
                OPENAI,
            ),
            (
                "spend_limit",
                "36",
                "The organization's spend limit is reached (429, enforced_spend_limit_reached).",
                "spend_limit",
                NOTHING,
                "429: .* spend limit",
                ANTHROPIC,
            ),
            ("402", "36", "The account is empty (402).", "spend_limit", {"flavour": "billing_error"}, "402", ANTHROPIC),
            (
                "credit_too_low",
                "36, 85",
                "The account is empty, told as an invalid request (400).",
                "error",
                {"status": 400, "message": "Your credit balance is too low to access the Anthropic API."},
                "400: Your credit balance is too low",
                ANTHROPIC,
            ),
        )
    ),
)

UPLOADS = tuple(
    Case(
        f"upload_{name}",
        numbers,
        fault,
        outcome,
        (at("upload", kind, **parameters),),
        Right(told=(said,), calls=UPLOADED_TWICE),
        providers=OPENAI,
        settings=IMPATIENT if kind == "hang" else {},
    )
    for name, numbers, fault, outcome, kind, parameters, said in (
        (
            "dropped",
            "20",
            "The connection closes during the upload.",
            "No money is at risk: the next run uploads again, and creates the job once.",
            "drop",
            NOTHING,
            "AmbiguousError: uploading the input file: no usable answer",
        ),
        (
            "500",
            "20",
            "The upload answers 500.",
            "The next run uploads again, and creates the job once.",
            "error",
            {"status": 500},
            "AmbiguousError: uploading the input file: the provider answered 500",
        ),
        (
            "answer_lost",
            "21",
            "The file is stored and the answer lost.",
            "The file is uploaded again; the stray one costs nothing and expires.",
            "lose_answer",
            NOTHING,
            "AmbiguousError: uploading the input file: no usable answer",
        ),
        (
            "hangs",
            "21",
            "The file is stored and the answer does not come before the time-out.",
            "The file is uploaded again; the stray one costs nothing and expires.",
            "hang",
            {"seconds": 0.5, "acts": "first"},
            "AmbiguousError: uploading the input file: no usable answer",
        ),
        (
            "stored_otherwise",
            "26",
            "The provider says that it stored another number of bytes than were sent.",
            "No job is made of that file: it is uploaded again.",
            "set_fields",
            {"fields": {"bytes": 17}},
            "AmbiguousError: uploading the input file: the provider stored 17 of",
        ),
        (
            "refused",
            "23",
            "The upload is refused (400, invalid file format).",
            "The run fails with the provider's words; a later run tries again, and the job is created once.",
            "error",
            {"status": 400, "message": "Invalid file format for Batch API. Must be .jsonl"},
            "RejectedError: uploading the input file: the provider answered 400: Invalid file format",
        ),
        (
            "html",
            "20, 40",
            "The upload's answer is a proxy's page with status 200.",
            "The file is uploaded again; the stray one costs nothing and expires.",
            "html",
            NOTHING,
            "AmbiguousError: uploading the input file: the answer names no file",
        ),
    )
)

CASES = (*LOST_ANSWERS, *SERVER_ERRORS, *STRANGE_ANSWERS, *REFUSALS, *UPLOADS)
