"""The alignment report in words: one document for a run and one for a comparison of runs, and their files.

JSON holds everything and is read again; Markdown and HTML say it for people. Not here: the figures (:mod:`.alignment`).
"""

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from huleedu_pipeline.eng5.alignment_compare import RunComparison
from huleedu_pipeline.eng5.alignment_models import (
    Alignment,
    AlignmentReport,
    AnchorResult,
    DirectInversion,
    Part,
    RankAgreement,
    Run,
    Share,
)
from huleedu_pipeline.eng5.documents import Block, Document, Heading, Paragraph, Table, as_html, as_markdown
from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.files import replacing

REPORT, COMPARISON = "alignment_report", "alignment_comparison"
NOTHING = "–"

TAU_TIES = (
    "Tau-b counts a pair of anchors as concordant when the higher grade has the higher theta and as discordant when it has the "
    "lower one. Pairs with one grade are ties: they count as neither, and the denominator is corrected for them, so no order "
    "within a grade makes tau-b larger or smaller by being lucky."
)
INTERVALS = (
    "Intervals are of 95 % (Clopper and Pearson). By verdict: about asking these very anchors again, and only as far as "
    "repeated answers are independent; where the judge repeats itself they are too narrow. By pair: each pair of anchors "
    "counts once, by most of its verdicts, and a pair with as many either way is left out; about other anchors of these "
    "grades, and pairs that share an anchor are less independent than they suppose."
)


class ReportError(HuleeduError):
    """A folder without a report that can be read."""


def write_report(folder: Path, report: AlignmentReport) -> list[Path]:
    """Write a run's report into its folder as JSON, Markdown and HTML, in place of an earlier one, and return the files."""
    return _write(folder, REPORT, report, report_document(report))


def write_comparison(folder: Path, comparison: RunComparison) -> list[Path]:
    """Write a comparison of runs in the same three forms, and return the files."""
    return _write(folder, COMPARISON, comparison, comparison_document(comparison))


def read_report(folder: Path) -> AlignmentReport:
    """Return the report in a run's folder.

    Raises:
        ReportError: there is none, or it is no alignment report of this version.

    """
    path = folder / f"{REPORT}.json"
    try:
        return AlignmentReport.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise ReportError(f"{path}: is not there (give the folder of a run of `huleedu eng5 anchor-align`)") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "its JSON"
        raise ReportError(f"{path}: is no alignment report of this version: {place}: {first['msg']} (make it again)") from None


def report_document(report: AlignmentReport) -> Document:
    """Return a run's report for people."""
    run, found = report.run, report.alignment
    mark = "SIMULATED: " if report.is_simulated else ""
    blocks: list[Block] = [
        *_notice(report.notice),
        *_run(run, is_simulated=report.is_simulated),
        *_parts(found.n_parts),
        Heading(f"{mark}Anchors"),
        _anchors(found),
    ]
    if any(_rests_on_prior(one) for one in found.anchors):
        blocks.append(
            Paragraph(
                "(1) won or lost every comparison: the verdicts only say on which side of the others it lies, and theta and SE "
                "rest on the prior."
            )
        )
    blocks += [
        Heading(f"{mark}Agreement with the grades"),
        Paragraph(_tau(found.agreement)),
        Paragraph(TAU_TIES),
        Paragraph(INTERVALS),
        Table(
            ("between different grades", "for the higher grade"),
            [("verdicts", _share(found.expert_verdicts)), ("pairs", _share(found.expert_pairs))],
        ),
        Heading(f"{mark}Direct inversions"),
        *_inversions(found.inversions),
        Heading(f"{mark}Anchors without a win"),
        Paragraph(", ".join(found.zero_wins) or "None."),
        Heading(f"{mark}Grade boundaries"),
        Paragraph("How often the higher grade won where anchors of the two grades were compared; intervals as above."),
        _grade_pairs(found),
        Heading(f"{mark}Position and consistency"),
        *_consistency(found),
    ]
    return Document(f"{mark}Anchor alignment: {run.batch_id}", blocks)


def comparison_document(comparison: RunComparison) -> Document:
    """Return a comparison of runs for people."""
    mark = "SIMULATED: " if comparison.is_simulated else ""
    runs = comparison.runs
    blocks: list[Block] = [
        *_notice(comparison.notice),
        Heading("Runs"),
        Table(
            (
                "run",
                "judge",
                "design",
                "verdicts",
                "tau-b",
                "for the higher grade (pairs)",
                "inversions",
                "without a win",
                "position",
                "same in both orders",
            ),
            [
                (
                    one.run.batch_id,
                    _judge_name(one.run),
                    one.run.design,
                    f"{one.run.n_succeeded} of {one.run.n_requests}",
                    _number(one.alignment.agreement.tau_b),
                    _share(one.alignment.expert_pairs),
                    str(len(one.alignment.inversions)),
                    ", ".join(one.alignment.zero_wins) or NOTHING,
                    _plus_minus(one.alignment.position.logits, one.alignment.position.se),
                    _share(one.alignment.consistency.both_orders),
                )
                for one in runs
            ],
        ),
        Heading(f"{mark}Run against run"),
        Paragraph(
            "Pairs of anchors that both runs decided, each counted once. Of those between different grades in which the runs "
            "differ: in how many only the one, and only the other, chose the higher grade, with McNemar's exact test. It takes "
            "pairs to be independent; pairs that share an anchor are less so, and the true p is larger."
        ),
        Table(
            (
                "runs",
                "common anchors",
                "same winner",
                "only the first agrees",
                "only the second agrees",
                "p",
                "tau-b of the thetas",
            ),
            [
                (
                    f"{one.first} and {one.second}",
                    str(one.n_common_anchors),
                    _share(one.same_winner),
                    str(one.only_first_agrees),
                    str(one.only_second_agrees),
                    _p(one.p_value),
                    _number(one.tau_b.tau_b),
                )
                for one in comparison.pairs
            ],
        ),
        Heading(f"{mark}Anchors"),
        Paragraph("Theta with its standard error, in logits; each run is centred on its own anchors."),
        _thetas(runs),
    ]
    return Document(f"{mark}Anchor alignment: {len(runs)} runs compared", blocks)


def _write(folder: Path, name: str, model: Part, document: Document) -> list[Path]:
    texts = {
        f"{name}.json": model.model_dump_json(indent=1) + "\n",
        f"{name}.md": as_markdown(document),
        f"{name}.html": as_html(document),
    }
    for file_name, text in texts.items():
        with replacing(folder / file_name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return [folder / file_name for file_name in texts]


def _notice(notice: str | None) -> list[Block]:
    return [] if notice is None else [Paragraph(notice, is_notice=True)]


def _run(run: Run, *, is_simulated: bool) -> list[Block]:
    settings = {
        "temperature": run.temperature,
        "reasoning effort": run.reasoning_effort,
        "verbosity": run.output_verbosity,
        "most tokens of a reply": run.max_output_tokens,
        "reason": run.reason_length,
    }
    told = ", ".join(f"{name} {value}" for name, value in settings.items() if value is not None)
    cost = "unknown (a price is not listed)" if run.cost_usd is None else f"{run.cost_usd:.4f} USD"
    rows = [
        ("assignment", run.assignment or NOTHING),
        ("grade scale", f"{run.grade_scale} ({' '.join(run.grades)})"),
        ("judge", _judge_name(run)),
        ("judge_id", run.judge_id),
        ("prompt template", run.prompt_template),
        ("settings", told),
        ("mode", run.llm_batching_mode),
        ("design", f"{run.design}; seed {run.seed}"),
        ("requests", f"{run.n_requests}: {run.n_succeeded} verdicts, {run.n_failed} failed, {run.n_expired} expired"),
        ("tokens", f"{run.input_tokens:,} in, {run.output_tokens:,} out"),
        ("cost", f"nothing was paid; the real model would have cost {cost}" if is_simulated else cost),
        ("last outcome", run.completed_at),
    ]
    return [
        Paragraph(
            "Graded anchors, judged blind as if they were pupils' essays: under numbers given by chance, without their grades."
        ),
        Table(("run", run.batch_id), rows),
    ]


def _parts(n_parts: int) -> list[Block]:
    if n_parts == 1:
        return []
    return [
        Paragraph(
            f"The verdicts fall into {n_parts} groups of anchors that no comparison connects: there is no common scale, and so "
            "neither theta nor tau-b.",
            is_notice=True,
        )
    ]


def _anchors(found: Alignment) -> Table:
    return Table(
        ("rank", "anchor", "grade", "theta", "SE", "wins", "losses", "ties", "comparisons won"),
        [
            (
                NOTHING if one.rank is None else str(one.rank),
                one.label,
                one.grade,
                _number(one.theta) + (" (1)" if _rests_on_prior(one) else ""),
                _number(one.theta_se),
                str(one.n_wins),
                str(one.n_losses),
                str(one.n_ties),
                f"{one.n_wins / (one.n_wins + one.n_losses):.0%}" if one.n_wins + one.n_losses else NOTHING,
            )
            for one in found.anchors
        ],
    )


def _rests_on_prior(one: AnchorResult) -> bool:
    return one.is_one_sided and one.theta is not None


def _tau(found: RankAgreement) -> str:
    if found.tau_b is None:
        return "Kendall's tau-b between grade and theta: not defined here."
    return (
        f"Kendall's tau-b between grade and theta: {found.tau_b:.3f}. Of {found.n_pairs} pairs of anchors {found.n_concordant} "
        f"are concordant, {found.n_discordant} discordant, {found.n_tied_grade} tied in grade and "
        f"{found.n_tied_theta} in theta."
    )


def _inversions(inversions: Sequence[DirectInversion]) -> list[Block]:
    if not inversions:
        return [Paragraph("None: no anchor won a comparison with one of a higher grade.")]
    rows = []
    for one in inversions:
        for n, verdict in enumerate(one.verdicts):
            pair = (
                f"{one.lower} ({one.lower_grade})",
                f"{one.higher} ({one.higher_grade})",
                str(one.grades_apart),
                f"{one.n_lower_won} : {one.n_higher_won}",
            )
            rows.append(
                (
                    *(pair if n == 0 else ("", "", "", "")),
                    verdict.shown_first,
                    NOTHING if verdict.confidence is None else f"{verdict.confidence:g}",
                    verdict.justification or NOTHING,
                    verdict.custom_id,
                )
            )
    return [
        Paragraph(
            f"Pairs of anchors of which the lower grade won at least once: {len(inversions)}. Below, every such verdict in the "
            "judge's own words."
        ),
        Table(
            (
                "lower grade won",
                "higher grade lost",
                "steps apart",
                "won : lost",
                "shown first",
                "confidence",
                "justification",
                "request",
            ),
            rows,
        ),
    ]


def _grade_pairs(found: Alignment) -> Table:
    return Table(
        ("lower", "higher", "neighbours", "verdicts for the higher", "pairs for the higher", "even pairs"),
        [
            (
                one.lower_grade,
                one.higher_grade,
                "yes" if one.is_boundary else "no",
                _share(one.verdicts),
                _share(one.pairs),
                str(one.n_even),
            )
            for one in sorted(found.grade_pairs, key=lambda one: not one.is_boundary)
        ],
    )


def _consistency(found: Alignment) -> list[Block]:
    position, again = found.position, found.consistency
    rows = [
        ("favour for the text shown first", f"{_plus_minus(position.logits, position.se)} logits, p {_p(position.p_value)}"),
        ("verdicts for the text shown first", _share(position.first_won)),
        ("same winner in both orders", _share(again.both_orders)),
        ("flips: the first place won both times", str(again.n_flips_to_first)),
        ("flips: the second place won both times", str(again.n_flips_to_second)),
        ("same verdict when asked again in the same order", _share(again.repeats)),
    ]
    told: list[Block] = [Table(("measure", "found"), rows)]
    if not position.is_balanced:
        told.append(
            Paragraph(
                "Not every anchor was shown first about as often as second: the share of verdicts for the first text holds "
                "differences of quality too, and the favour in logits rests on the model. Ask in both orders to part them."
            )
        )
    return told


def _thetas(runs: Sequence[AlignmentReport]) -> Table:
    by_text = [{anchor.text_sha256: anchor for anchor in one.alignment.anchors} for one in runs]
    known = {text: anchor for anchors in reversed(by_text) for text, anchor in anchors.items()}
    place = {grade: number for number, grade in enumerate(runs[0].run.grades)}
    rows = []
    for text, anchor in sorted(known.items(), key=lambda item: (-place[item[1].grade], item[1].label)):
        cells = [
            _plus_minus(one.theta, one.theta_se) if (one := anchors.get(text)) is not None else NOTHING for anchors in by_text
        ]
        rows.append((anchor.label, anchor.grade, *cells))
    return Table(("anchor", "grade", *(one.run.batch_id for one in runs)), rows)


def _judge_name(run: Run) -> str:
    return f"{', '.join(run.models)} ({run.provider})"


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}"


def _plus_minus(value: float | None, se: float | None) -> str:
    if value is None:
        return NOTHING
    return f"{value:+.2f}" + ("" if se is None else f" ± {se:.2f}")


def _p(value: float | None) -> str:
    return NOTHING if value is None else "< .001" if value < 0.001 else f"{value:.3f}"


def _share(one: Share) -> str:
    if one.share is None or one.low is None or one.high is None:
        return NOTHING
    return f"{one.share:.0%} ({one.k} of {one.n}; {one.low:.0%} to {one.high:.0%})"
