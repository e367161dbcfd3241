"""What the tests of logs share: the lines that were written."""

import json
from pathlib import Path
from typing import Any


def lines_in(folder: Path) -> list[dict[str, Any]]:
    """Return every line in a folder of logs but the first of each process; each has to be whole."""
    found = [json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in path.read_text("utf-8").splitlines()]
    return [line for line in found if line["event"] != "runner_invocation"]
