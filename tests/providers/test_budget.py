"""The gate on money: what is spent, ordered and about to be ordered is added up before anything is sent."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from huleedu_pipeline.judging.costs import cost_usd
from huleedu_pipeline.judging.outcome import Usage, success
from huleedu_pipeline.judging.verdict import Verdict
from huleedu_pipeline.ledger import Answer, JobState, Ledger
from huleedu_pipeline.providers.advance import advance_batch
from huleedu_pipeline.providers.backend import open_provider
from huleedu_pipeline.providers.budget import CostLimitError
from huleedu_pipeline.providers.estimates import most_usd
from huleedu_pipeline.providers.limits import estimated_tokens
from huleedu_pipeline.providers.planning import make_frame
from huleedu_pipeline.settings import Settings
from tests.kit import emulator_books
from tests.providers.kit import BATCH, N_PAIRS, NIGHT, gate, plan
from tests.providers.test_batch_jobs import finish, submit
from tests.providers.test_openai_wire import judge

VERDICT = Verdict(winner="Essay A", justification="It is clearer.", confidence=3.0)


def spend(ledger: Ledger, usd: float, at: datetime) -> None:
    """Record that the first open request was answered at an instant for a price."""
    request = ledger.requests(BATCH, only_open=True)[0]
    ledger.begin_live([request.custom_id])
    usage = Usage(input_tokens=1, output_tokens=1)
    ledger.end_live([Answer(request.custom_id, success(VERDICT, usage, "m"), usd, "{}", at)], max_attempts=1)


def test_the_estimate_is_the_most_that_requests_cost(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    plan(ledger, settings, tmp_path)
    estimate = gate(ledger).estimate(ledger.requests(BATCH))
    advance_batch(ledger, settings, BATCH)
    finish(ledger, open_provider(settings, "openai"), settings)
    actual = ledger.tally(BATCH).cost_usd
    assert estimate is not None
    assert actual is not None
    assert 0 < actual < estimate
    job = ledger.jobs(BATCH)[0]
    assert job.estimated_cost_usd == pytest.approx(estimate)
    one = ledger.outcomes(BATCH)[0]
    usage = Usage(input_tokens=one.input_tokens, output_tokens=one.output_tokens)
    assert one.cost_usd == cost_usd(one.request.model, usage, is_batch=True)


def test_what_is_spent_and_ordered_counts_against_a_batchs_limit(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    plan(ledger, settings, tmp_path)
    requests = ledger.requests(BATCH)
    spend(ledger, 0.5, datetime.now(UTC))
    ledger.move_job(ledger.plan_job(requests[1:3], estimated_cost_usd=0.3), JobState.INTENT)
    gate(ledger, limit=1.0).check(0.2)
    with pytest.raises(CostLimitError, match=r"max_cost_usd is 1 USD; 0.5000 are spent and 0.3000 on order"):
        gate(ledger, limit=1.0).check(0.21)


def test_a_nights_limit_holds_over_all_batches_of_a_backend_and_begins_anew_each_night(
    ledger: Ledger, settings: Settings, tmp_path: Path
) -> None:
    plan(ledger, settings, tmp_path)
    spend(ledger, 5.0, NIGHT.began_at(datetime.now(UTC)) - timedelta(minutes=1))
    gate(ledger, per_night=1.0).check(0.9)
    spend(ledger, 0.5, datetime.now(UTC))
    with pytest.raises(CostLimitError, match="HULEEDU_MAX_COST_USD_PER_NIGHT is 1 USD; 0.5000 are spent"):
        gate(ledger, per_night=1.0).check(0.9)


def test_a_limit_and_an_unknown_price_do_not_go_together(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    plan(ledger, settings, tmp_path, judge={"provider": "openai", "model": "gpt-9", "is_unlisted_model": True})
    estimate = gate(ledger).estimate(ledger.requests(BATCH))
    assert estimate is None
    gate(ledger).check(None)
    with pytest.raises(CostLimitError, match="the price of emulated-gpt-9 is not on the list"):
        gate(ledger, limit=1.0).check(None)


def test_a_nights_limit_stops_a_batch_before_its_job_is_created(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    plan(ledger, settings, tmp_path)
    poor = settings.model_copy(update={"max_cost_usd_per_night": 0.0001})
    with pytest.raises(CostLimitError, match="nothing was sent"):
        advance_batch(ledger, poor, BATCH)
    assert ledger.jobs(BATCH) == []
    assert emulator_books(settings.emulator_dir)["batch_jobs_created"]["openai"] == 0


def test_an_order_becomes_an_expense_when_it_is_collected(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    plan(ledger, settings, tmp_path)
    provider = open_provider(settings, "openai")
    submit(ledger, provider)
    assert ledger.cost(batch_id=BATCH).ordered > 0
    finish(ledger, provider, settings)
    cost = ledger.cost(batch_id=BATCH)
    assert cost.ordered == 0
    assert cost.spent == pytest.approx(ledger.tally(BATCH).cost_usd)
    assert ledger.tally(BATCH).n_attempts == N_PAIRS


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        # 2 000 tokens written for 30 minutes at 0.125 and 600 of a reply at 0.50
        ("gpt-6-luna", 2_000 * 0.125 + 600 * 0.50),
        # no price of writing is known: read afresh at 1.25, and 600 of a reply at 10
        ("gpt-5-2025-08-07", 2_000 * 1.25 + 600 * 10),
    ],
)
def test_the_most_is_a_prompt_that_is_written_to_the_cache_for_nobody(model: str, expected: float) -> None:
    assert most_usd(judge(model=model), [2_000, 2_000], is_batch=True) == pytest.approx(2 * expected / 1e6 / 2)


def test_the_most_of_anthropic_is_a_context_kept_for_an_hour_and_essays_for_five_minutes() -> None:
    asked = judge(provider="anthropic", model="claude-sonnet-5-5")
    context = estimated_tokens(len(make_frame(asked).body("", "").encode()))
    expected = (context * 4.00 + 1_000 * 2.50 + 600 * 10.00) / 1e6
    assert most_usd(asked, [context + 1_000], is_batch=False) == pytest.approx(expected)
    written = Usage(input_tokens=context + 1_000, cache_write_1h_tokens=context, cache_write_5m_tokens=500, output_tokens=600)
    actual = cost_usd("claude-sonnet-5-5", written, is_batch=False)
    assert actual is not None
    assert actual < expected


def test_a_prompt_that_is_too_short_for_any_cache_is_read_afresh_at_most() -> None:
    asked = judge(provider="anthropic", model="claude-haiku-4-5")
    assert most_usd(asked, [4_095], is_batch=False) == pytest.approx((4_095 * 1.00 + 600 * 5.00) / 1e6)
    assert (most_usd(asked, [4_096], is_batch=False) or 0) > (4_096 * 1.25 + 600 * 5.00) / 1e6 - 1e-9


def test_the_most_of_a_model_without_a_price_is_unknown() -> None:
    assert most_usd(judge(model="own"), [1_000], is_batch=True) is None
