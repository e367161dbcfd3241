"""The group `huleedu database`: a Postgres database made ready, brought up to date and looked at."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from huleedu_pipeline.settings import Settings

HELP = """Keep the ledger and a second warehouse in Postgres: the database that HULEEDU_DATABASE_URL names.

Three roles share it: huleedu_owner makes and changes tables, huleedu_pipeline works, huleedu_analyst reads the warehouse.

\b
  huleedu database init --sql | less     what an administrator is asked to agree to
  huleedu database init                  as administrator: make roles and schemas
  huleedu database migrate               as huleedu_owner: make tables, or bring them up to date
  huleedu database status --verify       what is there, and whether both warehouses hold the same

Example: huleedu database status
"""


def register(app: typer.Typer) -> None:
    """Add the group of these commands to ``app``."""
    group = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None)
    for command in (init, migrate, status):
        group.command()(command)
    app.add_typer(group, name="database")


def init(
    sql: Annotated[bool, typer.Option("--sql", help="Print the SQL instead, for psql.")] = False,
) -> None:
    """Make the roles and schemas in the database, as its administrator. It can be repeated.

    The roles get no passwords: the administrator sets them, unless the server knows its clients otherwise.

    Example: huleedu database init, with HULEEDU_DATABASE_URL=postgresql://postgres@db/huleedu
    """
    from huleedu_pipeline.postgres import install, installation_sql

    if sql:
        typer.echo(installation_sql(), nl=False)
        return
    install(_url(_settings()))
    typer.echo("The roles and schemas are there (next, as huleedu_owner: huleedu database migrate)")


def migrate() -> None:
    """Bring the ledger's tables to the newest revision and the warehouse's to what is declared; nothing in them is lost.

    Example: huleedu database migrate, with HULEEDU_DATABASE_URL=postgresql://huleedu_owner@db/huleedu
    """
    from huleedu_pipeline.lake.postgres import migrate_warehouse
    from huleedu_pipeline.ledger import Ledger

    url = _url(_settings())
    Ledger(url).close()
    migrate_warehouse(url)
    typer.echo("Ledger and warehouse are up to date")


def status(
    verify: Annotated[bool, typer.Option("--verify", help="Compare every table with the DuckDB file, row by row.")] = False,
) -> None:
    """Show who is connected where, and how ledger and warehouse stand. Changes nothing.

    Example: huleedu database status --verify
    """
    from huleedu_pipeline.cli.database_checks import examine_database
    from huleedu_pipeline.cli.output import print_findings

    settings = _settings()
    print_findings(examine_database(_url(settings), settings.warehouse_path if verify else None))


def _settings() -> "Settings":
    from huleedu_pipeline.settings import Settings

    return Settings.load()


def _url(settings: "Settings") -> str:
    from huleedu_pipeline.postgres import PostgresError

    if settings.database_url is None:
        raise PostgresError("HULEEDU_DATABASE_URL: is not set (for example postgresql://huleedu_pipeline@db/huleedu)")
    return settings.database_url
