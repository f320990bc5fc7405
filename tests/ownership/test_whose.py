"""Whose a recording is: the user's own stays so wherever it goes; nothing else becomes it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from support.recording_builder import Made, add_run, make_recording

from chia_bypass.ownership.whose import is_foreign, make_own
from chia_bypass.recording.layout import LOCK, MANIFEST, NONCE


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of the test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "chia-bypass"


@pytest.fixture
def folder(tmp_path: Path, state: Path) -> Path:
    """A recording that nobody has marked."""
    make_recording(tmp_path / "made", [Made(value=1)])
    return tmp_path / "made"


def test_what_is_marked_is_own_wherever_it_is_moved(folder: Path, tmp_path: Path) -> None:
    assert is_foreign(folder)
    assert make_own(folder) == ""
    assert not is_foreign(folder)
    copy = shutil.copytree(folder, tmp_path / "copy")
    assert not is_foreign(Path(folder.rename(tmp_path / "moved")))
    assert not is_foreign(copy)


def test_another_manifest_or_nonce_is_foreign(folder: Path) -> None:
    make_own(folder)
    nonce = (folder / NONCE).read_bytes()
    (folder / NONCE).write_bytes(bytes(16))
    assert is_foreign(folder)
    (folder / NONCE).write_bytes(nonce)
    assert not is_foreign(folder)
    add_run(folder, [Made(value=2)], "theirs")
    assert is_foreign(folder)


def test_a_torn_end_of_the_manifest_changes_nothing(folder: Path) -> None:
    make_own(folder)
    with (folder / MANIFEST).open("ab") as manifest:
        manifest.write(b"\x07\0\0")
    assert not is_foreign(folder)


def test_marks_of_another_secret_count_for_nothing(folder: Path, state: Path) -> None:
    make_own(folder)
    (state / "secret").write_bytes(os.urandom(32))
    assert is_foreign(folder)


@pytest.mark.parametrize("what", ["open", "short", "link", "fifo"])
def test_a_secret_that_others_may_know_makes_nothing_own(
    what: str, folder: Path, state: Path, tmp_path: Path
) -> None:
    make_own(folder)
    secret = state / "secret"
    if what == "open":
        secret.chmod(0o644)
    elif what == "short":
        secret.write_bytes(b"known")
    else:
        secret.rename(tmp_path / "elsewhere")
        secret.symlink_to(tmp_path / "elsewhere") if what == "link" else os.mkfifo(secret, 0o600)
    assert is_foreign(folder)
    assert make_own(folder) != ""


def test_state_is_the_users_alone(folder: Path, state: Path) -> None:
    before = os.umask(0)
    try:
        assert make_own(folder) == ""
    finally:
        os.umask(before)
    files = [path for path in state.rglob("*") if path.is_file()]
    assert len(files) == 2
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert state.stat().st_mode & 0o777 == 0o700
    assert not any(folder.name in path.read_text("latin-1") for path in files)


def test_where_no_state_can_be_kept_that_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null/state")
    assert "cannot be written" in make_own(folder)
    assert is_foreign(folder)


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    subprocess.run(["git", "-C", folder, *who, *arguments], check=True, capture_output=True)


@pytest.fixture
def clone(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh clone that has the recording in it, as the working directory."""
    origin = tmp_path / "origin"
    shutil.copytree(folder, origin / "recordings" / "golden")
    (origin / "loop.py").touch()
    git(tmp_path, "init", "-q", str(origin))
    git(origin, "add", "-A", "-f")
    git(origin, "commit", "-q", "-m", "golden")
    git(tmp_path, "clone", "-q", str(origin), "clone")
    monkeypatch.chdir(tmp_path / "clone")
    return tmp_path / "clone"


def test_what_came_with_the_code_is_own(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    golden = clone / "recordings" / "golden"
    assert not is_foreign(golden)
    assert not is_foreign(Path("recordings/golden"))
    (golden / LOCK).unlink(missing_ok=True)
    assert not is_foreign(golden)
    monkeypatch.chdir(golden)
    assert not is_foreign(golden)


def test_of_another_work_tree_it_is_foreign(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_foreign(clone / "recordings" / "golden")
    other = tmp_path / "other"
    git(tmp_path, "init", "-q", str(other))
    monkeypatch.chdir(other)
    assert is_foreign(clone / "recordings" / "golden")
    monkeypatch.chdir(tmp_path)
    git(tmp_path, "init", "-q", str(tmp_path))  # the clone is a work tree inside this one
    assert is_foreign(clone / "recordings" / "golden")


@pytest.mark.parametrize("what", ["changed", "added", "linked", "untracked"])
def test_what_is_not_as_it_was_committed_is_foreign(what: str, clone: Path) -> None:
    golden = clone / "recordings" / "golden"
    segment = next((golden / "segments").iterdir())
    if what == "changed":
        segment.write_bytes(segment.read_bytes() + b"\0")
    elif what == "added":
        shutil.copy(segment, segment.with_name("worker-1-00000000.seg"))
    elif what == "linked":
        content = segment.rename(clone / "segment")
        segment.symlink_to(content)
    else:
        git(clone, "rm", "-r", "-q", "--cached", "recordings")
    assert is_foreign(golden)


def test_asking_git_runs_nothing_that_its_configuration_names(clone: Path) -> None:
    program = clone / "planted"
    program.write_text(f"#!/bin/sh\ntouch {clone}/ran\ncat\n")
    program.chmod(0o755)
    for key in ("core.fsmonitor", "core.sshCommand", "core.pager", "filter.x.clean"):
        git(clone, "config", key, str(program))
    (clone / ".gitattributes").write_text("* filter=x\n")
    for path in (clone / "recordings").rglob("*"):
        os.utime(path)  # git would look again
    assert not is_foreign(clone / "recordings" / "golden")
    assert not (clone / "ran").exists()
