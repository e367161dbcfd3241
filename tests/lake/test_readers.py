"""Readers in other processes never wait for a publication, and a publication never waits for them."""

from pathlib import Path

from huleedu_pipeline.lake import Lake, publish
from huleedu_pipeline.lake.tables import BATCH_STATUS
from tests.lake.kit import a_row, fill, hear, say, start

HOLD_OPEN = """
import sys
from huleedu_pipeline import open_warehouse
with open_warehouse(sys.argv[1]) as warehouse:
    for _ in range(2):
        print(sorted(warehouse.frame("batch_status")["batch_id"]), flush=True)
        sys.stdin.readline()
with open_warehouse(sys.argv[1]) as warehouse:
    print(sorted(warehouse.frame("batch_status")["batch_id"]), flush=True)
"""
HOLD_OPEN_WITH_PLAIN_DUCKDB = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=True)
for _ in range(2):
    print([name for name, in connection.execute("SELECT batch_id FROM batch_status ORDER BY 1").fetchall()], flush=True)
    sys.stdin.readline()
connection.close()
connection = duckdb.connect(sys.argv[1], read_only=True)
print([name for name, in connection.execute("SELECT batch_id FROM batch_status ORDER BY 1").fetchall()], flush=True)
"""
READ_IN_A_LOOP = """
import sys, threading
from huleedu_pipeline import open_warehouse
end, seen = threading.Event(), 0
threading.Thread(target=lambda: (sys.stdin.readline(), end.set()), daemon=True).start()
while not end.is_set():
    with open_warehouse(sys.argv[1]) as warehouse:
        n = len(warehouse.frame("batch_status"))
        assert len(warehouse.frame("current_rankings")) == n == len(warehouse.frame("batch_status"))
    assert n >= seen, "an older publication was seen after a newer one"
    if n > seen:
        print(n, flush=True)
    seen = n
"""
PUBLISH_MANY_TIMES = """
import sys
from pathlib import Path
from huleedu_pipeline.lake import Lake, publish
print("ready", flush=True)
sys.stdin.readline()
for _ in range(2):
    assert publish(Lake(Path(sys.argv[1])), Path(sys.argv[2])).rows["essays"] == 1
"""


def test_a_reader_that_holds_the_file_open_keeps_its_snapshot_and_blocks_nobody(tmp_path: Path) -> None:
    lake, path = Lake(tmp_path / "lake"), tmp_path / "warehouse.duckdb"
    fill(lake, "b1")
    publish(lake, path)
    readers = [start(code, path) for code in (HOLD_OPEN, HOLD_OPEN_WITH_PLAIN_DUCKDB)]
    assert [hear(reader) for reader in readers] == ["['b1']"] * 2
    fill(lake, "b2")
    assert publish(lake, path).rows["batch_status"] == 2  # while both hold the file open
    for expected in ("['b1']", "['b1', 'b2']"):
        for reader in readers:
            say(reader)
        assert [hear(reader) for reader in readers] == [expected] * 2
    assert [reader.wait(timeout=300) for reader in readers] == [0, 0]


def test_publishing_while_another_process_reads_in_a_loop_never_fails_for_the_reader(tmp_path: Path) -> None:
    lake, path = Lake(tmp_path / "lake"), tmp_path / "warehouse.duckdb"
    fill(lake, "b0")
    publish(lake, path)
    reader = start(READ_IN_A_LOOP, path)
    seen = [hear(reader)]
    for n in range(1, 6):
        fill(lake, f"b{n}")
        assert publish(lake, path).rows["batch_status"] == n + 1
    while seen[-1] not in ("6", ""):
        seen.append(hear(reader))
    say(reader)
    assert reader.wait(timeout=300) == 0
    assert (seen[0], seen[-1]) == ("1", "6")


def test_publications_by_several_processes_queue_up(tmp_path: Path) -> None:
    lake, path = Lake(tmp_path / "lake"), tmp_path / "warehouse.duckdb"
    fill(lake, "b1")
    publishers = [start(PUBLISH_MANY_TIMES, lake.root, path) for _ in range(2)]
    assert [hear(publisher) for publisher in publishers] == ["ready"] * 2
    for publisher in publishers:
        say(publisher)
    assert [publisher.wait(timeout=300) for publisher in publishers] == [0, 0]
    lake.write_rows(BATCH_STATUS, "b2", [a_row(BATCH_STATUS, "b2")])
    assert publish(lake, path).rows["batch_status"] == 2
    assert {file.name for file in tmp_path.iterdir()} == {"lake", "warehouse.duckdb", "warehouse.lock"}
