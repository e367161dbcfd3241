"""The tables of the system, each declared once. Column names and their order are a public contract.

Every table has one writing asset, one Parquet file for each batch in the lake, and one table in the warehouse. Instants
are UTC; what a judge wrote and what a pupil wrote stand only here and in the ledger, never in Dagster metadata.
"""

from huleedu_pipeline.lake.schema import Column, ColumnType, Table

S, I, F, B, T = ColumnType.STRING, ColumnType.INTEGER, ColumnType.FLOAT, ColumnType.BOOLEAN, ColumnType.TIMESTAMP  # noqa: E741

BATCH_ID = Column("batch_id", S, "Batch, unique in the system; also the Dagster partition.")
ESSAY_ID = Column("essay_id", S, "Essay, unique inside its batch.")
IS_PROVISIONAL = Column(
    "is_provisional",
    B,
    "Whether it was made before the last outcomes were there, and will be made anew when they are.",
)
IS_ANCHOR = Column("is_anchor", B, "Whether the essay carries a known grade and serves as a reference.")
PAIR_ID = Column("pair_id", S, "Comparison: two essays in one order, and the replicate; stable on every machine.")
CUSTOM_ID = Column("custom_id", S, "Request: a pair and a judge; joins grade, prompt and raw reply, also at the provider.")
JUDGE_ID = Column(
    "judge_id", S, "Judge: hash of provider, model, prompts, rubric and parameters; 'human' or 'human:NAME' for people."
)
PROVIDER = Column("provider", S, "Who was asked: openai, anthropic, or human for imported judgements.")
MODEL = Column("model", S, "Model; a name that begins with 'emulated-' is a simulation and no real judgement.")
PROMPT_SHA256 = Column("prompt_sha256", S, "SHA-256 of the request body: everything that determines the reply.")
ESSAY_A = Column("essay_a_id", S, "Essay shown first, as Essay A.")
ESSAY_B = Column("essay_b_id", S, "Essay shown second, as Essay B.")
WAVE = Column("wave", I, "Wave of comparisons, from 1.")
REPLICATE = Column("replicate", I, "Repetition of the same question, from 1.")
COUNTS = (
    Column("n_requests", I, "Requests planned."),
    Column("n_succeeded", I, "Requests that ended with a verdict."),
    Column("n_failed", I, "Requests that ended without a verdict."),
    Column("n_expired", I, "Requests that the provider did not answer in time."),
)

ESSAYS = Table(
    "essays",
    "The texts of each batch, pupils' essays and anchors, as they were judged.",
    (
        BATCH_ID,
        ESSAY_ID,
        IS_ANCHOR,
        Column("anchor_grade", S, "Known grade of an anchor; null for pupils' essays.", is_nullable=True),
        Column("file_name", S, "Name of the file the text came from."),
        Column("text", S, "The text: UTF-8, NFC, line feeds."),
        Column("text_sha256", S, "Identity of the text: SHA-256 of its UTF-8 bytes."),
        Column("n_words", I, "Length, counted at white space.", unit="words"),
        Column("language", S, "Language of the text: en or sv."),
    ),
    ("batch_id", "essay_id"),
    indexes=(("text_sha256",),),
)
COMPARISON_PAIRS = Table(
    "comparison_pairs",
    "Which essays are compared, and which of the two is shown first.",
    (
        BATCH_ID,
        PAIR_ID,
        WAVE,
        REPLICATE,
        ESSAY_A,
        ESSAY_B,
        Column("pair_generation_mode", S, "coverage: a new pair of essays; resampling: a pair asked about again."),
    ),
    ("batch_id", "pair_id"),
)
JUDGE_REQUESTS = Table(
    "judge_requests",
    "One line for each question to a judge.",
    (
        BATCH_ID,
        CUSTOM_ID,
        PAIR_ID,
        JUDGE_ID,
        PROVIDER,
        MODEL,
        PROMPT_SHA256,
        Column(
            "provider_job_id",
            S,
            "The provider's batch job that carried it; null for live calls and before submission.",
            is_nullable=True,
        ),
    ),
    ("batch_id", "custom_id"),
)
PROVIDER_JOBS = Table(
    "provider_jobs",
    "Batch jobs at the providers, one line each; live calls have none.",
    (
        BATCH_ID,
        PROVIDER,
        MODEL,
        Column("provider_job_id", S, "The provider's name of the job."),
        Column("status", S, "State in the ledger: submitted, ended, expired, cancelled, failed, collected or quarantined."),
        *COUNTS,
        Column("created_at", T, "When the job was planned."),
        Column("submitted_at", T, "When the provider took it.", is_nullable=True),
        Column("ended_at", T, "When the provider was done with it.", is_nullable=True),
        Column("collected_at", T, "When every answer was recorded.", is_nullable=True),
        Column(
            "cost_usd",
            F,
            "Price of what the job brought; null before it is collected and where a price is unknown.",
            is_nullable=True,
            unit="USD",
        ),
        Column(
            "estimated_cost_usd",
            F,
            "The most that the job was expected to cost; null where the price list does not say.",
            is_nullable=True,
            unit="USD",
        ),
    ),
    ("batch_id", "provider_job_id"),
)
LLM_JUDGEMENTS = Table(
    "llm_judgements",
    "One line for each request with its outcome; exactly one of verdict and error is set.",
    (
        BATCH_ID,
        CUSTOM_ID,
        PAIR_ID,
        ESSAY_A,
        ESSAY_B,
        WAVE,
        REPLICATE,
        Column("outcome", S, "success, failure or expired."),
        Column("winner_essay_id", S, "The essay judged better; null without a verdict, and for a tie.", is_nullable=True),
        Column(
            "justification",
            S,
            "The judge's reason, 1-500 characters; null without a verdict, and from judges that give none.",
            is_nullable=True,
        ),
        Column(
            "confidence",
            F,
            "How sure the judge said it was, 1 (a guess) to 5 (certain); null where it did not.",
            is_nullable=True,
        ),
        Column("error_code", S, "Why there is no verdict; null with one.", is_nullable=True),
        Column("error_message", S, "The same in words.", is_nullable=True),
        JUDGE_ID,
        PROVIDER,
        MODEL,
        PROMPT_SHA256,
        Column("input_tokens", I, "Tokens read, cached ones included.", unit="tokens"),
        Column("cached_input_tokens", I, "Of those, tokens read from the provider's cache.", unit="tokens"),
        Column("output_tokens", I, "Tokens written.", unit="tokens"),
        Column(
            "cost_usd",
            F,
            "Price of the reply by the dated price list; null where the list does not know it. For an 'emulated-' model: "
            "what the real one would cost, nothing was paid.",
            is_nullable=True,
            unit="USD",
        ),
        Column("requested_at", T, "When it was sent, the last time."),
        Column("completed_at", T, "When the outcome was recorded."),
        Column(
            "p_a",
            F,
            "Probability that Essay A is better, from judges that give one; 0.5 for a tie, else null.",
            is_nullable=True,
            unit="probability",
        ),
        Column(
            "is_contradictory",
            B,
            "Whether the justification plainly calls the other essay the better one; null without a justification.",
            is_nullable=True,
        ),
        Column("n_attempts", I, "How often it was asked; tokens and cost are those of all attempts."),
        Column("service_tier", S, "Tier that the provider says served it (batch, flex, default); else null.", is_nullable=True),
        Column("cache_write_5m_tokens", I, "Of the tokens read, those written to a cache for 5 minutes.", unit="tokens"),
        Column("cache_write_30m_tokens", I, "The same for 30 minutes.", unit="tokens"),
        Column("cache_write_1h_tokens", I, "The same for an hour.", unit="tokens"),
        Column("cache_write_12h_tokens", I, "The same for 12 hours.", unit="tokens"),
        Column("reasoning_tokens", I, "Of the tokens written, those of hidden reasoning.", unit="tokens"),
    ),
    ("batch_id", "custom_id"),
    indexes=(("batch_id", "model", "outcome"),),
)
WAVE_DECISIONS = Table(
    "wave_decisions",
    "What was decided after each wave of a batch, with everything that it follows from: a decision can be made again from its "
    "row. Counts are of the batch up to the wave. Batch jobs and people's judgements are a single wave.",
    (
        BATCH_ID,
        WAVE,
        Column(
            "decision",
            S,
            "REQUEST_MORE_COMPARISONS, FINALIZE_SCORING or FINALIZE_FAILURE; in between, WAIT_FOR_CALLBACKS and NO_OP.",
        ),
        Column(
            "reason",
            S,
            "More: coverage (new pairs) or resampling (pairs once more). Scoring: stable, precise, max_comparisons, "
            "max_cost_usd, graph_exhausted or single_wave_complete. Failure: no_success or success_rate_too_low.",
        ),
        Column("n_more", I, "Comparisons requested for the next wave."),
        Column("n_essays", I, "Essays, anchors included."),
        Column("n_requests", I, "Requests planned."),
        Column("n_outcomes", I, "Requests that have ended."),
        Column("n_succeeded", I, "Requests that ended with a verdict."),
        Column("n_pairs_asked", I, "Different pairs asked about, in either order."),
        Column("n_pairs_judged", I, "Different pairs with a verdict; a failed request covers nothing."),
        Column("n_resampling_passes", I, "Waves that asked only for pairs asked before."),
        Column("is_connected", B, "Whether the verdicts connect all essays."),
        Column(
            "max_score_change",
            F,
            "Largest change of a location since the wave before; of a single wave, since nine tenths of its verdicts. Null "
            "when there is nothing to compare with.",
            is_nullable=True,
            unit="logits",
        ),
        Column("mean_se", F, "Mean standard error of theta; null without verdicts.", is_nullable=True, unit="logits"),
        Column("reliability", F, "Marginal reliability; null without verdicts.", is_nullable=True),
        Column(
            "n_affordable",
            I,
            "Comparisons that max_cost_usd still has room for, each at its most; null without that limit and for batch jobs.",
            is_nullable=True,
        ),
        Column("success_rate", F, "Share of the outcomes that are verdicts; null before there are any.", is_nullable=True),
        Column("coverage_fraction", F, "Share of all pairs that have a verdict."),
        Column("budget_remaining", I, "Comparisons left of max_comparisons."),
        Column("max_comparisons", I, "Rule: most requests of the batch."),
        Column("waves", I, "Rule: in how many waves of about equal size."),
        Column("is_single_wave", B, "Rule: whether one wave is all, which nothing stops early."),
        Column("min_comparisons_for_stability_check", I, "Rule: fewest outcomes before anything stops the batch early."),
        Column("score_stability_threshold", F, "Rule: largest max_score_change that is stable.", unit="logits"),
        Column("target_mean_se", F, "Rule: mean_se to reach; null without.", is_nullable=True, unit="logits"),
        Column("target_reliability", F, "Rule: reliability to reach; null without.", is_nullable=True),
        Column("min_success_rate", F, "Rule: success_rate below which a batch is not scored."),
        Column("min_resampling_net_size", I, "Rule: up to so many essays a net is small."),
        Column("max_resampling_passes_for_small_net", I, "Rule: how often the pairs of a small net may be asked again."),
        Column("max_resampling_passes_for_regular_batch", I, "Rule: the same for larger ones."),
    ),
    ("batch_id", "wave"),
)
CJ_RANKINGS = Table(
    "cj_rankings",
    "Location of each essay on the batch's scale (Bradley-Terry with a position effect), and its rank.",
    (
        BATCH_ID,
        ESSAY_ID,
        IS_ANCHOR,
        Column("theta", F, "Location; the batch's mean is 0 and higher is better.", unit="logits"),
        Column(
            "theta_se",
            F,
            "Standard error of theta, from the full covariance; null, as the interval, for the single essay of a batch in "
            "which there was nothing to compare.",
            is_nullable=True,
            unit="logits",
        ),
        Column("rank", I, "Rank among the pupils' essays, 1 is best; null for anchors.", is_nullable=True),
        Column("overall_rank", I, "Rank among all essays of the batch, 1 is best."),
        Column("n_comparisons", I, "Verdicts in which the essay took part."),
        Column("n_wins", I, "Verdicts in its favour."),
        Column(
            "infit",
            F,
            "Mean square of the residuals of its verdicts, weighted by information; about 1 when they fit the scale, more "
            "when they contradict it. Null without comparisons.",
            is_nullable=True,
        ),
        Column("outfit", F, "The same without weights: sensitive to single surprises.", is_nullable=True),
        Column(
            "theta_low",
            F,
            "Lower end of the 95 % interval of theta, skewed as the evidence is.",
            is_nullable=True,
            unit="logits",
        ),
        Column("theta_high", F, "Upper end of the 95 % interval of theta.", is_nullable=True, unit="logits"),
        Column(
            "flags",
            ColumnType.LABELS,
            "What to know before believing the line: no_comparisons, one_sided (won or lost everything), few_comparisons "
            "(fewer than 15), disconnected (not comparable with most others), misfit (contradictory verdicts), overfit (more "
            "regular than chance allows).",
        ),
        IS_PROVISIONAL,
    ),
    ("batch_id", "essay_id"),
)
SCALING_SUMMARY = Table(
    "scaling_summary",
    "How well the ranking of each batch is known: one line for each batch.",
    (
        BATCH_ID,
        Column("n_essays", I, "Essays that were scaled, anchors included."),
        Column("n_comparisons", I, "Verdicts that were scaled."),
        Column("n_components", I, "Groups of essays that no comparison connects; 1 in a sound design."),
        Column("n_one_sided", I, "Essays that won or lost everything."),
        Column("prior_sd", F, "Estimated spread sigma of the essays.", unit="logits"),
        Column("position_effect", F, "How much the judge favours the essay shown first.", unit="logits"),
        Column("position_effect_se", F, "Its standard error.", unit="logits"),
        Column("position_effect_p", F, "Likelihood-ratio test against no effect.", unit="probability"),
        Column(
            "length_effect",
            F,
            "How much more much longer texts win, be it that they are better or that the judge likes length: verdicts alone "
            "can not tell. A diagnosis, not in the ranking. Null when all texts are of one length.",
            is_nullable=True,
            unit="logits",
        ),
        Column("length_effect_se", F, "Its standard error.", is_nullable=True, unit="logits"),
        Column("length_effect_p", F, "Likelihood-ratio test against no effect.", is_nullable=True, unit="probability"),
        Column(
            "marginal_reliability", F, "Empirical-Bayes marginal reliability, the one to quote: 0 is noise, 1 is certainty."
        ),
        Column(
            "marginal_reliability_of_noise",
            F,
            "What it would read at most, 39 times of 40, if the same pairs had been judged by tosses of a coin.",
        ),
        Column(
            "separation_reliability",
            F,
            "Classical 1 - MSE / Var(theta); too high when pairs were chosen by earlier results. Null where it can not be had.",
            is_nullable=True,
        ),
        Column(
            "separation_g_reliability",
            F,
            "The variant G^2 / (1 + G^2) with the observed separation G, which reads .5 where the classical one reads 0.",
            is_nullable=True,
        ),
        Column("strata", F, "Statistically distinct levels of quality.", is_nullable=True),
        Column("split_half_reliability", F, "Agreement of two halves, stepped up to the whole.", is_nullable=True),
        Column("split_half_by", S, "What was halved: judge (agreement between judges) or judgement (precision only)."),
        Column("mean_theta_se", F, "Mean standard error of theta.", unit="logits"),
        Column("n_misfit", I, "Essays flagged misfit; about one in forty is by chance."),
        Column(
            "pair_heterogeneity_p",
            F,
            "Whether verdicts on the same pair differ from the model by more than chance (chi-squared with a bootstrap).",
            unit="probability",
        ),
        Column("circular_share", F, "Share of fully judged triads that are circular (A > B > C > A).", is_nullable=True),
        Column("log_likelihood", F, "Of the verdicts at the optimum."),
        Column("gradient_norm", F, "Largest component of the gradient there: how exact the optimum is."),
        Column("seconds", F, "What scaling and diagnosis took.", unit="seconds"),
        Column("is_simulated", B, "Whether any verdict came from the emulator and not from a real model."),
    ),
    ("batch_id",),
)
JUDGE_DIAGNOSTICS = Table(
    "judge_diagnostics",
    "How each judge of a batch judged, against the scale that its verdicts helped to make and against itself.",
    (
        BATCH_ID,
        JUDGE_ID,
        PROVIDER,
        MODEL,
        Column("n_judgements", I, "Verdicts that were scaled."),
        Column(
            "discrimination",
            F,
            "How sharply the judge tells essays apart, 1 on (geometric) average; null when all judges share it: one judge, or "
            "too few verdicts to tell.",
            is_nullable=True,
        ),
        Column("infit", F, "Mean square of the residuals of its verdicts, weighted by information; about 1 when they fit."),
        Column("infit_low", F, "Below it infit is lower than chance allows (bootstrap, 2.5 %)."),
        Column("infit_high", F, "Above it infit is higher than chance allows (bootstrap, 97.5 %)."),
        Column("outfit", F, "The same mean square without weights."),
        Column("first_share", F, "Share of verdicts for the essay shown first.", unit="probability"),
        Column("first_share_p", F, "Sign test of that share against one half.", is_nullable=True, unit="probability"),
        Column("n_both_orders", I, "Pairs that were judged in both orders."),
        Column("both_orders_agreement", F, "Share of those with the same winner twice; null without any.", is_nullable=True),
        Column("n_repeats", I, "Times that the same question was asked once more."),
        Column("repeat_agreement", F, "Share of those with the same verdict; null without any.", is_nullable=True),
        Column("n_contradictory", I, "Verdicts whose justification plainly calls the other essay the better one."),
        Column("is_simulated", B, "Whether the judge is the emulator and not a real model."),
    ),
    ("batch_id", "judge_id"),
)
GRADE_PROJECTIONS = Table(
    "grade_projections",
    "Grades projected from the anchors, for all essays of a graded batch; for an anchor, what the judge would give it.",
    (
        BATCH_ID,
        ESSAY_ID,
        Column("grade_scale", S, "Scale of the grade."),
        Column("grade", S, "Projected grade: the one whose boundaries enclose theta."),
        Column("grade_probability", F, "Probability of that grade.", unit="probability"),
        Column("confidence_label", S, "HIGH from .70 on, MID from .40 on, else LOW."),
        Column("grade_probabilities", ColumnType.PROBABILITIES, "Probability of each grade of the scale; sums to 1."),
        Column("split_grade", S, "The grade, or two neighbours as in C+/B when they share the probability."),
        IS_PROVISIONAL,
    ),
    ("batch_id", "essay_id"),
)
GRADE_BOUNDARIES = Table(
    "grade_boundaries",
    "Where neighbouring grades meet on the batch's scale; none for a batch without grades.",
    (
        BATCH_ID,
        Column("grade_scale", S, "Scale of the grades."),
        Column("lower_grade", S, "The grade below the boundary."),
        Column("upper_grade", S, "The grade above it."),
        Column("theta", F, "Where it lies.", unit="logits"),
        Column("theta_se", F, "Its standard error.", unit="logits"),
        Column("n_anchors_lower", I, "Anchors that carry the grade below."),
        Column("n_anchors_upper", I, "Anchors that carry the grade above; where either is 0, neighbours place the boundary."),
    ),
    ("batch_id", "lower_grade"),
)
ANCHOR_DIAGNOSTICS = Table(
    "anchor_diagnostics",
    "Whether each anchor is to be believed; a flag asks a person to look at its text and grade.",
    (
        BATCH_ID,
        ESSAY_ID,
        Column("grade", S, "The grade that it carries."),
        Column("theta", F, "Its location.", unit="logits"),
        Column("theta_se", F, "Standard error of that.", unit="logits"),
        Column("projected_grade", S, "The grade that the projection gives it; null without grades.", is_nullable=True),
        Column("grade_probability", F, "Probability of the grade it carries.", is_nullable=True, unit="probability"),
        Column(
            "leave_one_out_grade",
            S,
            "The grade that the other anchors alone would give it; null when they can place none.",
            is_nullable=True,
        ),
        Column(
            "leave_one_out_probability",
            F,
            "Probability of the grade it carries, by the other anchors alone.",
            is_nullable=True,
            unit="probability",
        ),
        Column(
            "ladder_residual",
            F,
            "How far it lies above where the others put its grade; null with fewer than four anchors.",
            is_nullable=True,
            unit="logits",
        ),
        Column("ladder_z", F, "The same in standard errors.", is_nullable=True),
        Column(
            "detectable",
            F,
            "How far off it would have to lie to be flagged 95 times of 100.",
            is_nullable=True,
            unit="logits",
        ),
        Column("n_inversions", I, "Anchors with which it has changed places."),
        Column("n_contradictions", I, "Those of them that chance does not explain."),
        Column("displacement_z", F, "Against its banked location, in standard errors; null without one.", is_nullable=True),
        Column("drift_z", F, "Against an earlier batch, in standard errors; null without one.", is_nullable=True),
        Column("infit", F, "As in cj_rankings.", is_nullable=True),
        Column("outfit", F, "As in cj_rankings.", is_nullable=True),
        Column("flags", ColumnType.LABELS, "What to look at: order, ladder, displacement, drift, infit, outfit."),
    ),
    ("batch_id", "essay_id"),
)
GRADING_SUMMARY = Table(
    "grading_summary",
    "Whether a batch has grades, why not, and how good they are expected to be: one line for each batch.",
    (
        BATCH_ID,
        Column("grade_scale", S, "Scale of the grades; null when the batch names none.", is_nullable=True),
        Column("is_available", B, "Whether the batch has grades."),
        Column("unavailable_because", S, "Why it has none; null when it has.", is_nullable=True),
        Column("n_anchors", I, "Graded anchors."),
        Column("n_own_grade", I, "Anchors that get their own grade."),
        Column("n_own_grade_left_out", I, "Anchors that get their own grade from the others alone."),
        Column("n_flagged_anchors", I, "Anchors with a flag in anchor_diagnostics."),
        Column("rise_per_grade", F, "By how much anchors rise from grade to grade.", is_nullable=True, unit="logits"),
        Column("contradicted_regions", ColumnType.LABELS, "Where the judge's order contradicts the grades, as in D+..C."),
        Column(
            "expected_accuracy",
            F,
            "Expected share of pupils' grades that an examiner like the anchors' would give too (Rudner 2005).",
            is_nullable=True,
            unit="probability",
        ),
        Column(
            "expected_consistency",
            F,
            "Expected share of pupils' grades that a second such assessment would give again (Lee 2010).",
            is_nullable=True,
            unit="probability",
        ),
        Column("monte_carlo_error", F, "Largest error that the draws leave in a probability.", is_nullable=True),
        Column(
            "compared_with", S, "The earlier batch that the anchors were compared with; null without one.", is_nullable=True
        ),
        Column("n_common_anchors", I, "Anchors in both batches; null without an earlier one.", is_nullable=True),
        Column(
            "link_slope",
            F,
            "Units of the earlier batch's scale in one unit of this one, by the common anchors; null without.",
            is_nullable=True,
        ),
        Column("link_slope_p", F, "Test of that against 1.", is_nullable=True, unit="probability"),
    ),
    ("batch_id",),
)
BATCH_STATUS = Table(
    "batch_status",
    "One line for each batch: where it stands, what it came to, what it cost.",
    (
        BATCH_ID,
        Column(
            "status",
            S,
            "State of the batch: pending, awaiting_judgements, scoring, completed_stable, "
            "completed_max_comparisons, completed_insufficient_essays, completed_forced_recovery, failed or cancelled.",
        ),
        Column("current_phase", S, "What is going on while the batch is being processed; else null.", is_nullable=True),
        Column("llm_batching_mode", S, "per_request, serial_bundle or provider_batch_api."),
        Column("n_essays", I, "Pupils' essays."),
        Column("n_anchors", I, "Anchors."),
        *COUNTS,
        Column(
            "cost_usd",
            F,
            "Sum over the judgements; null where a price is unknown. For 'emulated-' models nothing was paid.",
            is_nullable=True,
            unit="USD",
        ),
        Column("created_at", T, "When the batch was first seen."),
        Column("updated_at", T, "When its state last changed."),
        Column("completed_at", T, "When it was finished.", is_nullable=True),
        Column("status_reason", S, "Why it failed, was cancelled, or ended early; else null.", is_nullable=True),
        Column(
            "client_status",
            S,
            "The same state as a client is shown it: ready, processing, completed_successfully, completed_with_failures "
            "(some answers never came), failed or cancelled.",
        ),
        Column(
            "processing_metadata",
            S,
            "JSON: llm_batching_mode and why it is this one, and original_request, all that was asked for when the batch was "
            "first recorded (batch, judge, batch_config_overrides).",
        ),
    ),
    ("batch_id",),
)

TABLES: tuple[Table, ...] = (
    ESSAYS,
    COMPARISON_PAIRS,
    JUDGE_REQUESTS,
    PROVIDER_JOBS,
    LLM_JUDGEMENTS,
    WAVE_DECISIONS,
    CJ_RANKINGS,
    SCALING_SUMMARY,
    JUDGE_DIAGNOSTICS,
    GRADE_PROJECTIONS,
    GRADE_BOUNDARIES,
    ANCHOR_DIAGNOSTICS,
    GRADING_SUMMARY,
    BATCH_STATUS,
)
