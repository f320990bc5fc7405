"""What needs no Ray: help, usage, and looking at recordings."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
import typer
from rich.text import Text
from support.terminals import text_in_pipe

from chia_bypass.options import RecordOptions, ReplayOptions
from chia_bypass_cli import panels
from chia_bypass_cli.app import app

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "recordings" / "generated_c" / "golden"
APP: Any = typer.main.get_command(app)
COMMANDS = tuple(APP.commands)
MANY = 6
"""Options of a command from which on they stand under headings."""


chia_bypass = partial(text_in_pipe, cwd=ROOT)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    shown = chia_bypass(command, "--help")
    assert shown.returncode == 0
    assert f"Example: chia-bypass {command} " in shown.stdout


def test_the_help_names_every_command() -> None:
    shown = chia_bypass("--help").stdout
    assert all(f" {command} " in shown for command in COMMANDS)


def test_short_help_and_version() -> None:
    assert chia_bypass("diff", "-h").stdout == chia_bypass("diff", "--help").stdout
    told = chia_bypass("--version").stdout
    assert re.fullmatch(r"chia-bypass [\d.]+ \(Python [\d.]+, ray \S+, chialoops .+\)\n", told)


def parameters() -> Iterator[tuple[str, Any]]:
    """Every parameter of every command."""
    for name, command in APP.commands.items():
        for parameter in command.params:
            yield name, parameter


def test_every_parameter_is_explained_in_a_sentence() -> None:
    wrong = [
        f"{command} {parameter.name}: {parameter.help}"
        for command, parameter in parameters()
        if not re.fullmatch(r"[A-Z].*\.", parameter.help or "")
        # What looks like markup would not be shown.
        or Text.from_markup(parameter.help).plain != parameter.help
    ]
    assert wrong == []


def test_options_stand_under_headings_where_they_are_many() -> None:
    known = {value for value in vars(panels).values() if isinstance(value, str)}
    by_command: dict[str, list[Any]] = {}
    for command, parameter in parameters():
        if parameter.param_type_name == "option":
            by_command.setdefault(command, []).append(parameter)
    bare = [
        f"{command} --{option.name} needs a rich_help_panel, such as those of panels.py"
        for command, options in by_command.items()
        if len(options) > MANY
        for option in options
        if not option.rich_help_panel
    ]
    assert bare == []
    loops = [option for name in ("record", "replay") for option in by_command[name]]
    assert {option.rich_help_panel for option in loops} <= known


@pytest.mark.parametrize(
    ("command", "kind"), [("record", RecordOptions), ("replay", ReplayOptions)]
)
def test_the_help_lists_what_an_option_may_be(command: str, kind: type) -> None:
    shown = chia_bypass(command, "--help", env={"COLUMNS": "200"}).stdout
    hints = get_type_hints(kind)
    choices = {name: get_args(hint) for name, hint in hints.items() if get_origin(hint) is Literal}
    assert choices
    for name, allowed in choices.items():
        (row,) = (line for line in shown.splitlines() if f" --{name.replace('_', '-')} " in line)
        assert "|".join(allowed) in row


def completions(*words: str, cwd: Path = ROOT) -> list[str]:
    """What bash is offered at TAB behind the last word."""
    typed = {"COMP_WORDS": shlex.join(("chia-bypass", *words)), "COMP_CWORD": str(len(words))}
    done = chia_bypass(cwd=cwd, env={**typed, "_CHIA_BYPASS_COMPLETE": "complete_bash"})
    assert done.stderr == ""
    return done.stdout.split()


def test_recordings_calls_functions_and_choices_are_completed(tmp_path: Path) -> None:
    assert "resume" in completions("res")
    golden = "recordings/generated_c/golden"
    assert golden in completions("inspect", "rec")
    assert [golden] == completions("replay", "recordings/generated_c/")
    assert "GccNode.compile#0" in completions("inspect", golden, "Gcc")
    assert "loop.0/1" in completions("inspect", golden, "loop.0/")
    assert "GccNode.compile" in completions("replay", golden, "--only", "Gcc")
    for option in ("--live", "--fault"):
        found = completions("replay", golden, option, "Gcc")
        assert {"GccNode.compile", "GccNode.compile#0"} <= set(found)
    assert completions("replay", "--on-miss", "r") == ["run", "record"]
    # Where there is nothing to offer, nothing disturbs the line.
    assert completions("inspect", "nowhere", "x", cwd=tmp_path) == []
    assert completions("replay", "--redo", "x", cwd=tmp_path) == []


WITHOUT_RAY = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "cli")!r}]
sys.modules["ray"] = None
from chia_bypass_cli.app import main

for words in {{commands!r}}:
    try:
        main(words)
    except SystemExit as ended:
        assert ended.code == 0, (words, ended.code)
print("done")
"""


def test_looking_works_where_ray_cannot_be_imported(tmp_path: Path) -> None:
    """In a Python of its own: this one knows Ray."""
    golden, packed = str(GOLDEN), str(tmp_path / "p.tar.gz")
    commands = [
        ["inspect", golden],
        ["inspect", golden, "RunNode.run#0"],
        ["inspect"],
        ["verify", golden],
        ["diff", golden, golden],
        ["export", golden, "--values", "-o", str(tmp_path / "calls")],
        ["pack", golden, "-o", packed, "--yes"],
        ["unpack", packed, "-o", str(tmp_path / "r")],
    ]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_RAY.format(commands=commands)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "done"
    assert "GccNode.compile#0" in done.stdout
    assert "checksum" in done.stdout


def test_where_there_is_no_recording_that_is_told(tmp_path: Path) -> None:
    assert "There is no recording" in chia_bypass("inspect", cwd=tmp_path).stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("record",), "record needs a command"),
        (("replay", "nowhere"), "there is no recording here"),
        (("replay", str(GOLDEN), "--args", "lax"), "'lax' is not one of 'report', 'strict'"),
        (("replay", str(GOLDEN), "--latency", "-1"), "--latency must be recorded or a factor"),
        (("inspect", str(GOLDEN), "nothing#7"), "there is no call 'nothing#7'"),
        (("inspect", str(GOLDEN), "GccNode.compile"), "there is no call"),
    ],
)
def test_wrong_use_is_told_with_status_2(arguments: tuple[str, ...], told: str) -> None:
    done = chia_bypass(*arguments, env={"COLUMNS": "200"})
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
