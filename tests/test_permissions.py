"""What others may read is found and taken from them, and what a private process makes is its owner's alone."""

from pathlib import Path

from huleedu_pipeline.essays.inbox import stage
from huleedu_pipeline.permissions import keep_private, make_private, open_to_others
from tests.kit import write_batch


def test_what_others_may_read_is_found_and_made_private(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "lake").mkdir(parents=True)
    (home / "lake" / "table").write_text("x")
    script = home / "script"
    script.write_text("x")
    script.chmod(0o755)
    (home / "link").symlink_to(tmp_path / "elsewhere")
    assert open_to_others(home) == [home, home / "lake", home / "lake" / "table", script]
    make_private(home)
    assert open_to_others(home) == []
    assert [path.stat().st_mode & 0o777 for path in (home, home / "lake" / "table", script)] == [0o700, 0o600, 0o700]


def test_a_folder_that_everybody_can_read_is_private_in_the_inbox(tmp_path: Path) -> None:
    source = write_batch(tmp_path / "b1")
    assert open_to_others(source)
    keep_private()
    staged = stage(source, tmp_path / "home" / "inbox")
    assert open_to_others(tmp_path / "home") == []
    assert open_to_others(source), "the folder of the teacher stays as it was"
    assert len(list(staged.rglob("*.txt"))) == 8
