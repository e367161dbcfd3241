"""What the two warehouses cost over plain files and tables: publishing a large batch, and opening a view over many batches.

``python benchmarks/storage.py`` publishes a batch of 20 000 judgements, and opens current_rankings over 1 000 batches, in
DuckDB and in Postgres (the one from the tests' wheel, or HULEEDU_TEST_DATABASE_URL). Beside each stands the plain way with the
same rows: a COPY into an empty table of the same columns and key, or read_parquet into one; the view's rows read from a table,
or from a Parquet file, that holds nothing else. Each pair is measured in turns, and the medians and their ratio are printed.
The rows are invented, and nothing here asserts how long something takes.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy as sa
from rich.console import Console
from rich.progress import track
from rich.table import Table as Printed

from huleedu_pipeline.lake import ColumnType, Lake, Table, open_warehouse, publish
from huleedu_pipeline.lake.copy_text import copy_text
from huleedu_pipeline.lake.postgres import publish_to_postgres
from huleedu_pipeline.lake.tables import CJ_RANKINGS, ESSAYS, GRADE_PROJECTIONS, JUDGE_DIAGNOSTICS, LLM_JUDGEMENTS
from tests.postgres import drop_database, make_database, serving

SEED = 20261120
START = datetime(2026, 11, 20, 2, tzinfo=UTC)
WORDS = [
    *("the", "essay", "argues", "that", "school", "uniforms", "change", "how", "pupils", "see", "one", "another", "because"),
    *("it", "gives", "clear", "reasons", "and", "examples", "from", "daily", "life", "while", "its", "language", "stays"),
]
ESSAYS_PER_BATCH, JUDGEMENTS_PER_BATCH = 30, 150
MODEL = "emulated-gpt-6-luna"


def row_of(table: Table, chance: random.Random, **values: Any) -> dict[str, Any]:
    """Return a row with invented values in every column that is not given."""
    make: dict[ColumnType, Callable[[], Any]] = {
        ColumnType.STRING: lambda: " ".join(chance.choices(WORDS, k=2)),
        ColumnType.INTEGER: lambda: chance.randrange(1000),
        ColumnType.FLOAT: lambda: chance.gauss(0, 1),
        ColumnType.BOOLEAN: lambda: chance.random() < 0.5,
        ColumnType.TIMESTAMP: lambda: START + timedelta(seconds=chance.randrange(10_000)),
        ColumnType.PROBABILITIES: lambda: {grade: chance.random() for grade in "ABCDEF"},
        ColumnType.LABELS: lambda: ["misfit"] if chance.random() < 0.1 else [],
    }
    return {column.name: values.get(column.name, make[column.type]()) for column in table.columns}


def judgements(chance: random.Random, batch_id: str, n_essays: int, n: int) -> Iterator[dict[str, Any]]:
    """Yield a batch's judgements, with reasons of a usual length."""
    for number in range(n):
        a, b = (f"e{one:05}" for one in chance.sample(range(n_essays), 2))
        yield row_of(
            LLM_JUDGEMENTS,
            chance,
            batch_id=batch_id,
            custom_id=f"{chance.getrandbits(128):032x}",
            pair_id=f"p{number:06}",
            essay_a_id=a,
            essay_b_id=b,
            outcome="success",
            winner_essay_id=a,
            justification=" ".join(chance.choices(WORDS, k=40)),
            error_code=None,
            error_message=None,
            model=MODEL,
            provider="openai",
            judge_id="j1",
        )


def write_small_batch(lake: Lake, chance: random.Random, batch_id: str) -> None:
    """Write the tables that current_rankings looks at."""
    names = [f"e{number:05}" for number in range(ESSAYS_PER_BATCH)]
    text = " ".join(chance.choices(WORDS, k=300))
    lake.write_rows(ESSAYS, batch_id, [row_of(ESSAYS, chance, batch_id=batch_id, essay_id=name, text=text) for name in names])
    for table in (CJ_RANKINGS, GRADE_PROJECTIONS):
        lake.write_rows(table, batch_id, [row_of(table, chance, batch_id=batch_id, essay_id=name) for name in names])
    lake.write_rows(LLM_JUDGEMENTS, batch_id, judgements(chance, batch_id, ESSAYS_PER_BATCH, JUDGEMENTS_PER_BATCH))
    judge = row_of(JUDGE_DIAGNOSTICS, chance, batch_id=batch_id, judge_id="j1", model=MODEL, provider="openai")
    lake.write_rows(JUDGE_DIAGNOSTICS, batch_id, [judge])


@contextmanager
def raw(url: str) -> Iterator[Any]:
    """Give a plain psycopg2 connection."""
    engine = sa.create_engine(url)
    connection: Any = engine.raw_connection()
    try:
        yield connection
    finally:
        connection.close()
        engine.dispose()


def seconds(work: Callable[[], object]) -> float:
    """Return how long ``work`` takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def in_turns(n: int, ours: Callable[[], float], plain: Callable[[], float]) -> tuple[float, float]:
    """Return the medians of ``n`` measurements each, made in turns after one that does not count."""
    ours(), plain()
    pairs = [(ours(), plain()) for _ in range(n)]
    return statistics.median(pair[0] for pair in pairs), statistics.median(pair[1] for pair in pairs)


def publishing(folder: Path, server: str, n_judgements: int, n: int) -> dict[str, tuple[float, float]]:
    """Measure the publication of one large batch against the plain way with its rows."""
    lake, chance = Lake(folder / "large"), random.Random(SEED)
    lake.write_rows(LLM_JUDGEMENTS, "large", judgements(chance, "large", 2000, n_judgements))
    file = lake.path(LLM_JUDGEMENTS, "large")
    url, path = make_database(server), folder / "large.duckdb"
    plain_ddl = LLM_JUDGEMENTS.postgres_ddl("public")[0]

    def without_it(publish_now: Callable[[], object]) -> None:
        """Let the next publication be the batch's first."""
        aside = file.rename(folder / "aside.parquet")
        publish_now()
        aside.rename(file)

    def ours_postgres() -> float:
        without_it(lambda: publish_to_postgres(lake, url))
        return seconds(lambda: publish_to_postgres(lake, url))

    def plain_postgres() -> float:
        text = BytesIO(copy_text(LLM_JUDGEMENTS, lake.read(LLM_JUDGEMENTS, "large")))
        with raw(url) as connection, connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS public.llm_judgements")
            cursor.execute(plain_ddl)
            connection.commit()

            def copy() -> None:
                cursor.copy_expert("COPY public.llm_judgements FROM STDIN", text)
                connection.commit()

            return seconds(copy)

    def ours_duckdb() -> float:
        without_it(lambda: publish(lake, path))
        return seconds(lambda: publish(lake, path))

    def plain_duckdb() -> float:
        copied = folder / "plain.duckdb"
        copied.unlink(missing_ok=True)

        def load() -> None:
            with duckdb.connect(str(copied)) as connection:
                connection.execute(LLM_JUDGEMENTS.duckdb_ddl()[0])
                connection.execute(
                    f"INSERT INTO llm_judgements BY NAME SELECT * FROM read_parquet('{file}', hive_partitioning = false)"
                )
                connection.execute("CHECKPOINT")

        return seconds(load)

    try:
        return {"DuckDB": in_turns(n, ours_duckdb, plain_duckdb), "Postgres": in_turns(n, ours_postgres, plain_postgres)}
    finally:
        drop_database(server, url)


def opening(folder: Path, server: str, n_batches: int, n: int) -> dict[str, tuple[float, float]]:
    """Measure the opening of current_rankings over many batches against its rows read from a place of their own."""
    lake, chance = Lake(folder / "many"), random.Random(SEED)
    for number in track(range(n_batches), description="writing batches", transient=True):
        write_small_batch(lake, chance, f"b{number:05}")
    url, path, file = make_database(server), folder / "many.duckdb", folder / "rankings.parquet"
    view, copy_out = "SELECT * FROM warehouse.current_rankings", "COPY ({}) TO STDOUT"
    try:
        publish(lake, path)
        publish_to_postgres(lake, url)
        with open_warehouse(path) as published, duckdb.connect() as plain, raw(url) as connection:
            published.connection.execute(f"COPY (FROM current_rankings) TO '{file}'")
            cursor = connection.cursor()
            cursor.execute(f"CREATE TABLE public.rankings AS {view}")
            connection.commit()
            cursor.execute("ANALYZE")
            connection.commit()

            def arrow(where: duckdb.DuckDBPyConnection, query: str) -> float:
                return seconds(lambda: where.sql(query).to_arrow_table())

            def out(query: str) -> float:
                return seconds(lambda: cursor.copy_expert(copy_out.format(query), BytesIO()))

            return {
                "DuckDB": in_turns(
                    n,
                    lambda: arrow(published.connection, "SELECT * FROM current_rankings"),
                    lambda: arrow(plain, f"SELECT * FROM read_parquet('{file}', hive_partitioning = false)"),
                ),
                "Postgres": in_turns(n, lambda: out(view), lambda: out("SELECT * FROM public.rankings")),
            }
    finally:
        drop_database(server, url)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--judgements", type=int, default=20_000, help="of the batch that is published")
    parser.add_argument("--batches", type=int, default=1_000, help="over which the view is opened")
    parser.add_argument("--repeats", type=int, default=7, help="measurements of which the median is taken")
    asked = parser.parse_args()
    table = Printed(title="Storage: this project beside the plain way with the same rows (seconds, medians)")
    for heading in ("what", "engine", "ours", "plain", "ratio"):
        table.add_column(heading, justify="left" if heading in ("what", "engine") else "right")
    with tempfile.TemporaryDirectory() as name, serving(Path(name) / "postgres") as server:
        results = {
            f"publish a batch of {asked.judgements} judgements": publishing(
                Path(name), server, asked.judgements, asked.repeats
            ),
            f"open current_rankings over {asked.batches} batches": opening(Path(name), server, asked.batches, asked.repeats),
        }
    for what, engines in results.items():
        for engine, (ours, plain) in engines.items():
            table.add_row(what, engine, f"{ours:.3f}", f"{plain:.3f}", f"{ours / plain:.2f}")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
