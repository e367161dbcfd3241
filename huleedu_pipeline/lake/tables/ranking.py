"""Tables of the group ranking: locations with standard errors, and how far to believe them."""

from huleedu_pipeline.lake.schema import Column, ColumnType, Table
from huleedu_pipeline.lake.tables.columns import (
    BATCH_ID,
    ESSAY_ID,
    FILE_NAME,
    IS_ANCHOR,
    IS_PROVISIONAL,
    JUDGE_ID,
    MODEL,
    PROVIDER,
    B,
    F,
    I,
    S,
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
        FILE_NAME,
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
