"""As a second, unprivileged user of this machine: nothing is read, held, taken over or planted."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.other_user import NOBODY, able, as_nobody, words_as_nobody
from support.sample_recording import write_small
from support.sample_records import make_run

from chia_bypass.control.environment import environment
from chia_bypass.control.private_folder import control_folder
from chia_bypass.control.recorded import write_yaml
from chia_bypass.errors import RecordingError, UsageError
from chia_bypass.exit_status import ExitStatus
from chia_bypass.ownership.whose import is_foreign, make_own
from chia_bypass.privacy import is_private
from chia_bypass.recording.folder import RunFolder
from chia_bypass.recording.layout import BYPASS_YAML, INDEX, LOCK, MANIFEST, SEGMENTS
from chia_bypass.session import Mode, Session

pytestmark = pytest.mark.skipif(not able(), reason="only root can be somebody else")


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in which all can make files, like /tmp, which is that of temporary files, too."""
    folder = Path(tempfile.mkdtemp(prefix="shared-", dir="/tmp"))
    folder.chmod(0o1777)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(params=["as it is", "opened"])
def recording(request: pytest.FixtureRequest, shared: Path) -> Path:
    """A recording of ours that was made without any mask, also with folders that all may enter."""
    before = os.umask(0)
    try:
        folder = write_small(shared / "r")
        assert write_yaml(folder / BYPASS_YAML, "bypass: {f: true}") == ()
        assert make_own(folder) == ""
    finally:
        os.umask(before)
    if request.param == "opened":
        for path in (folder, *folder.rglob("*")):
            if path.is_dir():
                path.chmod(0o755)
    return folder


def refused(action: Callable[..., object], *arguments: object) -> None:
    with pytest.raises(PermissionError):
        action(*arguments)


def test_nothing_of_it_can_be_read(recording: Path, shared: Path) -> None:
    files = [path for place in (recording, shared / "state") for path in place.rglob("*")]
    files = [path for path in files if path.is_file()]
    assert len(files) > 10
    assert {path.suffix for path in files} >= {".seg", ".yaml"}

    def read() -> None:
        for path in files:
            refused(path.read_bytes)

    as_nobody(read)


def test_the_lock_cannot_be_held(recording: Path) -> None:
    def hold() -> None:
        for flags in (os.O_RDONLY, os.O_RDWR):
            refused(os.open, recording / LOCK, flags)

    as_nobody(hold)
    with RunFolder.extend(recording, make_run("more"), "host") as run:
        run.close(0, 3.0)


def test_nothing_can_be_planted_in_it_or_taken_away(recording: Path) -> None:
    before = sorted(recording.rglob("*"))

    def plant() -> None:
        for name in ("new", f"{SEGMENTS}/driver-1-00000000.seg", "blobs/new"):
            refused((recording / name).touch)
        for name in (BYPASS_YAML, INDEX, MANIFEST, SEGMENTS):
            refused((recording / name).rename, recording / "gone")
        for name in (BYPASS_YAML, INDEX, MANIFEST):
            refused((recording / name).unlink)
            refused((recording / name).write_text, "bypass: {f: false}")
        refused(recording.rename, recording.with_name("taken"))

    as_nobody(plant)
    assert sorted(recording.rglob("*")) == before
    assert not is_foreign(recording)


@pytest.mark.parametrize("mode", [0o700, 0o755, 0o777])
def test_a_folder_that_waits_for_a_recording_is_not_used(mode: int, shared: Path) -> None:
    """The name of a recording is easily guessed; whoever has its folder can exchange its files."""

    def wait() -> None:
        (shared / "r").mkdir()
        (shared / "r").chmod(mode)

    as_nobody(wait)
    with pytest.raises(RecordingError, match="belongs to another user"):
        RunFolder.create(shared / "r", make_run(), "host")
    assert list((shared / "r").iterdir()) == []


def test_an_empty_folder_of_ours_is_closed(shared: Path) -> None:
    (shared / "r").mkdir()
    (shared / "r").chmod(0o777)
    with RunFolder.create(shared / "r", make_run(), "host") as run:
        run.close(0, 1.0)
    assert stat.S_IMODE((shared / "r").stat().st_mode) == 0o700


def test_what_somebody_else_recorded_is_foreign(shared: Path) -> None:
    def record() -> None:
        os.environ["XDG_STATE_HOME"] = str(shared / "theirs")
        write_small(shared / "r")
        assert make_own(shared / "r") == ""

    as_nobody(record)
    assert (shared / "r").stat().st_uid == NOBODY
    assert is_foreign(shared / "r")


def test_control_folders_cannot_be_made_entered_or_made_again(shared: Path) -> None:
    first = control_folder()
    removed = control_folder()
    removed.rmdir()

    def enter() -> None:
        refused(os.listdir, first)
        refused((first / "session.json").touch)
        refused(removed.mkdir)
        refused(first.parent.rename, shared / "taken")
        refused(first.parent.rmdir)

    as_nobody(enter)
    assert is_private(str(first))


def test_a_parent_of_control_folders_that_somebody_made_is_left_alone(shared: Path) -> None:
    parent = shared / f"chia-bypass-{os.geteuid()}"

    def make() -> None:
        parent.mkdir(0o700)

    as_nobody(make)
    found = control_folder()
    assert found.parent != parent
    assert is_private(str(found.parent))
    as_nobody(lambda: refused((found / "session.json").touch))


@pytest.mark.parametrize("whose", ["folder and file", "file"])
def test_a_planted_session_is_not_obeyed(whose: str, shared: Path) -> None:
    control = shared / f"chia-bypass-{os.geteuid()}" / "x"
    session = Session(Mode.RECORD, str(shared / "r"), str(control), "0" * 32)

    def plant() -> None:
        control.mkdir(parents=True)
        session.save()

    if whose == "file":  # as if they had had a way in
        control.mkdir(parents=True, mode=0o777)
        session.save()
        os.chown(session.file, NOBODY, NOBODY)
    else:
        as_nobody(plant)
    with pytest.raises(UsageError, match="not this user's alone"):
        Session.load(session.file)
    done = subprocess.run(
        [sys.executable, "-c", "pass"],
        env=environment(session.file, os.environ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [path.name for path in control.iterdir()] == ["session.json"]


COMMANDS = (
    ("inspect",),
    ("verify",),
    ("replay", "--dry-run"),
    ("replay", "--", "true"),
    ("resume", "--", "true"),
    ("pack", "-o", "p.tar.gz", "--yes"),
    ("trust",),
)
ONE_BY_ONE = """
import contextlib, io, json, sys
from chia_bypass_cli.app import main

ends = []
for words in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(words)
        except SystemExit as ended:
            ends.append((int(ended.code or 0), out.getvalue(), err.getvalue()))
print(json.dumps(ends))
"""
"""Runs commands in one Python; prints of each its status and what it printed."""


def test_their_commands_read_and_change_nothing(recording: Path, shared: Path) -> None:
    before = {path: path.lstat().st_mtime_ns for path in recording.rglob("*")}
    prefix, home = words_as_nobody(), {**os.environ, "XDG_STATE_HOME": str(shared / "theirs")}
    commands = [[command, str(recording), *rest] for command, *rest in COMMANDS]
    done = subprocess.run(
        [*prefix, sys.executable, "-c", ONE_BY_ONE, json.dumps(commands)],
        cwd=shared,
        env=home,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for words, (status, out, err) in zip(commands, json.loads(done.stdout), strict=True):
        assert status in set(map(int, ExitStatus)) - {0, ExitStatus.UNFORESEEN}, (words, err)
        assert "Traceback" not in err
        ours = [line for line in err.splitlines() if line.startswith("chia-bypass: ")]
        assert len(ours) == 1, (words, err)
        assert out == ""
    assert {path: path.lstat().st_mtime_ns for path in recording.rglob("*")} == before
    assert not (shared / "p.tar.gz").exists()
