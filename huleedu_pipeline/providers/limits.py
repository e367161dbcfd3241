"""The providers' limits on batch jobs: a dated data file, the margin kept from them, and tokens estimated from bytes."""

from datetime import date
from functools import cache
from importlib.resources import files

import yaml
from pydantic import BaseModel, ConfigDict

from huleedu_pipeline.providers.protocols import JobLimits


class PublishedLimits(BaseModel):
    """What one provider publishes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_requests: int
    max_bytes: int
    enqueued_tokens: int | None


class LimitsFile(BaseModel):
    """The data file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    as_of: date
    margin: float
    bytes_per_token: float
    providers: dict[str, PublishedLimits]


@cache
def limits_file() -> LimitsFile:
    """Return the limits that ship with this version."""
    text = files("huleedu_pipeline.providers").joinpath("limits.yaml").read_text(encoding="utf-8")
    return LimitsFile.model_validate(yaml.safe_load(text))


def job_limits(provider: str) -> JobLimits:
    """Return a provider's limits on one job, less the margin."""
    file = limits_file()
    published, share = file.providers[provider], 1 - file.margin
    return JobLimits(
        max_requests=int(published.max_requests * share),
        max_bytes=int(published.max_bytes * share),
        enqueued_tokens=None if published.enqueued_tokens is None else int(published.enqueued_tokens * share),
    )


def estimated_tokens(n_bytes: int) -> int:
    """Return how many prompt tokens ``n_bytes`` of request bodies take, rather too many than too few."""
    return round(n_bytes / limits_file().bytes_per_token)
