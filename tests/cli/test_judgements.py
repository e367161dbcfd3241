"""`huleedu judgements import` as a user meets it: from two teachers' table to a published ranking."""

import json
from pathlib import Path

import pytest

from tests.cli.kit import huleedu
from tests.human_kit import COLUMNS, HEADER, ORDER, human_batch, judged, write_judgements
from tests.kit import write_batch


def test_two_teachers_judgements_become_a_published_ranking(home: Path, tmp_path: Path) -> None:
    folder, rows = human_batch(tmp_path / "b1"), judged()
    early = huleedu(home, "run", folder)
    assert early.returncode == 1
    assert "error: batch b1: its judge is human and no judgement has been imported (huleedu judgements import" in early.stderr
    part = write_judgements(tmp_path / "part.csv", rows[:6])
    first = huleedu(home, "judgements", "import", part, folder, *COLUMNS)
    assert first.returncode == 0, first.stderr
    assert "batch b1: 6 judgements recorded\nNo judgement yet of 4 essays (" in first.stdout
    table = write_judgements(tmp_path / "judged.csv", rows)
    extended = huleedu(home, "judgements", "import", table, folder, *COLUMNS)
    assert extended.stdout == f"batch b1: 50 judgements recorded, 6 were there already\nNext: huleedu run {folder}\n"
    again = huleedu(home, "judgements", "import", table, folder, *COLUMNS)
    assert again.stdout.startswith("batch b1: 0 judgements recorded, 56 were there already\n")

    # Whichever backend is set: nobody is asked, and no key is looked for.
    done = huleedu(home, "run", folder, HULEEDU_JUDGE_BACKEND="provider")
    assert done.returncode == 0, done.stderr
    assert "Ranking of b1, judged by human" in done.stdout
    assert "SIMULATED" not in done.stdout
    assert "56 verdicts of 56 requests, 0 tokens read and 0 written, 0.0000 USD" in done.stdout
    assert not (home / "emulator").exists()
    ranking = json.loads(huleedu(home, "results", "b1", "--format", "json").stdout)
    assert tuple(row["essay_id"] for row in reversed(ranking)) == ORDER
    assert {(row["models"], row["is_simulated"]) for row in ranking} == {("human", False)}

    late = huleedu(home, "judgements", "import", table, folder, *COLUMNS)
    assert late.returncode == 1
    assert "error: batch b1: is completed_max_comparisons, and takes no more judgements" in late.stderr
    assert "Traceback" not in late.stderr


def test_a_file_with_mistakes_is_refused_whole(home: Path, tmp_path: Path) -> None:
    folder = human_batch(tmp_path / "b1")
    rows = [*judged(), ("ana", "bertil", "first", "Ada", ""), ("anna", "anna", "lika", "Ada", "")]
    table = write_judgements(tmp_path / "judged.csv", rows)
    refused = huleedu(home, "judgements", "import", table, folder, *COLUMNS)
    assert refused.returncode == 1
    assert refused.stderr.splitlines() == [
        "error: judged.csv: line 58: left 'ana' is no essay of the batch (did you mean 'anna'?)",
        "error: judged.csv: line 59: essay 'anna' is compared with itself (correct one of the two, or remove the line)",
    ]
    assert not (home / "inbox").exists()
    missing = huleedu(home, "judgements", "import", table, folder, *COLUMNS[:4], "--winner-column", "winner")
    assert "error: judged.csv: has no column 'winner' (it has left, right, better, teacher, why)" in missing.stderr
    assert "No batch yet" in huleedu(home, "status").stdout


@pytest.mark.parametrize(("extra", "code"), [((), 1), (("--tie", "lika", "--tie", "vet ej"), 0)])
def test_words_for_a_tie_can_be_added_and_one_judge_needs_no_column(
    home: Path, tmp_path: Path, extra: tuple[str, ...], code: int
) -> None:
    rows = [("anna", "bertil", "Lika"), ("cilla", "david", "vet ej"), ("elin", "anna", "=")]
    table = write_judgements(tmp_path / "judged.csv", rows, HEADER[:3])
    result = huleedu(home, "judgements", "import", table, human_batch(tmp_path / "b1"), *COLUMNS[:6], *extra)
    assert result.returncode == code
    assert ("3 judgements recorded" in result.stdout) == (code == 0)


def test_a_batch_that_a_model_judges_takes_none(home: Path, tmp_path: Path) -> None:
    table = write_judgements(tmp_path / "judged.csv", judged())
    refused = huleedu(home, "judgements", "import", table, write_batch(tmp_path / "b1"), *COLUMNS)
    assert refused.returncode == 1
    assert "error: batch b1: its judge is openai, and only one that people judge takes imported judgements" in refused.stderr


def test_the_group_teaches_its_command(home: Path) -> None:
    shown = huleedu(home, "judgements", "import", "--help")
    assert "Example: huleedu judgements import judged.csv my-class" in " ".join(shown.stdout.split())
    assert "import" in huleedu(home, "judgements", "--help").stdout
    assert huleedu(home, "judgements", "import").returncode == 2
