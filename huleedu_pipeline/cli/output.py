"""How commands print an answer: for eyes, or as JSON for machines."""

import json
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pydantic import BaseModel

    from huleedu_pipeline.findings import Finding

EXIT_FAILED = 1
MARKS = {"ok": typer.colors.GREEN, "warn": typer.colors.YELLOW, "fail": typer.colors.RED}


class Output(StrEnum):
    """How an answer is printed."""

    TABLE = "table"
    JSON = "json"


OutputOption = Annotated[Output, typer.Option("--format", help="table for eyes, json for machines.")]


def warn(text: str) -> None:
    """Tell what is to be known, where it does not mix with an answer for machines."""
    typer.echo(f"WARNING: {text}", err=True)


def print_json(answer: "BaseModel | Sequence[BaseModel] | dict[str, Any] | list[dict[str, Any]]") -> None:
    """Print models, or plain fields, as JSON."""
    from pydantic import BaseModel

    def plain(value: Any) -> Any:
        return value.model_dump(mode="json") if isinstance(value, BaseModel) else value

    found = [plain(one) for one in answer] if isinstance(answer, list | tuple) else plain(answer)
    typer.echo(json.dumps(found, ensure_ascii=False, indent=1))


def print_findings(findings: "Sequence[Finding]", *, err: bool = False) -> None:
    """Print what an examination found, a line each, and end with an exit code when anything failed."""
    from huleedu_pipeline.findings import has_failed

    for finding in findings:
        typer.secho(f"{finding.mark:4}", fg=MARKS[finding.mark], nl=False, err=err)
        typer.echo(f"  {finding.subject}: {finding.message}", err=err)
    if has_failed(findings):
        raise typer.Exit(EXIT_FAILED)
