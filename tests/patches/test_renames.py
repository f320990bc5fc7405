"""Folders that were there before a sandbox, renamed in it."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import random_trees
from support.other_user import NOBODY, able, as_nobody
from support.sandboxes import call, sandbox_over, work_here

from chia_bypass.patches import renames

TREE = {"old": {"f": b"1", "in": {"g": b"2"}, "link": "f"}, "full": {"x": b""}, "empty": {}}


@pytest.fixture
def work() -> Iterator[Path]:
    base = Path(tempfile.mkdtemp(prefix="renames-", dir="/tmp"))
    folder = random_trees.make(base / "work", TREE)
    (base / "control").mkdir()
    for path in (base, *base.rglob("*")):
        if able():
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    yield folder
    shutil.rmtree(base)


@pytest.mark.skipif(not work_here(), reason="this kernel refuses sandboxes")
@pytest.mark.parametrize("target", ["new", "empty"])
def test_a_folder_from_before_is_renamed(work: Path, target: str) -> None:
    def act() -> None:
        undo = renames.install()
        Path("old").rename(target)
        assert random_trees.read(Path(target)) == TREE["old"]
        assert not Path("old").exists()
        for rename in (os.rename, os.replace):
            with pytest.raises(OSError, match="not empty"):
                rename(target, "full")
        undo()
        with pytest.raises(OSError) as raised:
            Path("full").rename("other")
        assert raised.value.errno == errno.EXDEV

    def check() -> None:
        with sandbox_over(work, work.with_name("control")) as sandbox:
            call(sandbox, act)

    as_nobody(check) if able() else check()
    assert random_trees.read(work) == TREE


def test_other_errors_are_those_of_the_system(tmp_path: Path) -> None:
    undo = renames.install()
    try:
        with pytest.raises(FileNotFoundError):
            (tmp_path / "nothing").rename(tmp_path / "new")
        (tmp_path / "a").mkdir()
        (tmp_path / "a").rename(tmp_path / "b")
        assert (tmp_path / "b").is_dir()
    finally:
        undo()
