"""What needs no Ray: help, usage, and looking at recordings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "recordings" / "generated_c" / "golden"
COMMANDS = (
    "record",
    "replay",
    "resume",
    "check",
    "inspect",
    "diff",
    "export",
    "report",
    "verify",
    "pack",
    "unpack",
    "prune",
    "doctor",
)


def chia_bypass(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    code = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'cli')!r}]\n"
    # Looking at recordings must work where Ray cannot even be imported.
    code += "sys.modules['ray'] = None\nfrom chia_bypass_cli.app import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=cwd,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    shown = chia_bypass(command, "--help")
    assert shown.returncode == 0
    assert f"Example: chia-bypass {command} " in shown.stdout


def test_the_help_names_every_command() -> None:
    shown = chia_bypass("--help").stdout
    assert all(f"  {command}" in shown for command in COMMANDS)


def test_inspect_works_without_ray(tmp_path: Path) -> None:
    listed = chia_bypass("inspect", str(GOLDEN))
    assert listed.returncode == 0, listed.stderr
    assert "GccNode.compile#0" in listed.stdout
    one = chia_bypass("inspect", str(GOLDEN), "RunNode.run#0")
    assert one.returncode == 0, one.stderr
    assert "checksum" in one.stdout
    assert chia_bypass("inspect").returncode == 0
    assert "There is no recording" in chia_bypass("inspect", cwd=tmp_path).stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("record",), "record needs a command"),
        (("replay", "nowhere"), "there is no recording here"),
        (("replay", str(GOLDEN), "--args", "lax"), "--args must be report or strict, not lax"),
        (("inspect", str(GOLDEN), "nothing#7"), "there is no call 'nothing#7'"),
        (("inspect", str(GOLDEN), "GccNode.compile"), "there is no call"),
    ],
)
def test_wrong_use_is_told_in_one_line_with_status_2(arguments: tuple[str, ...], told: str) -> None:
    done = chia_bypass(*arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
