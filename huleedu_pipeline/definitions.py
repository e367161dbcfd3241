"""The code location: the one place where assets, checks, jobs, sensors and resources are put together.

:func:`build_definitions` is the seam through which tests, the command line and special environments obtain it; importing
this module does no work.
"""

from typing import Any

import dagster as dg

from assets import GROUPS, checks
from huleedu_pipeline.logs import begin
from huleedu_pipeline.orchestration.alarms import build_alarms
from huleedu_pipeline.orchestration.health_checks import build_health_checks, check_up
from huleedu_pipeline.orchestration.jobs import JOBS
from huleedu_pipeline.orchestration.nightly import build_nightly_schedules
from huleedu_pipeline.orchestration.sensors import build_sensors
from huleedu_pipeline.orchestration.watch_dog import build_schedules, recover_batches
from huleedu_pipeline.permissions import keep_private
from huleedu_pipeline.settings import Settings
from resources import LakeResource, LedgerResource, PaidWorkResource, WarehouseResource


def build_definitions(settings: Settings, **resource_overrides: Any) -> dg.Definitions:
    """Return the code location of an installation.

    Args:
        settings: The installation's settings.
        resource_overrides: Resources to use in place of those that follow from the settings, by name.

    """
    settings = settings.absolute()
    resources = {
        "lake": LakeResource(root=str(settings.lake_dir)),
        "ledger": LedgerResource(url=settings.ledger_url),
        "work": PaidWorkResource(settings=settings.model_dump(mode="json", exclude_none=True)),
        "warehouse_file": WarehouseResource(path=str(settings.warehouse_path), database_url=settings.database_url),
    }
    return dg.Definitions(
        assets=[asset for group, modules in GROUPS.items() for asset in dg.load_assets_from_modules(modules, group_name=group)],
        asset_checks=[
            *(check for modules in GROUPS.values() for module in modules for check in module.checks),
            *checks.checks,
            *build_health_checks(settings),
        ],
        jobs=[*JOBS, check_up, recover_batches],
        schedules=[*build_schedules(settings), *build_nightly_schedules(settings)],
        sensors=[*build_sensors(settings), *build_alarms(settings)],
        resources=resources | resource_overrides,
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """Return the code location of this environment's settings."""
    keep_private()
    settings = Settings.load()
    begin(lambda: settings, command="dagster")
    return build_definitions(settings)
