"""Tables of the group grading: grades, boundaries, and whether the anchors are to be believed."""

from huleedu_pipeline.lake.schema import Column, ColumnType, Table
from huleedu_pipeline.lake.tables.columns import BATCH_ID, ESSAY_ID, FILE_NAME, IS_PROVISIONAL, B, F, I, S

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
        FILE_NAME,
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
        FILE_NAME,
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
