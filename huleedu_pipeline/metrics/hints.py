"""PromQL to look at while a run is under way, from the file beside the alerting rules."""

from dataclasses import dataclass

import yaml

from huleedu_pipeline.project_files import project_file

HINTS_FILE = "deploy/observability/hints.yaml"


@dataclass(frozen=True)
class Hint:
    """What an expression shows, the expression, and the batching modes in which there is something to see (empty: all)."""

    shows: str
    expr: str
    modes: tuple[str, ...] = ()


def hints(llm_batching_mode: str | None = None) -> list[Hint]:
    """Return the hints, perhaps only those that say something of a batch in this mode."""
    stored = yaml.safe_load(project_file(HINTS_FILE).read_text(encoding="utf-8"))["hints"]
    found = [Hint(item["shows"], item["expr"], tuple(item.get("modes", ()))) for item in stored]
    return [hint for hint in found if llm_batching_mode is None or not hint.modes or llm_batching_mode in hint.modes]
