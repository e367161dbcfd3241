"""What tests share: a small invented batch on disk, and looking at the emulator's own books."""

import json
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

PUPILS = {
    "anna": "My best friend is a boy from my street. We play football every day and he is kind to me.",
    "bertil": "i like my mum she is nice. she make food and she is kind alot for me and my brother becouse she want it",
    "cilla": (
        "When I was ten years old, my neighbour taught me to repair bicycles. At first I found it difficult, since I had "
        "never held a spanner before. Gradually, however, I discovered how satisfying it is to mend what others throw away."
    ),
    "david": "My teacher in history is interesting. She tells us about the old days, and she ask what we think about them.",
    "elin": "My grandfather was a sailor. He has told me many stories about storms and I think he is very brave man.",
}
ANCHORS = {
    "anchor_001_F+": "my dog is nice he run and run and i run to. it is fun alot",
    "anchor_002_D+": "I want to write about my aunt. She works in a shop and she helps everybody who comes in there.",
    "anchor_003_A": (
        "It was my swimming coach who convinced me that failure deserves attention rather than embarrassment. Whenever I "
        "lost a race, she calmly asked what I had noticed; gradually, those conversations altered how I regard mistakes."
    ),
}


def write_batch(folder: Path, anchors: Mapping[str, str] = MappingProxyType(ANCHORS), **spec: Any) -> Path:
    """Write a valid batch folder of five pupils' essays and three anchors; ``spec`` changes its batch.yaml."""
    values = {
        "batch_id": folder.name,
        "assignment": "A person who matters to me",
        "grade_scale": "eng5_np_legacy_9_step",
        "judge": {"provider": "openai"},
        **spec,
    }
    texts = {
        folder / "batch.yaml": yaml.safe_dump(values),
        folder / "prompt.md": "Write about a person who matters to you.",
        folder / "rubric.md": "Judge content, structure and language together.",
        **{folder / "essays" / f"{name}.txt": text for name, text in PUPILS.items()},
        **{folder / "anchors" / f"{name}.txt": text for name, text in anchors.items()},
    }
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
    return folder


def emulator_books(emulator_dir: Path) -> dict[str, Any]:
    """Return what the emulator that runs in ``emulator_dir`` says it was asked to do."""
    base_url = json.loads((emulator_dir / "endpoint.json").read_text(encoding="utf-8"))["base_url"]
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{base_url}/admin/ledger", timeout=10) as response:
        books: dict[str, Any] = json.load(response)
    return books
