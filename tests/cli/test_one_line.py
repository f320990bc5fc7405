"""What a recording makes the command line print cannot pass for lines of ours or of CI."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.recording_builder import Made, make_recording
from support.sample_records import make_run
from support.terminals import in_pipe

from chia_bypass.recording.folder import RunFolder
from chia_bypass_cli import terminal

FORGED = "x\n::error::faked\n##[error]faked\r\n\u2028missed: faked\nThe archive will contain:"


def is_command(line: str) -> bool:
    """Whether GitHub's runner obeys it."""
    return line.strip().startswith("::") or "##[" in line


@pytest.mark.parametrize(
    "arguments",
    [("inspect",), ("inspect", "--failed"), ("inspect", "loop.0/0"), ("inspect", "loop.0/1")],
)
def test_no_line_is_the_recordings(arguments: tuple[str, ...], tmp_path: Path) -> None:
    made = [
        Made("loop:f", FORGED, tag=FORGED, arguments={"x": FORGED}, host=FORGED),
        Made("loop:f", ValueError(FORGED), traceback=f"Traceback:\n  {FORGED}"),
    ]
    make_recording(tmp_path / "r", made)
    command, *more = arguments
    done = in_pipe(command, tmp_path / "r", *more)
    assert done.returncode == 0
    lines = done.stdout.decode().splitlines()
    assert not any(map(is_command, lines))
    assert not any(line.startswith(("missed", "The archive")) for line in lines)
    assert any("faked" in line for line in lines)


def test_no_line_of_the_list_of_a_pack_is_the_recordings(tmp_path: Path) -> None:
    run = replace(make_run(), command=("python", f"{FORGED}\n  hosts: none"))
    with RunFolder.create(tmp_path / "r", run, "host") as made:
        made.close(0, 2.0)
    done = in_pipe("pack", tmp_path / "r", "-o", tmp_path / "p.tar.gz", "--yes")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode().splitlines()
    assert not any(map(is_command, lines))
    assert sum(line.startswith("  hosts:") for line in lines) <= 1
    assert sum(line.startswith("The archive") for line in lines) <= 1
    assert any("faked" in line for line in lines)


@given(st.text() | st.lists(st.sampled_from(["::", "\n", "##[", " ", "a", "\r"])).map("".join))
def test_only_the_first_line_of_a_text_begins_a_line(text: str) -> None:
    import contextlib
    import io

    with contextlib.redirect_stdout(io.StringIO()) as printed:
        terminal.line(f"label: {text}")
    first, *others = printed.getvalue().removesuffix("\n").split("\n")
    assert first.startswith("label: ")
    assert all(line.startswith("    ") for line in others)
    assert not any(map(is_command, [first, *others]))
