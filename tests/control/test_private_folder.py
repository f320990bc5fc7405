"""Nobody else on the machine can tell our processes what to do."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from chia_bypass.control import doctor
from chia_bypass.control.environment import environment
from chia_bypass.control.private_folder import control_folder, discard
from chia_bypass.errors import UsageError
from chia_bypass.privacy import is_private, is_taken_over
from chia_bypass.replay_engine.events import Log
from chia_bypass.session import Mode, Session


@pytest.fixture(autouse=True)
def _temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    tmp_path.chmod(0o1777)


def test_control_folders_stand_in_a_folder_that_stays(tmp_path: Path) -> None:
    first, second = control_folder(), control_folder()
    assert first.parent == second.parent == tmp_path / f"chia-bypass-{os.geteuid()}"
    assert all(is_private(str(path)) for path in (first, first.parent))
    first.rmdir()
    assert first.parent.is_dir()


def test_nothing_stays_of_one_to_which_a_worker_still_writes(tmp_path: Path) -> None:
    for _ in range(30):
        folder, begun, over = control_folder(), threading.Event(), threading.Event()
        writer = threading.Thread(target=write_until, args=(folder, begun, over))
        writer.start()
        assert begun.wait(60)
        discard(folder)
        over.set()
        writer.join()
    assert not any((tmp_path / f"chia-bypass-{os.geteuid()}").iterdir())


def write_until(folder: Path, begun: threading.Event, over: threading.Event) -> None:
    with contextlib.suppress(OSError):  # it is gone
        while not over.is_set():
            Log(folder).append([b"{}\n"])
            begun.set()


@pytest.mark.parametrize("how", ["open", "link", "file"])
def test_a_parent_that_somebody_made_is_not_used(how: str, tmp_path: Path) -> None:
    taken = tmp_path / f"chia-bypass-{os.geteuid()}"
    if how == "open":
        taken.mkdir()
        taken.chmod(0o777)
    elif how == "link":
        (tmp_path / "theirs").mkdir(0o700)
        taken.symlink_to(tmp_path / "theirs")
    else:
        taken.touch()
    found = control_folder()
    assert found.parent != taken
    assert is_private(str(found.parent))
    assert not (tmp_path / "theirs").exists() or not any((tmp_path / "theirs").iterdir())


def saved() -> Session:
    control = control_folder()
    session = Session(Mode.RECORD, str(control / "r"), str(control), "0" * 32)
    session.save()
    return session


def test_the_session_is_this_users_alone() -> None:
    session = saved()
    assert session.file.stat().st_mode & 0o777 == 0o600
    assert Session.load(session.file) == session


@pytest.mark.parametrize("what", ["file", "folder", "parent"])
def test_a_session_that_others_can_write_is_not_obeyed(what: str) -> None:
    session = saved()
    control = Path(session.control)
    {"file": session.file, "folder": control, "parent": control.parent}[what].chmod(0o777)
    assert is_taken_over(str(session.file))
    with pytest.raises(UsageError, match="not this user's alone"):
        Session.load(session.file)


def test_a_folder_that_was_made_again_is_told_nothing() -> None:
    """A process outlives its command, and somebody makes the control folder anew."""
    session = saved()
    Path(session.control).parent.chmod(0o777)
    done = subprocess.run(
        [sys.executable, "-c", "pass"],
        env=environment(session.file, os.environ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in Path(session.control).iterdir()) == ["session.json"]


def test_doctor_imports_nothing_of_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json", "platform", "ray"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    monkeypatch.chdir(tmp_path)
    found = list(doctor.diagnose(sys.executable, tmp_path, os.environ))
    assert found
    assert not (tmp_path / "ran").exists()
