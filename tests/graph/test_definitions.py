"""The code location as a whole: everything is there, described, and put together in one place."""

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import dagster as dg
import pytest
import yaml

from huleedu_pipeline.definitions import build_definitions
from huleedu_pipeline.lake.tables import TABLES
from huleedu_pipeline.orchestration.home import ensure_home
from huleedu_pipeline.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
GROUPS = {
    "essays": "corpus",
    "spellchecked_essays": "corpus",
    "spell_corrections": "corpus",
    "redactions": "corpus",
    "injection_flags": "corpus",
    "student_matches": "corpus",
    "comparison_pairs": "pairing",
    "judge_requests": "judging",
    "provider_jobs": "judging",
    "llm_judgements": "judging",
    "wave_decisions": "judging",
    "cj_rankings": "ranking",
    "scaling_summary": "ranking",
    "judge_diagnostics": "ranking",
    "grade_projections": "grading",
    "grade_boundaries": "grading",
    "anchor_diagnostics": "grading",
    "grading_summary": "grading",
    "batch_results": "publishing",
    "warehouse": "publishing",
}
UPSTREAM = {
    "essays": set(),
    "spellchecked_essays": {"essays"},
    "spell_corrections": {"essays"},
    "redactions": set(),
    "injection_flags": set(),
    "student_matches": {"essays"},
    "comparison_pairs": {"essays"},
    "judge_requests": {"essays", "spellchecked_essays", "comparison_pairs"},
    "provider_jobs": {"judge_requests"},
    "llm_judgements": {"provider_jobs"},
    "wave_decisions": {"llm_judgements"},
    "cj_rankings": {"llm_judgements", "wave_decisions"},
    "scaling_summary": {"llm_judgements", "wave_decisions"},
    "judge_diagnostics": {"llm_judgements", "wave_decisions"},
    "grade_projections": {"cj_rankings"},
    "grade_boundaries": {"cj_rankings"},
    "anchor_diagnostics": {"cj_rankings"},
    "grading_summary": {"cj_rankings"},
    "batch_results": {"grade_projections", "scaling_summary"},
    "warehouse": {"batch_results", "student_matches"},
}


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    return build_definitions(Settings(home=tmp_path_factory.mktemp("home")))


def specs(definitions: dg.Definitions) -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}


def test_the_code_location_loads(definitions: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(definitions)


def test_the_graph_is_the_published_one(definitions: dg.Definitions) -> None:
    found = specs(definitions)
    assert {name: spec.group_name for name, spec in found.items()} == GROUPS
    assert {name: {dep.asset_key.to_user_string() for dep in spec.deps} for name, spec in found.items()} == UPSTREAM


def test_every_asset_says_what_it_is_and_whose(definitions: dg.Definitions) -> None:
    for name, spec in specs(definitions).items():
        assert len(spec.description or "") > 40, name
        assert spec.owners, name
        assert spec.kinds, name
        assert spec.code_version, name


def test_every_table_has_one_writing_asset_that_shows_its_columns(definitions: dg.Definitions) -> None:
    written: dict[str, str] = {}
    for name, spec in specs(definitions).items():
        if "dagster/table_name" in spec.metadata:
            table = spec.metadata["dagster/table_name"]
            assert table not in written, f"{name} and {written[table]} both write {table}"
            written[table] = name
            shown = spec.metadata["dagster/column_schema"]
            declared = next(t for t in TABLES if t.name == table)
            assert [column.name for column in shown.columns] == [column.name for column in declared.columns]
            assert all(column.description for column in shown.columns)
    assert set(written) == {table.name for table in TABLES}


def test_every_check_job_and_sensor_is_described(definitions: dg.Definitions) -> None:
    checks = [spec for check in definitions.asset_checks or [] for spec in check.check_specs]
    assets = [asset for asset in definitions.assets or [] if isinstance(asset, dg.AssetsDefinition)]
    checks += [spec for asset in assets for spec in asset.check_specs]
    assert {spec.name for spec in checks} == {
        "schema_contract",
        "corrections_fit_their_text",
        "spelling_plausible",
        "exposure_balanced",
        "within_budget",
        "no_job_is_quarantined",
        "no_name_in_prompts",
        "matches_are_settled",
        "no_text_addresses_the_judge",
        "no_provider_job_overdue",
        "every_request_has_an_outcome",
        "comparison_graph_connected",
        "judge_model_as_requested",
        "enough_requests_succeeded",
        "position_effect_within_bounds",
        "reliability_above_floor",
        "batch_ended_well",
        "no_partition_left_failed",
        "everything_is_published",
    }
    # Without these nothing can be asked, or scaled. The others warn, or name an error that a person has to judge; a quarantined
    # job holds up only itself, and a batch with too few verdicts has failed, and is published as that.
    blocking = {
        "schema_contract",
        "corrections_fit_their_text",
        "no_name_in_prompts",
        "every_request_has_an_outcome",
        "comparison_graph_connected",
    }
    assert {spec.name for spec in checks if spec.blocking} == blocking
    assert all(len(spec.description or "") > 40 for spec in checks)
    whole = {"no_provider_job_overdue", "no_partition_left_failed", "everything_is_published"}
    assert {spec.name for spec in checks if spec.partitions_def is None} == whole, "the others are of one batch each"
    repository = definitions.get_repository_def()
    for job in ("submit_batch", "collect_batch", "match_students", "rebuild_warehouse", "check_up", "recover_batches"):
        assert len(repository.get_job(job).description or "") > 10
    for sensor in ("inbox_sensor", "provider_jobs_sensor", "run_failure_sensor", "health_sensor"):
        found = repository.get_sensor_def(sensor)
        assert len(found.description or "") > 40
        assert found.default_status is dg.DefaultSensorStatus.RUNNING


def test_a_resource_can_be_replaced(tmp_path: Path) -> None:
    from resources import LakeResource

    other = LakeResource(root=str(tmp_path / "elsewhere"))
    assert build_definitions(Settings(home=tmp_path), lake=other).resources["lake"] is other  # type: ignore[index]


def test_dg_and_the_workspace_name_the_same_code_location() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["dg"]["project"]
    workspace = yaml.safe_load((ROOT / "workspace.yaml").read_text(encoding="utf-8"))
    (entry,) = workspace["load_from"]
    assert entry["python_module"]["module_name"] == project["code_location_target_module"]
    assert entry["python_module"]["location_name"] == project["code_location_name"]
    assert callable(importlib.import_module(project["code_location_target_module"]).defs)


def test_importing_the_code_location_does_no_work(tmp_path: Path) -> None:
    script = "import huleedu_pipeline.definitions"
    subprocess.run([sys.executable, "-c", script], check=True, cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_shipped_instance_settings_are_valid_and_have_their_limits(settings: Settings) -> None:
    home = ensure_home(settings)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert instance.telemetry_enabled is False
        assert instance.run_monitoring_enabled
        limits = instance.get_settings("run_monitoring")
        assert limits["max_runtime_seconds"] == 3600
        assert limits["free_slots_after_run_end_seconds"] == 60
        assert instance.get_settings("concurrency")["pools"] == {"default_limit": 1, "granularity": "op"}


def test_instance_settings_of_the_user_stay(settings: Settings) -> None:
    own = settings.dagster_dir / "dagster.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    ensure_home(settings)
    assert own.read_text(encoding="utf-8") == "telemetry: {enabled: false}\n"


def test_imports_only_ever_point_down() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([str(lint), "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout
