"""The reference page: docs/reference.md, made from the commands, the settings and the fields of ``batch.yaml``.

Run ``python -m huleedu_pipeline.cli.reference > docs/reference.md`` after a change; a test holds the two together.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from typer.main import get_command

from huleedu_pipeline.cli.app import HELP, app
from huleedu_pipeline.essays.spec import BatchSpec
from huleedu_pipeline.judging.spec import JudgeSettings
from huleedu_pipeline.settings import Settings


def reference() -> str:
    """Return the reference page as Markdown."""
    parts = ["# Reference\n\nMade from the code: commands, settings, and the fields of `batch.yaml`.\n\n## Commands\n"]
    teaching = HELP.replace("\b\n", "").strip()
    parts.append(f"```text\n{teaching}\n```\n")
    for name, command in all_commands():
        parts.append(f"### huleedu {name}\n\n{_prose(command.help)}\n")
        rows = [_parameter(parameter) for parameter in command.params if parameter.name != "help"]
        if rows:
            parts.append("\n".join(["| argument | meaning | default |", "|---|---|---|", *rows]) + "\n")
    parts.append("## Settings\n\nEnvironment variables, read when a command or Dagster starts.\n")
    parts.append(fields_table(Settings.model_fields, "HULEEDU_", str.upper))
    parts.append(
        "Keys are read from `OPENAI_API_KEY` and `ANTHROPIC_API_KEY`, or from the files that `OPENAI_API_KEY_FILE` and "
        "`ANTHROPIC_API_KEY_FILE` name, only with `HULEEDU_JUDGE_BACKEND=provider`.\n"
    )
    parts.append("## batch.yaml\n")
    parts.append(fields_table({k: v for k, v in BatchSpec.model_fields.items() if k != "judge"}))
    parts.append("Under `judge:`\n")
    parts.append(fields_table(JudgeSettings.model_fields))
    return "\n".join(parts)


def all_commands() -> list[tuple[str, Any]]:
    """Return every command with its name as it is typed; of a group, the commands in it."""
    return sorted(_within("", get_command(app)))


def _within(prefix: str, group: Any) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _within(f"{prefix}{name} ", command)
        else:
            yield f"{prefix}{name}", command


def _prose(text: str | None) -> str:
    description, _, example = (text or "").partition("Example: ")
    # What click is told not to wrap is shown as it stands.
    shown = re.sub(r"\x08\n((?:.+\n)+)", r"```text\n\1```\n", description).strip()
    return f"{shown}\n\n```sh\n{' '.join(example.split())}\n```"


def _parameter(parameter: Any) -> str:
    is_option = parameter.param_type_name == "option"
    name = " / ".join([*parameter.opts, *parameter.secondary_opts]) if is_option else parameter.name.upper()
    default = "" if parameter.default is None or callable(parameter.default) else str(parameter.default)
    return f"| `{name}` | {parameter.help} | {'required' if parameter.required else default} |"


def fields_table(fields: Mapping[str, FieldInfo], prefix: str = "", case: Any = str) -> str:
    """Return a Markdown table of a model's fields: name, meaning, default."""
    rows = ["| name | meaning | default |", "|---|---|---|"]
    for name, field in fields.items():
        default = "" if field.default in (PydanticUndefined, None) else field.default
        default = ", ".join(default) if isinstance(default, tuple) else default
        rows.append(f"| `{prefix}{case(name)}` | {field.description} | {default} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.stdout.write(reference())
