"""What a value names counts as left only if the call wrote it."""

from __future__ import annotations

import os
from pathlib import Path

from chia_bypass.outputs import touched
from chia_bypass.outputs.entries import UNKNOWN
from chia_bypass.outputs.touched import Touches


def settled(root: Path) -> int:
    """A time after all that is there: changes from now on are dated later, or the same."""
    newest = max(path.lstat().st_ctime_ns for path in [root, *root.rglob("*")])
    while touched.now() <= newest:
        os.sched_yield()
    return touched.now()


def names(value: object, since: int, entries: int = 1000) -> dict[str, dict[str, bytes | None]]:
    found = Touches()
    found.add_value(value, since, entries)
    return {root: dict(one.names) for root, one in found.by_root.items()}


def test_only_what_was_written_since_counts(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner/old").write_text("old")
    since = settled(tmp_path)
    assert names([str(tmp_path / "old"), tmp_path / "inner", 3, "absent/x"], since) == {}
    os.utime(tmp_path / "old", (1, 1))  # its time can be set, not that of the change
    (tmp_path / "inner/new").write_text("new")
    assert names({"a": str(tmp_path / "old")}, since) == {str(tmp_path): {"old": UNKNOWN}}
    assert names((tmp_path / "inner",), since) == {str(tmp_path / "inner"): {"new": UNKNOWN}}


def test_a_link_counts_for_itself_and_for_what_is_behind_it(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    since = settled(tmp_path)
    (tmp_path / "there/file").write_text("content")
    (tmp_path / "link").symlink_to("there/file")
    assert names(str(tmp_path / "link"), since) == {
        str(tmp_path): {"link": UNKNOWN},
        str(tmp_path / "there"): {"file": UNKNOWN},
    }


def test_a_large_folder_is_cut_and_says_so_only_where_it_was_written(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / str(number)).touch()
    assert names(tmp_path, settled(tmp_path), 5) == {}
    found = Touches()
    found.add_value(tmp_path, 0, 5)
    assert found.by_root[str(tmp_path)].cut
