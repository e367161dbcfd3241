"""The planner: its closed form, its simulation, its prices, and the command."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from huleedu_pipeline.assessment_plan import AssessmentPlanError, RequestSize, plan_assessment
from huleedu_pipeline.cli.app import app
from huleedu_pipeline.judging.manifest import manifest
from huleedu_pipeline.scaling.expected_precision import comparisons_for_reliability, expected_reliability


@pytest.mark.parametrize("target", [0.7, 0.8, 0.9])
@pytest.mark.parametrize("spread", [1.0, 1.5, 2.0, 3.0])
def test_the_plan_is_the_closed_form(target: float, spread: float) -> None:
    found = plan_assessment(100, target, spread=spread, n_replications=0)
    assert found.n_comparisons == pytest.approx(100 * comparisons_for_reliability(target, spread) / 2, abs=1)
    assert found.expected_reliability == pytest.approx(target, abs=0.005)
    assert found.expected_se == pytest.approx(spread * np.sqrt(1 - target), rel=0.02)
    assert found.simulation is None
    assert found.n_comparisons_by_simulation is None
    assert found.n_comparisons_at[spread] == found.n_comparisons


@pytest.mark.parametrize(("spread", "each"), [(0.7, 20), (1.0, 20), (1.5, 20), (2.0, 20), (1.0, 10), (1.5, 40)])
def test_the_simulation_agrees_with_the_closed_form(spread: float, each: float) -> None:
    found = plan_assessment(60, comparisons_per_essay=each, spread=spread, n_replications=30)
    assert found.simulation is not None
    margin = 0.05 * found.expected_reliability + 2.5 * found.simulation.true_reliability_se
    assert found.simulation.true_reliability == pytest.approx(found.expected_reliability, abs=margin)
    assert found.simulation.se == pytest.approx(found.expected_se, rel=0.06)
    simulated = found.simulation
    assert simulated.printed_reliability <= simulated.true_reliability + 0.02 + 2 * simulated.true_reliability_se
    assert 0.9 < found.simulation.coverage < 0.98


def test_what_the_simulation_asks_for_reaches_the_target_in_simulation() -> None:
    first = plan_assessment(60, 0.8, spread=3.0, n_replications=30)
    assert first.n_comparisons_by_simulation is not None
    assert first.n_comparisons_by_simulation > first.n_comparisons  # wide spreads are where the closed form is optimistic
    enough = plan_assessment(
        60, comparisons_per_essay=2 * first.n_comparisons_by_simulation / 60, spread=3.0, n_replications=30
    )
    assert enough.simulation is not None
    assert enough.simulation.true_reliability == pytest.approx(0.8, abs=0.03)


def test_the_same_seed_gives_the_same_plan_and_another_one_another() -> None:
    calls: list[None] = []
    one = plan_assessment(20, 0.7, n_replications=3, on_replication=lambda: calls.append(None))
    assert len(calls) == 3
    assert one == plan_assessment(20, 0.7, n_replications=3)
    assert one.simulation != plan_assessment(20, 0.7, n_replications=3, seed=2).simulation


def test_large_assessments_are_simulated_by_smaller_ones() -> None:
    found = plan_assessment(100_000, 0.8, n_replications=1)
    assert found.simulation is not None
    assert found.simulation.n_essays == 300
    assert found.n_comparisons == pytest.approx(1000 * plan_assessment(100, 0.8, n_replications=0).n_comparisons, rel=0.01)


def test_all_essays_are_connected_however_little_is_asked_for() -> None:
    found = plan_assessment(30, comparisons_per_essay=0.5, n_replications=2)
    assert found.n_comparisons == 29
    assert found.expected_reliability == pytest.approx(expected_reliability(2 * 29 / 30, 1.5))


def test_costs_are_those_of_the_price_list() -> None:
    size = RequestSize(essay_words=200, tokens_per_word=2, prompt_tokens=500, reply_tokens=100)
    assert size.input_tokens == 1300
    found = plan_assessment(50, 0.8, request=size, n_replications=0)
    usd = {(cost.model, cost.mode): cost.usd for cost in found.costs}
    openai = manifest().providers["openai"]
    price = manifest().models["gpt-6-luna"].tiers[0]
    live = found.n_comparisons * (1300 * price.input + 100 * price.output) / 1e6
    assert usd["gpt-6-luna", "per_request"] == pytest.approx(live)
    assert usd["gpt-6-luna", "provider_batch_api"] == pytest.approx(live * openai.batch_factor)
    assert usd["gpt-6-luna", "per_request, flex"] == pytest.approx(live * (openai.flex_factor or 0))
    assert ("claude-opus-5-5", "per_request, flex") not in usd
    prices = [cost.usd for cost in found.costs if cost.usd is not None]
    assert prices == sorted(prices)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_essays": 1}, "1 essays can not be compared"),
        ({"n_essays": 10, "target_reliability": 0.99}, "10 essays have 45 pairs, and .* all pairs together reach .* about 0.7"),
        ({"n_essays": 10, "target_reliability": 1.0}, "reliability must lie between 0 and 1"),
        ({"n_essays": 10, "target_reliability": 0.0}, "reliability must lie between 0 and 1"),
        ({"n_essays": 10, "spread": -1.0}, "the spread of the locations must be positive"),
        ({"n_essays": 10, "target_reliability": 0.8, "comparisons_per_essay": 9.0}, "both a target reliability and"),
    ],
)
def test_a_plan_that_can_not_be_made_says_what_would_have_to_change(arguments: dict[str, float], message: str) -> None:
    with pytest.raises(AssessmentPlanError, match=message):
        plan_assessment(**arguments)  # type: ignore[arg-type]


def test_the_command_prints_tables_for_eyes_and_says_what_is_simulated() -> None:
    told = CliRunner().invoke(app, ["plan", "--n-essays", "40", "--target-reliability", ".8", "--replications", "3"])
    assert told.exit_code == 0, told.output
    assert "Plan for 40 essays" in told.output
    assert "Simulated: 3 assessments of 40 invented essays by a simulated judge, seed 1." in told.output
    assert "Few comparisons" in told.output
    assert "gpt-6-luna" in told.output


def test_the_command_gives_json_to_machines() -> None:
    told = CliRunner().invoke(
        app,
        ["plan", "--n-essays", "40", "--comparisons-per-essay", "20", "--replications", "2", "--model", "gpt-6-sol", "--json"],
    )
    assert told.exit_code == 0, told.output
    record = json.loads(told.output)
    assert record["n_comparisons"] == 400
    assert record["comparisons_per_essay"] == 20
    assert record["target_reliability"] is None
    assert record["simulation"]["n_replications"] == 2
    assert {cost["model"] for cost in record["costs"]} == {"gpt-6-sol"}
    assert {cost["mode"] for cost in record["costs"]} == {"provider_batch_api", "per_request", "per_request, flex"}


def test_the_command_refuses_a_model_without_a_price_by_name() -> None:
    refused = CliRunner().invoke(app, ["plan", "--n-essays", "40", "--model", "gpt-9"])
    assert isinstance(refused.exception, AssessmentPlanError)
    assert "--model gpt-9: has no price, or is to be shut down (there are: gpt-6-luna" in str(refused.exception)
