"""Commands about graded anchors: `admin anchors register|list|get|delete|import-dir`."""

from pathlib import Path
from typing import Annotated

import typer

from huleedu_pipeline.cli.admin.options import (
    AssignmentArgument,
    ByOption,
    Command,
    FileArgument,
    VersionOption,
    add_group,
    show,
    tell,
    writer,
)
from huleedu_pipeline.cli.output import Output, OutputOption, warn

HELP = """Anchors: graded essays that carry an assignment's grade scale over to pupils' essays.

Example: huleedu admin anchors import-dir role-model anchors/
"""

LabelArgument = Annotated[str, typer.Argument(help="The anchor's label.")]
ScaleOption = Annotated[str | None, typer.Option(help="Scale of the grade; default: the assignment's.")]


def register(admin: typer.Typer) -> None:
    """Add the group of this module's commands to ``admin``."""
    writing: dict[str, Command] = {"register": register_anchor, "import-dir": import_dir}
    add_group(admin, "anchors", HELP, {**writing, "list": list_anchors, "get": get, "delete": delete})


def register_anchor(
    assignment_id: AssignmentArgument,
    file: FileArgument,
    grade: Annotated[str, typer.Option(help="Its grade, one of the scale's.")],
    label: Annotated[str | None, typer.Option(help="Its name; default: the file's name without the ending.")] = None,
    grade_scale: ScaleOption = None,
    by: ByOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Register one graded essay of at least 100 characters; a label that is there on the same scale is replaced.

    Example: huleedu admin anchors register role-model anchor_012.txt --grade A
    """
    from huleedu_pipeline.cli.opened import opened_context
    from huleedu_pipeline.context import AnchorInput
    from huleedu_pipeline.context.folders import read_text_input, validated

    name = file.stem if label is None else label
    values = {"label": name, "grade": grade, "text": read_text_input(file), "grade_scale": grade_scale}
    anchor = validated(AnchorInput, values, file.name)
    with opened_context() as context:
        made = context.put_anchors(assignment_id, [anchor], by=writer(by))
    tell(made, output, what=f"anchor {anchor.label} is registered")


def import_dir(
    assignment_id: AssignmentArgument,
    folder: Annotated[Path, typer.Argument(help="Folder of documents: .txt, .md, .docx, .odt, .rtf, .pdf.")],
    by: ByOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Register all graded essays of a folder, or none if one of them can not be used.

    Grades are in anchors.csv (columns file_name, grade) or at the end of the file names (anchor_012_A.txt). Labels are the
    file names without the ending. Anchors under other labels stay: `huleedu admin anchors delete` takes them out.

    Example: huleedu admin anchors import-dir role-model anchors/
    """
    from huleedu_pipeline.cli.opened import opened_context
    from huleedu_pipeline.context.folders import read_anchor_folder

    anchors = read_anchor_folder(folder, on_warning=warn)
    with opened_context() as context:
        made = context.put_anchors(assignment_id, anchors, by=writer(by))
    tell(made, output, what=f"{len(anchors)} anchors are registered")


def list_anchors(assignment_id: AssignmentArgument, version: VersionOption = None, output: OutputOption = Output.TABLE) -> None:
    """List an assignment's anchors on all scales, without their texts.

    Example: huleedu admin anchors list role-model --format json
    """
    from huleedu_pipeline.cli.admin.tables import print_anchors
    from huleedu_pipeline.cli.opened import opened_context

    with opened_context() as context:
        found = context.assignment(assignment_id, version)
    without_texts = [anchor.model_dump(mode="json", exclude={"text"}) for anchor in found.anchors]
    show(output, without_texts, lambda: print_anchors(found))


def get(
    assignment_id: AssignmentArgument,
    label: LabelArgument,
    grade_scale: ScaleOption = None,
    version: VersionOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Print the text of one anchor; with --format json its grade as well.

    Example: huleedu admin anchors get role-model anchor_012_A
    """
    from huleedu_pipeline.cli.opened import opened_context

    with opened_context() as context:
        found = context.anchor(assignment_id, label, grade_scale=grade_scale, version=version)
    show(output, found, lambda: typer.echo(found.text))


def delete(
    assignment_id: AssignmentArgument,
    label: LabelArgument,
    grade_scale: ScaleOption = None,
    by: ByOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Take an anchor out of the assignment from the next version on; older versions keep it.

    Example: huleedu admin anchors delete role-model anchor_012_A
    """
    from huleedu_pipeline.cli.opened import opened_context

    with opened_context() as context:
        made = context.delete_anchor(assignment_id, label, grade_scale=grade_scale, by=writer(by))
    tell(made, output, what=f"anchor {label} is deleted")
