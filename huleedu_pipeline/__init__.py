"""huleedu_pipeline: comparative judgement of pupils' essays with language models.

From here a notebook needs one name: :func:`open_warehouse`. The domain packages below (essays, comparisons, judging,
providers, ledger, scaling, grading, lake) are usable without Dagster.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from huleedu_pipeline.lake import open_warehouse

__all__ = ["open_warehouse"]


def __getattr__(name: str) -> Any:
    # pandas and DuckDB are loaded only when they are asked for: `huleedu --help` and the emulator start quickly.
    if name == "open_warehouse":
        from huleedu_pipeline.lake import open_warehouse

        return open_warehouse
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
