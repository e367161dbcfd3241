"""What an examination finds: one line each, with the remedy where something is wrong. Not here: any examination."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Mark = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """One line of an examination."""

    mark: Mark
    subject: str
    message: str


def has_failed(findings: Iterable[Finding]) -> bool:
    """Whether anything stands in the way."""
    return any(finding.mark == "fail" for finding in findings)
