"""What `huleedu doctor` looks at, and of that what a batch needs before it is sent: ``huleedu eng5 preflight`` begins with it.

Each examination is one function that returns what it found and how to mend it. Not here: anything about a batch
(:mod:`huleedu_pipeline.eng5.preflight`).
"""

import os
import platform
import shutil
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.findings import Finding
from huleedu_pipeline.lake import open_warehouse
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.orchestration.home import ensure_home
from huleedu_pipeline.permissions import open_to_others
from huleedu_pipeline.providers.backend import open_provider
from huleedu_pipeline.settings import Settings

LEAST_FREE_BYTES = 1_000_000_000
PACKAGES = ("dagster", "duckdb", "openai", "anthropic", "sqlalchemy", "pandas", "pyarrow")


def examine() -> list[Finding]:
    """Examine the installation that the environment describes."""
    return _examined(Settings.load(), (_versions, _home, _permissions, _disk, _ledger, _openai, _anthropic, _warehouse))


def examine_before_sending(settings: Settings, provider: str) -> list[Finding]:
    """Examine what a batch needs that is judged by ``provider``; people need no provider to be reachable."""
    of_provider = {"openai": (_openai,), "anthropic": (_anthropic,)}
    return _examined(settings, (_home, _disk, _ledger, *of_provider.get(provider, ())))


def _examined(settings: Settings, examinations: Iterable[Callable[[Settings], Finding]]) -> list[Finding]:
    return [_guarded(examination, settings) for examination in examinations]


def _guarded(examination: Callable[[Settings], Finding], settings: Settings) -> Finding:
    try:
        return examination(settings)
    except (HuleeduError, OSError, sqlite3.Error) as error:
        return Finding("fail", examination.__name__.strip("_"), str(error))


def _versions(_: Settings) -> Finding:
    found = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    return Finding("ok", "versions", f"Python {platform.python_version()}, {found}")


def _home(settings: Settings) -> Finding:
    ensure_home(settings)
    if not os.access(settings.home, os.W_OK):
        return Finding("fail", "home", f"{settings.home} can not be written to (change its permissions, or set HULEEDU_HOME)")
    return Finding("ok", "home", f"{settings.home}")


def _permissions(settings: Settings) -> Finding:
    found = open_to_others(settings.home)
    if not found:
        return Finding("ok", "permissions", "only the owner can read the home folder")
    first = found[0].relative_to(settings.home.parent)
    return Finding(
        "warn",
        "permissions",
        f"{len(found)} files and folders can be read or entered by others, {first} among them: pupils' texts are here "
        f"(chmod -R go= {settings.home})",
    )


def _disk(settings: Settings) -> Finding:
    free = shutil.disk_usage(settings.home).free
    message = f"{free / 1e9:.1f} GB free at {settings.home}"
    return Finding("ok", "disk", message) if free >= LEAST_FREE_BYTES else Finding("warn", "disk", f"{message} (make room)")


def _ledger(settings: Settings) -> Finding:
    ledger = Ledger(settings.ledger_url)
    try:
        batches = ledger.batches()
        open_jobs = [job for batch in batches if not batch.is_published for job in ledger.jobs(batch.batch_id)]
    finally:
        ledger.close()
    if settings.database_url is None and (verdict := _quick_check(settings)) != "ok":
        return Finding(
            "fail", "ledger", f"the database is damaged: {verdict} (restore it from a backup; do not submit anything)"
        )
    return Finding("ok", "ledger", f"{len(batches)} batches, {len(open_jobs)} provider jobs of unfinished batches")


def _quick_check(settings: Settings) -> str:
    with closing(sqlite3.connect(f"file:{settings.home / 'ledger.sqlite'}?mode=ro", uri=True)) as connection:
        return str(connection.execute("PRAGMA quick_check").fetchone()[0])


def _openai(settings: Settings) -> Finding:
    return _provider(settings, "openai")


def _anthropic(settings: Settings) -> Finding:
    return _provider(settings, "anthropic")


def _provider(settings: Settings, name: str) -> Finding:
    open_provider(settings, name).list_jobs(datetime.now(UTC) - timedelta(minutes=1))
    if settings.judge_backend == "emulator":
        return Finding(
            "ok", name, f"the local emulator answers (profile {settings.emulator_profile}); judgements are simulated"
        )
    return Finding("ok", name, "reachable, and the key is accepted")


def _warehouse(settings: Settings) -> Finding:
    if not settings.warehouse_path.is_file():
        return Finding("warn", "warehouse", "nothing has been published yet (`huleedu demo` publishes an example)")
    with open_warehouse(settings.warehouse_path) as warehouse:
        n = int(warehouse.sql("SELECT count(*) AS n FROM batch_status")["n"].iloc[0])
    return Finding("ok", "warehouse", f"{settings.warehouse_path}: {n} batches")
