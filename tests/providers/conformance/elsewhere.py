"""Rows that other tests show; a test checks that those tests exist."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Shown:
    """One row, and the test that shows it: a file and the name of a function in it."""

    numbers: str
    provider: str
    fault: str
    outcome: str
    test: str


_JOBS, _LIVE, _STORE = "tests/providers/test_batch_jobs.py", "tests/providers/test_live.py", "tests/ledger/test_store.py"
_WIRE, _COSTS = "tests/providers/test_openai_wire.py", "tests/judging/test_costs.py"
ELSEWHERE = (
    Shown(
        "2, 3",
        "both",
        "More requests, or more bytes, than one job may have.",
        "They are split in order, by number and by encoded bytes.",
        f"{_JOBS}::test_requests_are_split_by_number_and_by_bytes",
    ),
    Shown(
        "7",
        "both",
        "Names of batches and essays that a provider does not take as a custom_id.",
        "Every custom_id is opaque and legal for both.",
        "tests/judging/test_identity.py::test_custom_ids_are_legal_for_both_providers_whatever_the_names",
    ),
    Shown(
        "9, 45",
        "both",
        "A request is planned for a second job while a first one carries it.",
        "The ledger refuses the second.",
        f"{_STORE}::test_a_job_takes_requests_that_no_other_carries",
    ),
    Shown(
        "45",
        "both",
        "A process goes on submitting although its lease has passed to another.",
        "It notices before money is spent.",
        f"{_STORE}::test_a_lost_lease_is_noticed_before_money_is_spent",
    ),
    Shown(
        "11",
        "anthropic",
        "Sampling parameters, which the current API version refuses.",
        "They are never sent.",
        "tests/providers/test_anthropic_wire.py::test_a_body_has_the_schema_and_no_sampling_parameters",
    ),
    Shown(
        "15, 16",
        "both",
        "Any text at all in an essay.",
        "It arrives as it was, one request to a line.",
        "tests/providers/test_payloads.py::test_any_texts_and_ids_come_back_as_they_were",
    ),
    Shown(
        "18",
        "both",
        "What is to be asked may cost more than the limit.",
        "Nothing is sent.",
        f"{_LIVE}::test_nothing_is_asked_that_may_cost_more_than_the_limit",
    ),
    Shown(
        "28, 29",
        "both",
        "The process dies right before or right after the creation.",
        "The next run looks for the job and creates it only if it is not there.",
        f"{_JOBS}::test_a_death_around_the_create_call_is_repaired_without_a_second_purchase",
    ),
    Shown(
        "29, 98",
        "both",
        "The whole program is killed at any moment of a run.",
        "The same command finishes the batch, and everything was bought once.",
        "tests/cli/test_commands.py::test_a_run_killed_at_any_moment_is_bought_once",
    ),
    Shown(
        "31",
        "both",
        "Nothing is in the list after a lost creation.",
        "Absence is believed after three looks over the settle time.",
        f"{_JOBS}::test_absence_is_believed_after_several_looks_over_the_time_that_a_list_may_lag",
    ),
    Shown(
        "32, 33",
        "both",
        "Two jobs may be the lost one.",
        "By token the older is taken; without one a person decides.",
        f"{_JOBS}::test_two_candidates_are_left_to_a_person_where_no_token_tells_them_apart",
    ),
    Shown(
        "34, 39",
        "both",
        "A creation whose answer was lost is refused when it is repeated.",
        "The refusal does not make the lost job forgotten.",
        f"{_JOBS}::test_a_refusal_after_a_lost_answer_does_not_make_the_lost_job_forgotten",
    ),
    Shown(
        "74",
        "both",
        "The results answer none of our requests.",
        "They are not taken for ours; ours is looked for again.",
        f"{_JOBS}::test_the_results_of_another_job_are_not_taken_for_ours_and_ours_is_looked_for_again",
    ),
    Shown(
        "82",
        "both",
        "The process is killed while a file is written.",
        "The old file stays, and no half one is seen.",
        "tests/lake/test_replacing.py::test_a_killed_process_leaves_the_old_file_and_no_data",
    ),
    Shown(
        "2.4",
        "openai",
        "A reply that is not built as the API says.",
        "It is unreadable, and blocks no other.",
        f"{_WIRE}::test_an_odd_reply_is_unreadable_and_blocks_nothing",
    ),
    Shown(
        "97",
        "both",
        "A model, a tier or a class of tokens that has no price on the list.",
        "The cost is unknown, never 0.",
        f"{_COSTS}::test_a_class_without_a_price_makes_the_cost_unknown_where_it_was_used",
    ),
    Shown(
        "97",
        "both",
        "A prompt above the edge of a price tier.",
        "It costs that of the next tier from its first token.",
        f"{_COSTS}::test_a_prompt_above_the_edge_of_a_tier_costs_that_of_the_next_from_its_first_token",
    ),
    Shown(
        "99",
        "both",
        "The process dies in the middle of a live run.",
        "The next run asks only for what has no answer.",
        f"{_LIVE}::test_an_interrupted_run_asks_only_for_what_has_no_answer",
    ),
    Shown(
        "99",
        "both",
        "One request of a bundle is wrong.",
        "It costs no other its answer.",
        f"{_LIVE}::test_one_failed_request_costs_no_other_its_answer",
    ),
    Shown(
        "100",
        "both",
        "An endpoint is shown in a log or an error.",
        "Its key is not.",
        "tests/providers/test_backend.py::test_a_key_is_not_shown",
    ),
)
