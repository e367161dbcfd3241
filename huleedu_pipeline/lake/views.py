"""The warehouse's views: the questions that are asked most, answered once and described in the database itself.

Their SQL is the same in DuckDB and in Postgres.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class View:
    """A documented view; ``comments`` describes columns that are not simply those of a table."""

    name: str
    description: str
    sql: str
    comments: dict[str, str]


INJECTION_RULES = "Rules by which the text seems to address its judge (table injection_flags); null where none was found."

CURRENT_RANKINGS = View(
    "current_rankings",
    "The latest ranking of each batch, best first, with file name, grade and certainty. Filter on batch_id; "
    "is_anchor separates references from pupils' essays.",
    """
    SELECT r.batch_id, r.rank, r.overall_rank, r.essay_id, e.file_name, r.is_anchor, e.anchor_grade,
           r.theta, r.theta_se, r.theta_low, r.theta_high,
           g.grade, g.grade_probability, g.confidence_label, g.grade_scale, r.n_comparisons, r.n_wins, j.models, j.is_simulated,
           g.split_grade, r.flags, r.is_provisional, f.injection_rules
    FROM cj_rankings r
    JOIN essays e USING (batch_id, essay_id)
    LEFT JOIN grade_projections g USING (batch_id, essay_id)
    LEFT JOIN (
        SELECT batch_id, string_agg(model, ', ' ORDER BY model) AS models,
               bool_or(starts_with(model, 'emulated-')) AS is_simulated
        FROM (SELECT DISTINCT batch_id, model FROM llm_judgements WHERE outcome = 'success') heard GROUP BY batch_id
    ) j USING (batch_id)
    LEFT JOIN (
        SELECT batch_id, essay_id, string_agg(rule, ', ' ORDER BY rule) AS injection_rules
        FROM (SELECT DISTINCT batch_id, essay_id, rule FROM injection_flags) found GROUP BY batch_id, essay_id
    ) f USING (batch_id, essay_id)
    ORDER BY r.batch_id, r.overall_rank
    """,
    {
        "injection_rules": INJECTION_RULES,
        "models": "The models whose verdicts were scaled.",
        "is_simulated": "Whether any verdict came from the emulator and not from a real model.",
    },
)
RESULTS_BY_PUPIL = View(
    "results_by_pupil",
    "The ranking of each regular batch by pupil, for class lists. Only matches that are automatic or confirmed: what is still "
    "to be reviewed is not there.",
    """
    SELECT c.batch_id, m.student_id, c.file_name, c.rank, c.grade, c.split_grade, c.grade_probability, c.confidence_label,
           c.theta, c.theta_se, c.essay_id, m.status AS match_status, c.models, c.is_simulated, c.is_provisional,
           c.injection_rules
    FROM current_rankings c
    JOIN student_matches m USING (batch_id, essay_id)
    WHERE m.status IN ('automatic', 'confirmed')
    ORDER BY c.batch_id, m.student_id
    """,
    {
        "match_status": "automatic or confirmed.",
        "injection_rules": INJECTION_RULES,
        "models": "The models whose verdicts were scaled.",
        "is_simulated": "Whether any verdict came from the emulator and not from a real model.",
    },
)
JUDGEMENT_LOG = View(
    "judgement_log",
    "One readable line for each verdict: who beat whom, how surely and why.",
    """
    SELECT j.batch_id, j.completed_at, j.wave, a.file_name AS file_a, b.file_name AS file_b, w.file_name AS winner_file,
           j.confidence, j.justification, j.model, starts_with(j.model, 'emulated-') AS is_simulated, j.cost_usd,
           j.pair_id, j.custom_id
    FROM llm_judgements j
    JOIN essays a ON a.batch_id = j.batch_id AND a.essay_id = j.essay_a_id
    JOIN essays b ON b.batch_id = j.batch_id AND b.essay_id = j.essay_b_id
    LEFT JOIN essays w ON w.batch_id = j.batch_id AND w.essay_id = j.winner_essay_id
    WHERE j.outcome = 'success'
    ORDER BY j.batch_id, j.completed_at, j.custom_id
    """,
    {
        "file_a": "File of the essay shown first.",
        "file_b": "File of the essay shown second.",
        "winner_file": "File of the essay judged better; null for a tie.",
        "is_simulated": "Whether the verdict came from the emulator and not from a real model.",
    },
)
COST_BY_BATCH = View(
    "cost_by_batch",
    "What each batch's judgements cost, by provider and model. Simulated judgements show what the real model would cost.",
    """
    SELECT batch_id, provider, model, starts_with(model, 'emulated-') AS is_simulated,
           count(*) AS n_requests, count(*) FILTER (WHERE outcome = 'success') AS n_succeeded,
           sum(input_tokens)::BIGINT AS input_tokens, sum(cached_input_tokens)::BIGINT AS cached_input_tokens,
           sum(output_tokens)::BIGINT AS output_tokens,
           CASE WHEN count(cost_usd) = count(*) THEN sum(cost_usd) END AS cost_usd
    FROM llm_judgements
    GROUP BY batch_id, provider, model
    ORDER BY batch_id, provider, model
    """,
    {
        "is_simulated": "Whether the emulator answered; nothing was then paid.",
        "n_requests": "Requests with an outcome.",
        "n_succeeded": "Requests with a verdict.",
        "cost_usd": "Sum of the replies' prices; null where a price is unknown. Unit: USD.",
    },
)

SPELLING_AND_RANK = View(
    "spelling_and_rank",
    "How each essay is spelt beside the place that it got, the most misspelt first. Filter on batch_id.",
    """
    SELECT s.batch_id, s.essay_id, e.file_name, e.is_anchor, e.anchor_grade, s.status, s.judge_text, s.word_count,
           s.total_corrections, s.l2_dictionary_corrections, s.spellchecker_corrections, s.correction_density,
           r.theta, r.theta_se, r.rank, r.overall_rank, r.is_provisional
    FROM spellchecked_essays s
    JOIN essays e USING (batch_id, essay_id)
    LEFT JOIN cj_rankings r USING (batch_id, essay_id)
    ORDER BY s.batch_id, s.correction_density DESC NULLS LAST, s.essay_id
    """,
    {"status": "Of the spell check: completed or skipped."},
)

VIEWS: tuple[View, ...] = (CURRENT_RANKINGS, RESULTS_BY_PUPIL, JUDGEMENT_LOG, COST_BY_BATCH, SPELLING_AND_RANK)
