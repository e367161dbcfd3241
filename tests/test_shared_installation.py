"""An installation in Postgres: the three roles do their work and nothing else, and a batch goes through by them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml
from typer.testing import CliRunner

from huleedu_pipeline.cli.app import app
from huleedu_pipeline.lake import Column, ColumnType, Lake, open_warehouse, postgres_tables
from huleedu_pipeline.lake.checksums import checksum
from huleedu_pipeline.lake.postgres import migrate_warehouse, postgres_rows, publish_to_postgres
from huleedu_pipeline.lake.tables import CJ_RANKINGS, PUBLISHED_TABLES
from huleedu_pipeline.lake.views import VIEWS
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.ledger.database import LedgerUnavailableError
from huleedu_pipeline.orchestration.home import open_instance
from huleedu_pipeline.postgres import ANALYST, OWNER, PIPELINE, PostgresError, install, installation_sql
from huleedu_pipeline.project_files import project_file
from huleedu_pipeline.settings import Settings
from tests.graph.kit import Installation
from tests.lake.kit import fill
from tests.postgres import command, drop_database, make_database

PASSWORD = "of-a-test"
ADMINISTRATOR = "huleedu_test_administrator"
NOT_ALLOWED = "permission denied|must be owner|read-only transaction"


def as_role(url: str, role: str) -> str:
    return sa.make_url(url).set(username=role, password=PASSWORD).render_as_string(hide_password=False)


@pytest.fixture(scope="module")
def database(postgres_server: str) -> Iterator[str]:
    """A database whose owner, no superuser, has made roles and schemas, which the owner of tables has then filled."""
    url = make_database(postgres_server)
    has = "SELECT FROM pg_roles WHERE rolname ="
    command(
        url,
        f"DO $$ BEGIN IF NOT EXISTS ({has} '{ADMINISTRATOR}') THEN CREATE ROLE {ADMINISTRATOR}; END IF; END $$",
        f"ALTER ROLE {ADMINISTRATOR} LOGIN CREATEROLE PASSWORD '{PASSWORD}'",
        f"ALTER DATABASE {sa.make_url(url).database} OWNER TO {ADMINISTRATOR}",
        *(  # left by another database of this server
            f"DO $$ BEGIN IF EXISTS ({has} '{role}') THEN GRANT {role} TO {ADMINISTRATOR} WITH ADMIN OPTION; END IF; END $$"
            for role in (OWNER, PIPELINE, ANALYST)
        ),
    )
    install(as_role(url, ADMINISTRATOR))
    install(as_role(url, ADMINISTRATOR))  # again, which changes nothing
    command(url, *(f"ALTER ROLE {role} PASSWORD '{PASSWORD}'" for role in (OWNER, PIPELINE, ANALYST)))
    Ledger(as_role(url, OWNER)).close()
    migrate_warehouse(as_role(url, OWNER))
    yield url
    drop_database(postgres_server, url)


def refused(url: str, *statements: str) -> None:
    for statement in statements:
        with pytest.raises(sa.exc.DBAPIError, match=NOT_ALLOWED):
            command(url, statement)


def register(ledger: Ledger, batch_id: str) -> None:
    ledger.register_batch(
        batch_id=batch_id,
        llm_batching_mode="per_request",
        judge_backend="emulator",
        content_sha256="c",
        original_request="{}",
        n_essays=2,
        n_anchors=0,
    )


def test_the_pipeline_keeps_the_ledger_and_publishes_and_changes_no_table(database: str, tmp_path: Path) -> None:
    url, lake = as_role(database, PIPELINE), Lake(tmp_path / "lake")
    ledger = Ledger(url)
    register(ledger, "b1")
    with ledger.lease("b1"):
        assert [batch.batch_id for batch in ledger.batches()] == ["b1"]
    ledger.close()
    fill(lake)
    assert publish_to_postgres(lake, url).rows["essays"] == 1
    fill(lake)
    assert publish_to_postgres(lake, url).left_out == ()
    refused(
        url,
        "DROP TABLE ledger.batches CASCADE",
        "ALTER TABLE warehouse.essays ADD x int",
        "TRUNCATE warehouse.essays",
        "CREATE TABLE ledger.mine (x int)",
        "CREATE TABLE warehouse.mine (x int)",
        "CREATE TABLE public.mine (x int)",
        "CREATE SCHEMA mine",
    )
    # Dagster makes its tables by itself, where a bare name leads.
    command(url, "CREATE TABLE runs_of_a_test (x int)", "DROP TABLE dagster.runs_of_a_test")


def test_an_analyst_reads_the_warehouse_and_nothing_else(database: str, tmp_path: Path) -> None:
    url, lake = as_role(database, ANALYST), Lake(tmp_path / "lake")
    fill(lake, "for-analysts")
    publish_to_postgres(lake, as_role(database, PIPELINE))
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        for name in (*(table.name for table in PUBLISHED_TABLES), "current_rankings"):
            query = f"SELECT count(*) FROM {name} WHERE batch_id = 'for-analysts'"
            assert connection.exec_driver_sql(query).scalar() == 1
        for view in VIEWS:
            assert connection.exec_driver_sql(f"SELECT * FROM {view.name}").returns_rows
    engine.dispose()
    writes = (
        "INSERT INTO essays SELECT * FROM essays",
        "DELETE FROM essays",
        "UPDATE cj_rankings SET theta = 0",
        "CREATE TABLE mine (x int)",
        "CREATE TABLE public.mine (x int)",
        "CREATE TEMPORARY TABLE mine (x int)",
        "DROP VIEW current_rankings",
    )
    refused(url, *writes, *(f"SET default_transaction_read_only = off; {write}" for write in writes))
    refused(url, "SELECT * FROM ledger.batches", "SELECT * FROM publication.files", "CREATE TABLE dagster.mine (x int)")


def test_the_owner_migrates_and_the_others_go_on(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    added = Column("is_new", ColumnType.BOOLEAN, "Whether it is new.", is_nullable=True)
    later = replace(CJ_RANKINGS, columns=(*CJ_RANKINGS.columns, added))
    monkeypatch.setattr(
        postgres_tables, "PUBLISHED_TABLES", tuple(later if table is CJ_RANKINGS else table for table in PUBLISHED_TABLES)
    )
    with pytest.raises(PostgresError, match=rf"permission denied .*\(as {OWNER}: huleedu database migrate\)"):
        publish_to_postgres(Lake(tmp_path / "lake"), as_role(database, PIPELINE))
    migrate_warehouse(as_role(database, OWNER))
    publish_to_postgres(Lake(tmp_path / "lake"), as_role(database, PIPELINE))
    command(as_role(database, ANALYST), "SELECT is_new FROM cj_rankings")
    refused(as_role(database, ANALYST), "DELETE FROM cj_rankings")
    monkeypatch.undo()
    migrate_warehouse(as_role(database, OWNER))  # and back, for the other tests


def test_a_ledger_that_is_not_there_is_told_with_the_remedy(postgres_url: str, database: str) -> None:
    install(postgres_url)
    with pytest.raises(LedgerUnavailableError, match=rf"permission denied .*\(as {OWNER}: huleedu database migrate\)") as told:
        Ledger(as_role(postgres_url, PIPELINE))
    assert PASSWORD not in str(told.value)


def test_the_commands(postgres_url: str, database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    runner = CliRunner()
    assert runner.invoke(app, ["database", "init", "--sql"]).output == installation_sql()
    unset = runner.invoke(app, ["database", "status"])
    assert str(unset.exception).startswith("HULEEDU_DATABASE_URL: is not set")
    monkeypatch.setenv("HULEEDU_HOME", str(tmp_path))
    monkeypatch.setenv("HULEEDU_DATABASE_URL", postgres_url.replace("+psycopg2", ""))
    before = runner.invoke(app, ["database", "status"]).output
    assert "warn  ledger: postgres sees no schema ledger" in before
    assert "warn  warehouse: postgres sees no schema publication" in before
    assert runner.invoke(app, ["database", "init"]).exit_code == 0
    assert "revision none, and the newest is" in runner.invoke(app, ["database", "status"]).output
    assert runner.invoke(app, ["database", "migrate"]).exit_code == 0
    after = runner.invoke(app, ["database", "status"]).output
    assert [line.split()[0] for line in after.splitlines()] == ["ok"] * 3
    # Whoever migrates: what is made is the owner's.
    owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname IN ('ledger', 'warehouse', 'publication')"
    engine = sa.create_engine(postgres_url)
    with engine.connect() as connection:
        assert connection.exec_driver_sql(owners).scalars().all() == [OWNER]
    engine.dispose()


def test_a_batch_goes_through_with_everything_in_postgres(
    database: str, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = sa.make_url(database)
    named = {"PGHOST": where.host, "PGPORT": where.port, "PGDATABASE": where.database, "PGUSER": PIPELINE}
    # As an installation is set up: the shared instance file, and all of the server in libpq's own variables.
    shared = settings.model_copy(update={"database_url": "postgresql+psycopg2://"})
    shared.dagster_dir.mkdir(parents=True)
    (shared.dagster_dir / "dagster.yaml").write_bytes(project_file("deploy/shared/dagster.yaml").read_bytes())
    with monkeypatch.context() as environment:
        for name, value in (*named.items(), ("PGPASSWORD", PASSWORD)):
            environment.setenv(name, str(value))
        with open_instance(shared) as instance:
            Installation(shared, instance, tmp_path / "batches").run_to_the_end("b-shared")
            assert instance.get_runs_count() == 2
            assert PASSWORD not in instance.info_str()
    engine = sa.create_engine(database)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM dagster.runs").scalar() == 2
        ended = "SELECT status FROM ledger.batches WHERE batch_id = 'b-shared'"
        assert str(connection.exec_driver_sql(ended).scalar()).startswith("completed_")
        assert connection.exec_driver_sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").scalar() == 0
    engine.dispose()
    assert not (settings.home / "ledger.sqlite").exists()
    with open_warehouse(shared.warehouse_path) as published:
        for table in PUBLISHED_TABLES:
            theirs = [row for row in postgres_rows(database, table) if row[0] == "b-shared"]
            assert checksum(table, theirs) == checksum(table, published.rows(table)), table.name
    texts = [path.read_bytes() for path in settings.home.rglob("*") if path.is_file()]
    assert texts
    assert not any(PASSWORD.encode() in text for text in texts)


def test_the_two_instance_files_differ_only_in_where_runs_are_stored() -> None:
    files = (project_file(f"deploy/{name}/dagster.yaml") for name in ("embedded", "shared"))
    embedded, shared = (yaml.safe_load(file.read_text(encoding="utf-8")) for file in files)
    storage = shared.pop("storage")
    assert shared == embedded
    assert storage["postgres"]["postgres_db"]["scheme"] == "postgresql+psycopg2"
