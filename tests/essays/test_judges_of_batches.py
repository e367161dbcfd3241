"""The judge of a batch: held against the manifest before anything is planned, and never again."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from huleedu_pipeline.essays import Batch, IntakeError, check_judge, read_batch
from huleedu_pipeline.judging import overrides
from huleedu_pipeline.judging.batching import BATCH_API
from huleedu_pipeline.judging.manifest import manifest
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.providers.estimates import estimate_batch
from huleedu_pipeline.providers.planning import plan_comparisons, plan_requests, planned_spec, register
from huleedu_pipeline.settings import Settings
from tests.kit import write_batch

TODAY = date(2026, 11, 20)


def batch_of(folder: Path, **judge: Any) -> Batch:
    return read_batch(write_batch(folder / "b1", judge=judge))


@pytest.mark.parametrize(
    ("judge", "message"),
    [
        ({"model": "gpt-6-lunar"}, "model 'gpt-6-lunar' is not in the manifest of 2026-11-20 (did you mean 'gpt-6-luna'?"),
        ({"model": "claude-haiku-5-5"}, "model 'claude-haiku-5-5' is anthropic's (set provider: anthropic, or another model)"),
        ({"model": "gpt-5.1", "temperature": 0}, "temperature: gpt-5.1 does not take it (leave temperature out, or use"),
    ],
)
def test_a_judge_that_the_manifest_speaks_against_is_refused_before_anything_is_recorded(
    judge: dict[str, Any], message: str, ledger: Ledger, settings: Settings, tmp_path: Path
) -> None:
    batch = batch_of(tmp_path, **judge)
    for refuse in (
        check_judge,
        lambda batch: estimate_batch(batch, BATCH_API),
        lambda batch: register(ledger, settings, batch),
    ):
        with pytest.raises(IntakeError) as refused:
            refuse(batch)
        assert f"batch.yaml: judge: {message}" in str(refused.value)
    assert ledger.batches() == []


def test_a_model_of_ones_own_server_is_taken_when_it_is_said_to_be_one(tmp_path: Path) -> None:
    (warning,) = check_judge(batch_of(tmp_path, model="own", is_unlisted_model=True))
    assert warning.startswith("model: 'own' is not in the manifest")


def test_a_model_is_refused_after_the_day_of_its_end(tmp_path: Path) -> None:
    batch = batch_of(tmp_path, provider="anthropic", model="claude-sonnet-4-5")
    end = date(2026, 11, 30)
    assert check_judge(batch, on=end) == ("model: the provider shuts claude-sonnet-4-5 down on 2026-11-30",)
    with pytest.raises(IntakeError, match="was shut down on 2026-11-30"):
        check_judge(batch, on=end + timedelta(days=1))


def test_what_is_planned_stays_planned_whatever_the_manifest_says_later(
    ledger: Ledger, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = batch_of(tmp_path, model="gpt-6-sol")
    register(ledger, settings, batch)
    gone = manifest().model_copy(
        update={"models": {name: entry for name, entry in manifest().models.items() if name != "gpt-6-sol"}}
    )
    monkeypatch.setattr(overrides, "manifest", lambda: gone)
    with pytest.raises(IntakeError, match="is not in the manifest"):  # nothing was asked yet
        register(ledger, settings, batch)
    pairs = plan_comparisons(
        planned_spec(ledger, "b1"), batch.scale, {essay.essay_id: essay.anchor_grade for essay in batch.essays}
    )
    plan_requests(ledger, "b1", pairs, {essay.essay_id: essay.text for essay in batch.essays})
    assert register(ledger, settings, batch).batch_id == "b1"
