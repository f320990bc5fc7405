"""Exit statuses: one list, which the help and the README have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from chia_bypass import errors
from chia_bypass.exit_status import OF_COMMAND, ExitStatus
from chia_bypass_cli.app import app

README = Path(__file__).resolve().parents[2] / "README.md"
ALL = {status.value: status.meaning for status in ExitStatus}
LOOPS = {0, 2, 126, 127}
OF = {
    "record": LOOPS | {25, 27},
    "replay": LOOPS | {20, 23, 24, 25, 26, 27},
    "resume": LOOPS | {20, 23, 24, 25, 26},
    "check": LOOPS | {20, 21, 22, 23, 24, 25, 26},
    "verify": {0, 24, 26},
    "diff": {0, 1},
    "doctor": {0, 1},
    "plan": {0, 2, 27},
}


def test_the_readme_lists_all_of_them() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", README.read_text(), re.MULTILINE)
    assert {int(number): meaning for number, meaning in rows} == ALL
    assert [int(number) for number, _ in rows] == sorted(ALL)
    assert f"\n{OF_COMMAND}\n" in README.read_text()


def test_the_help_lists_all_of_them() -> None:
    assert statuses_in_help() == ALL
    assert OF_COMMAND in CliRunner().invoke(app, ["--help"]).stdout


@pytest.mark.parametrize("command", OF)
def test_the_help_of_a_command_lists_its_own(command: str) -> None:
    assert statuses_in_help(command) == {number: ALL[number] for number in OF[command]}


def statuses_in_help(*command: str) -> dict[int, str]:
    shown = CliRunner().invoke(app, [*command, "--help"]).stdout
    rows = re.findall(r"^ +(\d+)  (\S.*)$", shown.partition("Exit status:")[2], re.MULTILINE)
    return {int(number): meaning for number, meaning in rows}


def test_every_error_ends_a_command_with_one_of_them() -> None:
    found = {error.__name__: error.status for error in below(errors.ChiaBypassError)}
    assert len(found) > 20
    assert all(isinstance(status, ExitStatus) and status > 1 for status in found.values())
    named = ("UsageError", "CommandNotFound", "CommandNotExecutable", "Miss", "RecordingCorrupt")
    assert [found[name].value for name in named] == [2, 127, 126, 20, 26]


def below(error: type[errors.ChiaBypassError]) -> Iterator[type[errors.ChiaBypassError]]:
    yield error
    for kind in error.__subclasses__():
        if kind.__module__.startswith("chia_bypass."):
            yield from below(kind)
