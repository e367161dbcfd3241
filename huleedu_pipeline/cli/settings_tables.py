"""Tables of settings in pages that are otherwise written by hand: docs/operations.

Between ``<!-- settings: NAMES -->`` or ``<!-- batch.yaml: NAMES -->`` and ``<!-- end -->`` stands a table of those fields,
with meaning and default from the models. Run ``python -m huleedu_pipeline.cli.settings_tables docs/operations/*.md`` after a
change; a test holds the two together. Not here: the page of all settings (:mod:`.reference`).
"""

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from pydantic.fields import FieldInfo

from huleedu_pipeline.cli.reference import fields_table
from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.essays.spec import BatchSpec
from huleedu_pipeline.settings import Settings

SETTINGS, BATCH_YAML = "settings", "batch.yaml"
TABLE = re.compile(
    r"(?P<opening><!-- (?P<kind>settings|batch\.yaml): (?P<names>[a-z_ ]+) -->\n).*?(?P<closing><!-- end -->)", re.DOTALL
)


class UnknownFieldError(HuleeduError):
    """A page names a setting that there is not."""


def filled(page: str) -> str:
    """Return a page with its tables made anew.

    Raises:
        UnknownFieldError: a mark names a field that the model does not have.

    """
    return TABLE.sub(lambda found: f"{found['opening']}{_table(found['kind'], found['names'].split())}{found['closing']}", page)


def named(page: str, kind: str) -> list[str]:
    """Return the fields of a kind that a page has tables of."""
    return [name for found in TABLE.finditer(page) if found["kind"] == kind for name in found["names"].split()]


def _table(kind: str, names: list[str]) -> str:
    fields: Mapping[str, FieldInfo] = Settings.model_fields if kind == SETTINGS else BatchSpec.model_fields
    unknown = [name for name in names if name not in fields]
    if unknown:
        raise UnknownFieldError(f"{kind}: {', '.join(unknown)}: no such field (correct the mark above the table)")
    shown = {name: fields[name] for name in names}
    return fields_table(shown, "HULEEDU_", str.upper) if kind == SETTINGS else fields_table(shown)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")
