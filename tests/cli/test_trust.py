"""Which recorded commands start by themselves: those of one's own recordings."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from support.recording_builder import Made, make_recording
from support.sample_records import make_run
from support.terminals import on_terminal, text_in_pipe

from chia_bypass.exit_status import ExitStatus
from chia_bypass.ownership.whose import is_foreign, make_own
from chia_bypass.recording.folder import RunFolder
from chia_bypass.recording.reader import Recording

SHOWN = "touch started"


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A recording from somebody else, whose command leaves a file."""
    run = replace(make_run(), command=("touch", "started"), directory="..")
    with RunFolder.create(tmp_path / "theirs", run, "host") as made:
        made.close(0, 2.0)
    return tmp_path / "theirs"


def chia_bypass(
    folder: Path, *arguments: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return text_in_pipe(*arguments, cwd=folder.parent, env=env)


def started(folder: Path) -> bool:
    return (folder.parent / "started").exists()


@pytest.mark.parametrize("command", ["replay", "check", "resume"])
def test_a_foreign_command_does_not_start_by_itself(command: str, folder: Path) -> None:
    done = chia_bypass(folder, command, str(folder))
    assert not started(folder)
    assert done.returncode == 2
    shown, told = done.stderr.splitlines()
    assert SHOWN in shown
    assert str(folder.parent) in shown
    assert "-- COMMAND" in told
    assert f"chia-bypass trust {folder}" in told
    assert "--yes" in told


@pytest.mark.parametrize("command", ["replay", "check", "resume"])
def test_it_starts_if_it_is_asked_for(command: str, folder: Path) -> None:
    through = [] if command == "resume" else ["--no-sandbox"]  # else nothing is left to look at
    done = chia_bypass(folder, command, str(folder), "--yes", *through)
    assert started(folder)
    assert SHOWN in done.stderr


def test_a_given_command_needs_no_trust(folder: Path) -> None:
    done = chia_bypass(folder, "check", str(folder), "--no-sandbox", "--", "touch", "mine")
    assert (folder.parent / "mine").exists()
    assert not started(folder)
    assert SHOWN not in done.stderr


def test_a_trusted_command_starts_by_itself_wherever_it_is_moved(folder: Path) -> None:
    done = chia_bypass(folder, "trust", str(folder))
    assert done.returncode == 0
    assert SHOWN in done.stdout
    assert not started(folder)
    moved = folder.rename(folder.with_name("moved"))
    done = chia_bypass(folder, "replay", str(moved), "--no-sandbox")
    assert started(folder)
    assert SHOWN in done.stderr, "one's own command is shown, too"


def test_trust_is_lost_with_another_run(folder: Path) -> None:
    make_own(folder)
    theirs = replace(make_run("second"), command=("true",))
    with RunFolder.extend(folder, theirs, "host") as made:
        made.close(0, 3.0)
    assert chia_bypass(folder, "replay", str(folder)).returncode == 2
    assert not started(folder)


def test_what_resume_adds_stays_own(folder: Path) -> None:
    make_own(folder)
    before = len(Recording.open(folder).contents.runs)
    chia_bypass(folder, "resume", str(folder))
    assert len(Recording.open(folder).contents.runs) == before + 1
    assert not is_foreign(folder)


def test_what_resume_adds_to_a_foreign_recording_does_not_make_it_own(folder: Path) -> None:
    chia_bypass(folder, "resume", str(folder), "--", "true")
    assert is_foreign(folder)


def test_without_a_state_folder_trust_says_so_and_commands_can_be_given(folder: Path) -> None:
    nowhere = {"XDG_STATE_HOME": "/dev/null/state"}
    done = chia_bypass(folder, "trust", str(folder), env=nowhere)
    assert done.returncode == 2
    assert "/dev/null/state" in done.stderr
    done = chia_bypass(folder, "record", "-o", "mine", "--", "true", env=nowhere)
    assert "count as foreign" in done.stderr
    given = ("--no-sandbox", "--", "touch", "started")
    chia_bypass(folder, "replay", str(folder), *given, env=nowhere)
    assert started(folder)


@pytest.mark.parametrize("look", [("replay", "--dry-run"), ("inspect",)])
def test_looking_shows_the_command(look: tuple[str, ...], folder: Path) -> None:
    done = chia_bypass(folder, look[0], str(folder), *look[1:])
    assert SHOWN in done.stdout
    assert not started(folder)


def test_unpacking_shows_the_command_and_gives_a_foreign_recording(tmp_path: Path) -> None:
    make_recording(tmp_path / "mine", [Made(value=1)])
    make_own(tmp_path / "mine")
    packed = str(tmp_path / "p.tar.gz")
    chia_bypass(tmp_path / "mine", "pack", str(tmp_path / "mine"), "-o", packed, "--yes")
    done = chia_bypass(tmp_path / "mine", "unpack", packed, "-o", "theirs")
    assert "python loop.py" in done.stdout
    assert is_foreign(tmp_path / "theirs")


@pytest.mark.parametrize(("answer", "starts"), [("y", True), ("n", False), ("", False)])
def test_on_a_terminal_it_is_asked(answer: str, starts: bool, folder: Path) -> None:
    shown = on_terminal(
        *("replay", folder, "--no-sandbox"),
        columns=80,
        cwd=folder.parent,
        answer=f"{answer}\n",
        statuses=[ExitStatus.USAGE],  # `touch` is no loop
    )
    assert "Start its command?" in shown
    assert started(folder) is starts


def test_what_is_shown_can_be_pasted_and_is_one_line(tmp_path: Path) -> None:
    words = ("sh", "-c", "true\n::error::faked")
    run = replace(make_run(), command=words, directory="..")
    with RunFolder.create(tmp_path / "r", run, "host") as made:
        made.close(0, 2.0)
    done = chia_bypass(tmp_path / "r", "replay", str(tmp_path / "r"))
    assert not any(line.strip().startswith("::") for line in done.stderr.splitlines())
    assert shlex.join(words[:2]) in done.stderr
