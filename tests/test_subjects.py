"""What a pupil gets of what is kept: all of his own from every table, and nothing of anybody else."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from huleedu_pipeline.canonical import sha256_hex
from huleedu_pipeline.cli.app import app
from huleedu_pipeline.content import ContentStore, Reference
from huleedu_pipeline.lake import Lake
from huleedu_pipeline.lake.tables import (
    CJ_RANKINGS,
    COMPARISON_PAIRS,
    ESSAYS,
    GRADE_PROJECTIONS,
    LLM_JUDGEMENTS,
    SPELLCHECKED_ESSAYS,
    STUDENT_MATCHES,
)
from tests.lake.kit import a_row

OWN, OTHER = "My aunt is kind to every cat.", "The storm took the old boat away from us."
CORRECTED = "The storm took the ancient boat far away from us."
ROSTER = "student_id,name\ns1,Zqanna Lindqvister\ns2,Zqbertil Sandelius\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two batches: in both an essay is of s1, in the first one is of s2, and in the second one may be of s1."""
    home = tmp_path / "home"
    monkeypatch.setenv("HULEEDU_HOME", str(home))
    lake = Lake(home / "lake")
    original = tmp_path / "zqanna.docx"
    original.write_bytes(b"bytes of a document")
    digest = hashlib.sha256(original.read_bytes()).hexdigest()
    reference = Reference("anna", "zqanna.docx", sha256_hex(OWN), digest)
    ContentStore(home / "content").keep("b1", [reference], {sha256_hex(OWN): OWN}, {digest: original})
    for batch_id, others in (("b1", ("zqbertil", "confirmed", "s2")), ("b2", ("zqbertil", "review", "s1"))):
        (home / "inbox" / batch_id).mkdir(parents=True)
        (home / "inbox" / batch_id / "roster.csv").write_text(ROSTER, encoding="utf-8")
        other, status, student_id = others
        rows: dict[Any, list[dict[str, Any]]] = {
            ESSAYS: [
                {"essay_id": "anna", "is_anchor": False, "text": OWN, "file_name": "zqanna.docx", "original_sha256": digest},
                {"essay_id": other, "is_anchor": False, "text": OTHER},
                {"essay_id": "anchor", "is_anchor": True},
            ],
            SPELLCHECKED_ESSAYS: [{"essay_id": "anna"}, {"essay_id": other, "text_corrected": CORRECTED}],
            STUDENT_MATCHES: [
                {"essay_id": "anna", "student_id": "s1", "status": "automatic"},
                {"essay_id": other, "student_id": student_id, "status": status},
            ],
            COMPARISON_PAIRS: [{"pair_id": "p1", "essay_a_id": other, "essay_b_id": "anna"}],
            CJ_RANKINGS: [{"essay_id": "anna", "rank": 1}, {"essay_id": other, "rank": 2}],
            GRADE_PROJECTIONS: [{"essay_id": "anna", "grade": "C"}],
            LLM_JUDGEMENTS: [
                judgement("c1", other, "anna", other, "Livelier, with 'the storm took the old boat', and richer."),
                judgement("c2", "anna", other, "anna", "Clearer: 'kind to every cat' says much."),
                judgement("c3", other, "anna", None, "He writes 'ancient boat far away', not more."),
                judgement("c4", other, "anchor", other, "Of two others."),
            ],
        }
        for table, values in rows.items():
            lake.write_rows(table, batch_id, [a_row(table, batch_id, **row) for row in values])
    return home


def judgement(custom_id: str, a: str, b: str, winner: str | None, why: str) -> dict[str, Any]:
    ids = {"essay_a_id": a, "essay_b_id": b, "winner_essay_id": winner}
    return {"custom_id": custom_id, **ids, "justification": why, "error_message": None}


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["export-subject", *map(str, arguments)])


def test_a_pupil_gets_what_is_his_of_all_batches_and_nothing_of_others(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    done = run("--student-id", "s1", "--output-dir", folder)
    assert done.exit_code == 0, done.output
    assert "batch b2: essay zqbertil is left out until somebody says whose it is" in done.stderr
    assert sorted(path.relative_to(folder).as_posix() for path in folder.glob("*/*")) == ["b1/anna", "b2/anna"]
    place = folder / "b1" / "anna"
    assert (place / "text.txt").read_text("utf-8") == OWN
    assert (place / "original.docx").read_bytes() == b"bytes of a document"
    found = json.loads((place / "tables.json").read_text("utf-8"))
    assert found["name"] == "Zqanna Lindqvister"
    tables = found["tables"]
    assert {name: len(rows) for name, rows in tables.items()} == {
        "essays": 1,
        "student_matches": 1,
        "spellchecked_essays": 1,
        "comparison_pairs": 1,
        "llm_judgements": 3,
        "cj_rankings": 1,
        "grade_projections": 1,
    }
    assert tables["cj_rankings"][0]["rank"] == 1
    verdicts = {row["custom_id"]: row for row in tables["llm_judgements"]}
    assert [verdicts[name]["winner_essay_id"] for name in ("c1", "c2", "c3")] == ["(another essay)", "anna", None]
    assert "kind to every cat" in verdicts["c2"]["justification"]
    assert {verdicts[name]["justification"] for name in ("c1", "c3")} == {"(withheld: it quotes the other essay)"}
    written = "".join(path.read_text("utf-8") for path in folder.rglob("*.json")).casefold()
    assert [word for word in ("zqbertil", "sandelius", "storm", "boat") if word in written] == []


def test_one_essay_of_a_guest_batch_is_found_by_its_id(home: Path, tmp_path: Path) -> None:
    done = run("--batch", "b2", "--essay", "zqbertil", "--output-dir", tmp_path / "out")
    assert (done.exit_code, (tmp_path / "out" / "b2" / "zqbertil" / "text.txt").read_text("utf-8")) == (0, OTHER)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--student-id", "s9"), "no essay is matched to this student_id"),
        (("--batch", "b1", "--essay", "anchor"), "batch b1: has no pupil's essay anchor"),
        (("--batch", "b9", "--essay", "anna"), "batch b9: has no pupil's essay anna"),
    ],
)
def test_who_is_not_known_is_said_and_nothing_is_written(
    arguments: tuple[str, ...], said: str, home: Path, tmp_path: Path
) -> None:
    done = run(*arguments, "--output-dir", tmp_path / "out")
    assert said in str(done.exception)
    assert not (tmp_path / "out").exists()


def test_nothing_is_overwritten_and_a_half_question_is_refused(home: Path, tmp_path: Path) -> None:
    assert "is there already" in str(run("--student-id", "s1", "--output-dir", tmp_path).exception)
    assert run("--batch", "b1", "--output-dir", tmp_path / "out").exit_code == 2
