"""Many processes append to one file and every line stays whole; files end by size, and the oldest go first."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from huleedu_pipeline.logs.files import DailyFiles, log_files

NOW = datetime(2026, 11, 20, 23, 59, tzinfo=UTC)
N_PROCESSES, N_LINES = 4, 300
WRITER = f"""
import sys
from datetime import datetime, UTC
from pathlib import Path
from huleedu_pipeline.logs.files import DailyFiles
files = DailyFiles(Path(sys.argv[1]), most_bytes=10**9, most_days=9, part_bytes=20_000)
sys.stdin.read(1)
for n in range({N_LINES}):
    files.append(('{{"by": "' + sys.argv[2] + '", "n": ' + str(n) + ', "filler": "' + "x" * (n % 97) + '"}}\\n').encode(),
                 datetime(2026, 11, 20, tzinfo=UTC))
"""


def files_in(folder: Path, **limits: int) -> DailyFiles:
    return DailyFiles(folder, **{"most_bytes": 10**9, "most_days": 90, "part_bytes": 100, **limits})


def test_lines_of_many_processes_stay_whole(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    writers = [subprocess.Popen([*command, str(n)], stdin=subprocess.PIPE) for n in range(N_PROCESSES)]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write(b"!")
        writer.stdin.close()
    assert [writer.wait(60) for writer in writers] == [0] * N_PROCESSES
    files = log_files(tmp_path)
    found = [json.loads(line) for file in files for line in file.path.read_text().splitlines()]
    assert sorted((line["by"], line["n"]) for line in found) == sorted(
        (str(by), n) for by in range(N_PROCESSES) for n in range(N_LINES)
    )
    assert [file.part for file in files] == list(range(1, len(files) + 1))
    # Each process may write one line after another has filled the part.
    assert all(20_000 <= file.path.stat().st_size < 20_000 + 200 * N_PROCESSES for file in files[:-1])


def test_a_full_part_and_a_new_day_begin_a_new_file(tmp_path: Path) -> None:
    files = files_in(tmp_path)
    for at in (NOW, NOW, NOW, NOW + timedelta(minutes=2)):
        files.append(b"x" * 59 + b"\n", at)
    assert [(str(file.day), file.part, file.path.stat().st_size) for file in log_files(tmp_path)] == [
        ("2026-11-20", 1, 120),
        ("2026-11-20", 2, 60),
        ("2026-11-21", 1, 60),
    ]


def test_another_process_goes_on_in_the_part_that_is_not_full(tmp_path: Path) -> None:
    for _ in range(2):
        files_in(tmp_path).append(b"x" * 40 + b"\n", NOW)
    assert [file.part for file in log_files(tmp_path)] == [1]


def test_a_file_that_was_removed_is_made_again(tmp_path: Path) -> None:
    files = files_in(tmp_path)
    files.append(b"one\n", NOW)
    log_files(tmp_path)[0].path.unlink()
    files.append(b"two\n", NOW)
    assert log_files(tmp_path)[0].path.read_text() == "two\n"


def test_the_oldest_go_when_they_are_too_many_or_too_old(tmp_path: Path) -> None:
    for days in range(10):
        files_in(tmp_path, most_days=5).append(b"x" * 49 + b"\n", NOW + timedelta(days=days))
    assert [file.day.day for file in log_files(tmp_path)] == [24, 25, 26, 27, 28, 29]
    files_in(tmp_path, most_bytes=120).append(b"x" * 49 + b"\n", NOW + timedelta(days=10))
    # Looked at when a file is begun, which by then is empty.
    assert [file.day.day for file in log_files(tmp_path)] == [28, 29, 30]


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "2001-01-01.notes.txt"
    other.write_text("mine")
    files_in(tmp_path, most_days=1).append(b"x\n", NOW)
    assert other.read_text() == "mine"
    assert len(log_files(tmp_path)) == 1
