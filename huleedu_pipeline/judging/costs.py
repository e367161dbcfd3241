"""What judging costs: a dated price list, and the price of one reply.

Prices live in ``prices.yaml``, never in code. An emulated model is priced as the model it stands for, so that a rehearsal
shows what the real thing would cost; its name says that nothing was paid. A price that is not on the list is unknown
(``None``), never 0.
"""

from datetime import date
from functools import cache
from importlib.resources import files

import yaml
from pydantic import BaseModel, ConfigDict

from huleedu_pipeline.judging.outcome import Usage
from huleedu_pipeline.judging.spec import EMULATED_PREFIX


class ModelPrice(BaseModel):
    """List prices of one model in USD per million tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    provider: str
    input: float
    cached_input: float | None = None
    output: float
    input_limit_tokens: int


class PriceList(BaseModel):
    """All prices, with the day on which they were read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    as_of: date
    batch_factor: float
    models: dict[str, ModelPrice]


@cache
def price_list() -> PriceList:
    """Return the price list that ships with this version."""
    text = files("huleedu_pipeline.judging").joinpath("prices.yaml").read_text(encoding="utf-8")
    return PriceList.model_validate(yaml.safe_load(text))


def cost_usd(model: str, usage: Usage, *, is_batch: bool) -> float | None:
    """Return the price of one reply in USD, or ``None`` where the list does not say.

    Args:
        model: Name of the model that served the request; ``emulated-`` names cost what the real model would.
        usage: Tokens of the reply.
        is_batch: Whether it came through the provider's batch API.

    """
    prices = price_list()
    price = prices.models.get(model.removeprefix(EMULATED_PREFIX))
    if price is None or usage.input_tokens > price.input_limit_tokens:
        return None
    if usage.cached_input_tokens and price.cached_input is None:
        return None
    total = (usage.input_tokens - usage.cached_input_tokens) * price.input + usage.output_tokens * price.output
    total += usage.cached_input_tokens * (price.cached_input or 0.0)
    return total / 1e6 * (prices.batch_factor if is_batch else 1.0)
