"""What to ask the published warehouse about a run: SQL that works as it is printed, in any DuckDB client.

Not here: asking it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Query:
    """A question in words, and in SQL."""

    question: str
    sql: str


def queries_about(batch_id: str) -> tuple[Query, ...]:
    """Return questions about one batch; a batch's id holds nothing that SQL would read otherwise."""
    of_batch = f"FROM {{}} WHERE batch_id = '{batch_id}'"
    return (
        Query("ranking and grades", f"SELECT * {of_batch.format('current_rankings')};"),
        Query("texts that seem to address the judge", f"SELECT * {of_batch.format('injection_flags')};"),
        Query("every verdict in words", f"SELECT * {of_batch.format('judgement_log')};"),
        Query("cost by model", f"SELECT * {of_batch.format('cost_by_batch')};"),
        Query(
            "how far to believe it",
            f"SELECT marginal_reliability, position_effect, n_comparisons {of_batch.format('scaling_summary')};",
        ),
        Query(
            "requests without a verdict",
            f"SELECT error_code, count(*) AS n {of_batch.format('llm_judgements')} AND outcome <> 'success' "
            "GROUP BY error_code;",
        ),
    )
