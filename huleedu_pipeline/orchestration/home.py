"""The installation's folder: made on first use, with Dagster's instance inside it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from filelock import FileLock

from huleedu_pipeline.project_files import project_file
from huleedu_pipeline.settings import Settings


def ensure_home(settings: Settings) -> Path:
    """Make ``HULEEDU_HOME`` with the instance settings that ship with the project, and return ``DAGSTER_HOME``.

    An instance file that is there already is the user's and stays.
    """
    for folder in (settings.dagster_dir, settings.inbox_dir, settings.lake_dir):
        folder.mkdir(parents=True, exist_ok=True)
    instance_file = settings.dagster_dir / "dagster.yaml"
    if not instance_file.exists():
        shutil.copyfile(project_file("deploy/embedded/dagster.yaml"), instance_file)
    return settings.dagster_dir


def dagster_environment(settings: Settings) -> dict[str, str]:
    """Return the environment for Dagster's own processes of this installation."""
    return {
        **os.environ,
        "HULEEDU_HOME": str(settings.home),
        "DAGSTER_HOME": str(settings.dagster_dir),
        "DAGSTER_DISABLE_TELEMETRY": "1",
    }


@contextmanager
def open_instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """Open this installation's Dagster instance, making its databases first where needed."""
    home = ensure_home(settings)
    # Two processes that make the same empty SQLite databases at once trip over each other.
    with FileLock(home / "open.lock"):
        instance = dg.DagsterInstance.from_config(str(home))
        instance.get_runs_count()
        instance.get_dynamic_partitions("cj_batch")
    with instance:
        yield instance
