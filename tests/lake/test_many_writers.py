"""Any number of processes write and read at once, and every file is always whole."""

from pathlib import Path

from huleedu_pipeline.lake import Lake
from huleedu_pipeline.lake.tables import ESSAYS
from tests.lake.kit import files_in, hear, say, start

WRITE_MANY_TIMES = """
import sys
from pathlib import Path
from huleedu_pipeline.lake import Lake
from huleedu_pipeline.lake.tables import ESSAYS
from tests.lake.kit import a_row
lake, batch_id, writer = Lake(Path(sys.argv[1])), sys.argv[2], sys.argv[3]
print("ready", flush=True)
sys.stdin.readline()
for round_ in range(1, 16):
    lake.write_rows(ESSAYS, batch_id, [a_row(ESSAYS, batch_id, essay_id=f"{writer}-{n}", n_words=round_) for n in range(50)])
print("done", flush=True)
"""


def test_every_file_is_whole_while_processes_write_the_same_and_different_batches(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    writers = [start(WRITE_MANY_TIMES, tmp_path, batch_id, writer) for writer, batch_id in enumerate(("b1", "b1", "b2"))]
    assert [hear(writer) for writer in writers] == ["ready"] * 3
    for writer in writers:
        say(writer)
    n_looks = 0
    while n_looks < 10 or any(writer.poll() is None for writer in writers):
        for path in lake.files(ESSAYS):
            rows = lake.read_rows(ESSAYS, path.parent.name.removeprefix("batch="))
            assert len(rows) == 50
            assert len({(row["essay_id"].partition("-")[0], row["n_words"]) for row in rows}) == 1
        n_looks += 1
    assert [writer.wait() for writer in writers] == [0] * 3
    assert files_in(tmp_path).keys() == {"essays/batch=b1/data.parquet", "essays/batch=b2/data.parquet"}
    for batch_id in ("b1", "b2"):
        assert {row["n_words"] for row in lake.read_rows(ESSAYS, batch_id)} == {15}
