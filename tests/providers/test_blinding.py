"""Blinding, proven: names, ids, grades and files of a batch are planted everywhere, and no request body holds any of them.

Every body of a planned batch is read from the ledger, as it is sent: both providers, all of OpenAI's APIs, every template and
both lengths of a reason.
"""

from itertools import product
from pathlib import Path
from typing import Any

import pytest

from huleedu_pipeline.canonical import short_hash
from huleedu_pipeline.essays import Batch, read_batch
from huleedu_pipeline.judging.templates import template_names
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.providers.planning import plan_comparisons, plan_requests, planned_judge, planned_spec, register
from huleedu_pipeline.settings import Settings

# Letters that no English or Swedish text has beside one another: a hit can only be a leak.
PUPIL_NAMES = ("qzAnna Zqvist", "qzBo_Årzq", "qzcilla.zq@skola", "qz 070101-1234 zq")
ANCHOR_NAMES = ("qzfacit0zq", "qzfacit1zq", "qzfacit2zq")
GRADES = ("F+", "D-", "C+")
BATCH_ID, ASSIGNMENT, COURSE = "qzklass9bzq", "qzuppgiftzq", "qzkurszq"
TEXTS = (
    "We went to the sea, and it was cold.",
    "The sea was cold and grey that day.",
    "I would rather stay at home.",
    "There is a garden behind our house.",
    "My grandmother lives by a lake.",
    "The town was quiet in the morning.",
    "A forest is a good place to think.",
)
ASKED, CRITERIA = "Describe a place.", "Judge the language."
JUDGES: list[dict[str, Any]] = [
    {"provider": provider, "api": api, "prompt_template": template, "reason_length": length}
    for (provider, api), template, length in product(
        [("openai", "responses"), ("openai", "chat_completions"), ("openai", "decisions"), ("anthropic", "responses")],
        template_names(),
        ["short", "long"],
    )
    if (api, length) != ("decisions", "long")  # decisions give no reasons
]


def write(folder: Path, judge: dict[str, Any]) -> Batch:
    for part in ("essays", "anchors"):
        (folder / part).mkdir(parents=True)
    (folder / "batch.yaml").write_text(
        f"batch_id: {BATCH_ID}\nassignment: {ASSIGNMENT}\ncourse_code: {COURSE}\n"
        "grade_scale: eng5_np_legacy_9_step\nllm_batching_mode: per_request\nwaves: 1\n"
        "judge: {" + ", ".join(f"{name}: {value}" for name, value in judge.items()) + "}\n"
    )
    (folder / "prompt.md").write_text(ASKED)
    (folder / "rubric.md").write_text(CRITERIA)
    for name, text in zip(PUPIL_NAMES, TEXTS[:4], strict=True):
        (folder / "essays" / f"{name}.txt").write_text(text)
    for name, grade, text in zip(ANCHOR_NAMES, GRADES, TEXTS[4:], strict=True):
        (folder / "anchors" / f"{name}_{grade}.txt").write_text(text)
    return read_batch(folder)


def planted(batch: Batch) -> set[str]:
    """Everything that is known of the batch and its essays besides their texts."""
    secrets = {BATCH_ID, ASSIGNMENT, COURSE, *PUPIL_NAMES, *ANCHOR_NAMES}
    secrets |= {str(batch.spec.grade_scale), batch.content_sha256, "qz", "zq", ".txt", "anchor", "anna", "070101"}
    for essay in batch.essays:
        secrets |= {essay.essay_id, essay.file_name, essay.text_sha256, short_hash(essay.essay_id)}
    return secrets


def leaks(batch: Batch, text: str) -> list[str]:
    """Return what ``text`` tells; a grade is one letter in its case, and the rest is found in any case."""
    found = [secret for secret in planted(batch) if secret.lower() in text.lower()]
    return found + [grade for grade in GRADES if grade in text]


@pytest.mark.parametrize("judge", JUDGES, ids=lambda judge: "-".join(judge.values()))
def test_no_body_tells_whose_essays_they_are_or_what_they_are_worth(
    judge: dict[str, Any], ledger: Ledger, settings: Settings, tmp_path: Path
) -> None:
    batch = write(tmp_path / "folder", judge)
    register(ledger, settings, batch)
    grades = {essay.essay_id: essay.anchor_grade for essay in batch.essays}
    requests = plan_requests(
        ledger,
        BATCH_ID,
        plan_comparisons(planned_spec(ledger, BATCH_ID), batch.scale, grades),
        {essay.essay_id: essay.text for essay in batch.essays},
    )
    assert {essay for request in requests for essay in (request.essay_a_id, request.essay_b_id)} == set(grades)
    assert planned_judge(ledger, BATCH_ID).prompt_template == judge["prompt_template"]
    shown = {essay.essay_id: essay.text for essay in batch.essays}
    assert len(planted(batch)) > 30
    for request in requests:
        body = ledger.body(request.custom_id)
        assert ASKED in body
        assert CRITERIA in body
        assert [text in body for text in (shown[request.essay_a_id], shown[request.essay_b_id])] == [True, True]
        assert leaks(batch, body) == []
        assert request.custom_id not in body
        assert request.pair_id not in body


def test_a_leak_would_be_found(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    batch = write(tmp_path / "folder", {"provider": "openai"})
    assert leaks(batch, batch.prompt) == []
    for secret in (*PUPIL_NAMES, *ANCHOR_NAMES, *GRADES, BATCH_ID, batch.essays[0].essay_id, batch.essays[-1].file_name):
        assert leaks(batch, f"{batch.prompt} ({secret.upper()})")
