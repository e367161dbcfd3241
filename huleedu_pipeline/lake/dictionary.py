"""The data dictionary: docs/tables.md, made from the declarations of tables and views.

Run ``python -m huleedu_pipeline.lake.dictionary > docs/tables.md`` after a change; a test holds the two together.
"""

import sys

from huleedu_pipeline.lake.tables import TABLES
from huleedu_pipeline.lake.views import VIEWS

HEAD = """# Tables and views

Made from the declarations in `huleedu_pipeline/lake`; the same descriptions stand as comments in the database itself:
`SELECT table_name, column_name, comment FROM duckdb_columns()`. Instants are UTC.
"""


def data_dictionary() -> str:
    """Return the data dictionary as Markdown."""
    parts = [HEAD]
    for table in TABLES:
        parts.append(f"\n## {table.name}\n\n{table.description} Key: {', '.join(table.key)}.\n")
        parts.append("| column | type | nulls | description |\n|---|---|---|---|")
        parts += [
            f"| {column.name} | {column.type.duckdb} | {'yes' if column.is_nullable else 'no'} | {column.comment} |"
            for column in table.columns
        ]
    for view in VIEWS:
        parts.append(f"\n## {view.name} (view)\n\n{view.description}")
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.stdout.write(data_dictionary())
