"""The two result files of an OpenAI batch, and which line goes to which.

Not here: what a line says (``openai_format``) and how it gets to the disk (``result_lines``).
"""

from __future__ import annotations

from dataclasses import dataclass

from . import openai_format as form
from .errors import ApiError
from .faults.lines import RefusedLines
from .result_lines import ResultLines
from .wire import Json, json_bytes


@dataclass
class OutputAndErrors:
    """Both files while they are written; the counts say whether there is anything to keep."""

    output: ResultLines
    errors: ResultLines
    in_output: int = 0
    in_errors: int = 0

    def to_output(self, number: int, line: Json) -> None:
        """Write the line of the request with this number to the output file."""
        self.output.write(number, json_bytes(line))
        self.in_output += 1

    def to_errors(self, number: int, line: Json) -> None:
        """Write the line of the request with this number to the error file."""
        self.errors.write(number, json_bytes(line))
        self.in_errors += 1

    def refused(self, number: int, key: str, custom_id: str, fault: RefusedLines) -> None:
        """Write the line of a request that a fault refuses."""
        if fault.status is None:
            line = form.error_line(key, custom_id, fault.code, fault.message)
        else:
            status = 0 if fault.status == "missing" else fault.status
            body = form.error_body(ApiError(status, fault.message, code=fault.code)) if status else {}
            line = form.result_line(key, custom_id, status, body)
            if fault.status == "missing":
                del line["response"]["status_code"]
        (self.to_output if fault.in_output else self.to_errors)(number, line)

    def finish(self) -> None:
        """End both files."""
        self.output.finish()
        self.errors.finish()
