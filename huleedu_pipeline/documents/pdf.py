"""PDF (ISO 32000), read in a process of its own that has little time, little memory and no keys.

A PDF is a program of sorts: it can be written to unpack without end or to keep its reader busy for ever, so the reader
(:mod:`.pdf_reader`) is started anew for every file and stopped when it takes too long. Not here: how a page becomes text.
"""

import hashlib
import json
import os
import subprocess
import sys
from typing import Any

from huleedu_pipeline.documents.document import Content, DocumentError, properties

MAX_SECONDS = 60.0
MAX_REMEMBERED = 2_000
# What Python needs to find its modules; keys and everything else stay behind.
KEPT = (
    *("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "HOME", "LANG", "LC_ALL"),
    *("SYSTEMROOT", "USERPROFILE", "APPDATA", "TEMP", "TMP", "TMPDIR"),
)

# A folder is looked at again and again while it waits, and a PDF costs a process: what became of the last ones is remembered.
_remembered: dict[str, Content | str] = {}


def read_pdf(data: bytes) -> Content:
    """Read a PDF.

    Raises:
        DocumentError: it is damaged, locked, too long, has no text (a scan), or takes more time or memory than an essay.

    """
    key = hashlib.sha256(data).hexdigest()
    found = _remembered.get(key)
    if found is None:
        try:
            found = _read(data)
        except DocumentError as error:
            found = str(error)
        if len(_remembered) >= MAX_REMEMBERED:
            _remembered.clear()
        _remembered[key] = found
    if isinstance(found, str):
        raise DocumentError(found)
    return found


def _read(data: bytes) -> Content:
    environment = {name: os.environ[name] for name in KEPT if name in os.environ}
    # -P: a file in the working directory, which may be the pupils' own, must not pass for a module.
    command = [sys.executable, "-P", "-m", "huleedu_pipeline.documents.pdf_reader"]
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            command, input=data, capture_output=True, env=environment, timeout=MAX_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise DocumentError(f"can not be read within {MAX_SECONDS:g} seconds (print it to a new PDF)") from None
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError:  # killed, or out of memory before it could say so
        why = "`python -m huleedu_pipeline.documents.pdf_reader < FILE` shows why"
        raise DocumentError(f"its reader stopped with code {done.returncode} (print it to a new PDF; {why})") from None
    if "error" in found:
        raise DocumentError(found["error"])
    return Content(tuple(found["paragraphs"]), tuple(found["warnings"]), properties(**found["properties"]))
