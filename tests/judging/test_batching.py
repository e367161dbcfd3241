"""Which mode a batch is judged in, for every combination of who asks for what and what is allowed."""

import pytest

from huleedu_pipeline.judging.batching import effective_mode
from huleedu_pipeline.judging.spec import BatchingMode

BATCH: BatchingMode = "provider_batch_api"
ONE: BatchingMode = "per_request"
BUNDLE: BatchingMode = "serial_bundle"
BOTH = ("openai", "anthropic")


@pytest.mark.parametrize(
    ("provider", "override", "hint", "default", "allowed", "mode", "reason"),
    [
        ("openai", None, None, BATCH, BOTH, BATCH, "the installation's mode"),
        ("openai", None, None, BUNDLE, BOTH, BUNDLE, "the installation's mode"),
        ("openai", BATCH, None, BUNDLE, BOTH, BATCH, "batch.yaml names it"),
        ("openai", ONE, None, BATCH, BOTH, ONE, "batch.yaml names it"),
        ("anthropic", None, ONE, BATCH, BOTH, ONE, "named when the batch was first run"),
        ("anthropic", None, BATCH, ONE, BOTH, BATCH, "named when the batch was first run"),
        ("openai", BUNDLE, ONE, BATCH, BOTH, BUNDLE, "batch.yaml names it"),
        # Not allowed: the installation's mode, or serial_bundle where that is no way out either.
        ("anthropic", BATCH, None, ONE, ("openai",), ONE, "the installation's mode: provider_batch_api (batch.yaml names it)"),
        ("anthropic", None, BATCH, BUNDLE, ("openai",), BUNDLE, "the installation's mode: provider_batch_api (named when"),
        ("anthropic", BATCH, None, BATCH, ("openai",), BUNDLE, "as is usual then: provider_batch_api (batch.yaml names it)"),
        ("openai", None, None, BATCH, (), BUNDLE, "as is usual then: provider_batch_api (the installation's mode"),
        # Live modes need nobody's leave, and people are sent nothing.
        ("openai", ONE, None, BATCH, (), ONE, "batch.yaml names it"),
        ("openai", None, None, BUNDLE, (), BUNDLE, "the installation's mode"),
        ("human", None, None, BATCH, BOTH, BATCH, "the installation's mode"),
    ],
)
def test_the_mode_and_why(
    provider: str,
    override: BatchingMode | None,
    hint: BatchingMode | None,
    default: BatchingMode,
    allowed: tuple[str, ...],
    mode: BatchingMode,
    reason: str,
) -> None:
    found = effective_mode(provider, override=override, hint=hint, default=default, allowed_providers=allowed)
    assert found.mode == mode
    assert found.reason.startswith(reason)
    assert ("does not name it" in found.reason) == (mode != (override or hint or default))
