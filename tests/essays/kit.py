"""What the intake's tests share: a small good batch of which each test spoils one thing."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from huleedu_pipeline.essays import IntakeError, read_batch

GOOD_BATCH = MappingProxyType(
    {
        "batch.yaml": "batch_id: class-7b\ngrade_scale: eng5_np_legacy_9_step\n",
        "prompt.md": "Describe a place that you like.\n",
        "rubric.md": "Judge content and language.\n",
        "essays/anna.txt": "I like the lake behind our school.\n",
        "essays/bo.txt": "My favourite place is the kitchen of my grandmother.\n",
        "anchors/anchor_001_F+.txt": "i like home it is good\n",
        "anchors/anchor_002_B.txt": "Few places calm me like the harbour before dawn.\n",
    }
)
# Contents by file name; ``None`` leaves the file out.
Changes = Mapping[str, str | bytes | None]
NOTHING: Changes = MappingProxyType({})


def write_batch(folder: Path, changes: Changes = NOTHING) -> Path:
    """Write the good batch with some files changed, added, or (``None``) left out."""
    for name, content in {**GOOD_BATCH, **changes}.items():
        if content is not None:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def problems_of(folder: Path) -> tuple[str, ...]:
    """Return what the intake finds wrong with ``folder``."""
    with pytest.raises(IntakeError) as refused:
        read_batch(folder)
    return refused.value.problems
