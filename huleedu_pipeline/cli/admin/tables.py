"""What the `huleedu admin` commands print for eyes."""

from collections import Counter
from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from huleedu_pipeline.cli.show import console
from huleedu_pipeline.context import Assignment, AssignmentPage, ContextEvent
from huleedu_pipeline.grading.scales import GradeScale

MOST_NAMED = 6


def print_assignments(found: AssignmentPage) -> None:
    """Print one line for each assignment of a page."""
    out = console()
    if not found.n_total:
        out.print("No assignment is registered. Try: huleedu admin import-dir examples/eng5-role-model")
        return
    n_pages = -(-found.n_total // found.page_size)
    caption = f"page {found.page} of {n_pages}" if n_pages > 1 else None
    table = Table(title="Assignments", caption=caption)
    for heading in ("assignment", "version", "scale", "origin", "prompt", "rubric", "anchors", "changed"):
        table.add_column(heading, justify="right" if heading == "version" else "left")
    for one in found.assignments:
        anchors = ", ".join(
            str(n) if scale_id == one.grade_scale else f"{n} on {scale_id}" for scale_id, n in one.anchors_by_scale.items()
        )
        table.add_row(
            one.assignment_id,
            str(one.version),
            one.grade_scale,
            one.context_origin,
            "yes" if one.has_prompt else "-",
            "yes" if one.has_rubric else "-",
            anchors or "-",
            f"{one.updated_at:%Y-%m-%d %H:%M}",
        )
    out.print(table)


def print_assignment(found: Assignment) -> None:
    """Print an assignment with its texts, and its anchors without."""
    out = console()
    state = "deleted" if found.is_deleted else "current" if found.is_current else "an older one"
    out.print(f"assignment {found.assignment_id}, version {found.version} ({state})", markup=False)
    out.print(f"  scale {found.grade_scale}, origin {found.context_origin}", markup=False)
    out.print(f"  written {found.created_at:%Y-%m-%d %H:%M} UTC by {found.created_by}", markup=False)
    for name in ("instructions", "prompt", "rubric"):
        text = getattr(found, name)
        out.rule(name, align="left")
        out.print("(none)" if text is None else text, markup=False)
    print_anchors(found)


def print_anchors(found: Assignment) -> None:
    """Print an assignment's anchors by scale and label, and how many of each grade there are."""
    out = console()
    if not found.anchors:
        out.print(f"assignment {found.assignment_id} has no anchors", markup=False)
        return
    grades = Counter(anchor.grade for anchor in found.scale_anchors)
    caption = f"on {found.grade_scale}: " + (", ".join(f"{n} x {grade}" for grade, n in grades.items()) or "none")
    table = Table(title=f"Anchors of {found.assignment_id}, version {found.version}", caption=escape(caption))
    for heading in ("label", "grade", "scale", "words", "sha256"):
        table.add_column(heading, justify="right" if heading == "words" else "left")
    for anchor in found.anchors:
        cells = (escape(anchor.label), anchor.grade, anchor.grade_scale, str(anchor.n_words), anchor.text_sha256[:12])
        table.add_row(*cells)
    out.print(table)


def print_scales(found: Sequence[GradeScale], title: str) -> None:
    """Print grade scales with their grades from the lowest to the highest."""
    table = Table(title=title)
    for heading in ("scale", "grades, lowest first", "below", "description"):
        table.add_column(heading)
    for scale in found:
        table.add_row(
            scale.scale_id, escape(" ".join(scale.grades)), escape(scale.below_lowest or "-"), escape(scale.description)
        )
    console().print(table)


def print_events(found: Sequence[ContextEvent]) -> None:
    """Print the record of writes, oldest first."""
    table = Table(title="Who changed what")
    for heading in ("when (UTC)", "who", "did", "what", "version", "in it"):
        table.add_column(heading, justify="right" if heading == "version" else "left")
    for event in found:
        table.add_row(
            f"{event.at:%Y-%m-%d %H:%M:%S}",
            escape(event.actor),
            event.action,
            f"{event.subject} {event.subject_id}",
            "" if event.version is None else str(event.version),
            escape(_detail(event)),
        )
    console().print(table)


def _detail(event: ContextEvent) -> str:
    if event.subject == "scale":
        return " ".join(event.detail["grades"])
    parts = []
    for name, values in event.detail.items():
        named = ", ".join(values[:MOST_NAMED]) + (f" and {len(values) - MOST_NAMED} more" if len(values) > MOST_NAMED else "")
        parts.append(named if name == "texts" else f"{name.replace('_', ' ')}: {named}")
    return "; ".join(parts)
