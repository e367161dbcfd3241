"""Files are whole or not there: whatever ends a write, the old file stays and nothing half-made counts as data."""

from pathlib import Path

import pytest

from huleedu_pipeline.files import replacing
from huleedu_pipeline.lake import Lake
from huleedu_pipeline.lake.tables import ESSAYS
from tests.lake.kit import a_row, files_in, start

KILLED_WHILE_WRITING = """
import os, signal, sys
from pathlib import Path
from huleedu_pipeline.files import replacing
with replacing(Path(sys.argv[1])) as temporary:
    temporary.write_bytes(b"half of the")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_file_takes_its_place_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "data.txt"
    for content in (b"first", b"second"):
        with replacing(path) as temporary:
            temporary.write_bytes(content)
            assert not path.exists() or path.read_bytes() == b"first"
        assert files_in(tmp_path) == {"new folder/data.txt": content}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "data.txt"
    path.write_bytes(b"old")

    def fail_half_way() -> None:
        with replacing(path) as temporary:
            temporary.write_bytes(b"half of the")
            raise error

    with pytest.raises(error):
        fail_half_way()
    assert files_in(tmp_path) == {"data.txt": b"old"}


def test_nothing_written_is_an_error_and_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "data.txt"
    path.write_bytes(b"old")
    with pytest.raises(FileNotFoundError), replacing(path):
        pass
    assert files_in(tmp_path) == {"data.txt": b"old"}


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "data.txt"
    with replacing(path) as one, replacing(path) as other:
        assert one != other
        one.write_bytes(b"one")
        other.write_bytes(b"other")
    assert files_in(tmp_path) == {"data.txt": b"one"}  # the outer one ends last


def test_a_killed_process_leaves_the_old_file_and_no_data(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    path = lake.write(ESSAYS, "b1", ESSAYS.from_rows([a_row(ESSAYS)]))
    before = path.read_bytes()
    assert start(KILLED_WHILE_WRITING, path).wait(timeout=300) == -9
    assert path.read_bytes() == before
    assert lake.files(ESSAYS) == [path]
    (leftover,) = [name for name in files_in(tmp_path) if not name.endswith("data.parquet")]
    assert Path(leftover).name.startswith(".")
    assert Path(leftover).suffix == ".tmp"
    lake.write_rows(ESSAYS, "b1", [])
    assert lake.read_rows(ESSAYS, "b1") == []
