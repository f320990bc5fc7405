"""The live line: on real terminals of several sizes, and nowhere else."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from pathlib import Path

import pytest
from rich.cells import cell_len
from support.recording_builder import NEVER, Made, make_recording

from chia_bypass.control.progress import RecordProgress, ReplayProgress
from chia_bypass.replay_engine.events import Event, Kind, Log, Outcomes
from chia_bypass_cli.live_line import text_of

ROOT = Path(__file__).resolve().parents[2]
ROWS = 12
RUN = f"""
import os, sys
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "cli")!r}]
from chia_bypass_cli import launch, live_line

class Counted:
    looks = 0
    def look(self):
        self.looks += 1
        if self.looks > 2:
            open("go", "w").close()
        return {{"served": 1234567, "real": self.looks, "in flight": 2, "missed": 3}}

live_line._BETWEEN = 0
with live_line.shown("replaying", Counted, quiet="quiet" in sys.argv) as draw:
    wait = "while [ ! -e go ]; do echo working; sleep 0.1; done; echo done"
    status = launch.run(["sh", "-c", wait if draw is not live_line._nothing else "echo done"],
                        os.environ, draw)
print("status", status)
"""


def shown(folder: Path, *arguments: str, columns: int, **variables: str) -> str:
    """All that reaches a terminal of so many columns, as it comes."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    child = subprocess.Popen(
        [sys.executable, "-c", RUN, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=folder,
        env={**environment, "TERM": "xterm", **variables},
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    read = b""
    try:
        while chunk := os.read(ours, 65536):
            read += chunk
    except OSError:  # the other side is closed
        pass
    os.close(ours)
    assert child.wait(60) == 0
    return read.decode()


LINE = re.compile(
    rf"(?:\x1bD\x1b\[1A\x1b7\x1b\[1;{ROWS - 1}r\x1b8)?"
    rf"\x1b7\x1b\[{ROWS};1H\x1b\[2K(.*?)\x1b8"
)
"""A drawing: the cursor is saved, the last row is filled, and the cursor is where it was."""
END = f"\x1b7\x1b[r\x1b[{ROWS};1H\x1b[2K\x1b8"


@pytest.mark.parametrize("columns", [60, 80, 200])
@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": "1"}])
def test_the_line_fits_and_leaves_the_loops_output_as_it_is(
    tmp_path: Path, columns: int, variables: Mapping[str, str]
) -> None:
    read = shown(tmp_path, columns=columns, **variables)
    lines = LINE.findall(read)
    assert len(lines) >= 3
    assert all(cell_len(line) < columns for line in lines)
    whole = "replaying · 1,234,567 served · 1 real · 2 in flight · 3 missed"
    assert lines[0].startswith(whole[: columns - 2])
    assert read.count(END) == 1
    others = LINE.sub("", read).replace(END, "")
    assert "\x1b" not in others
    assert set(others.split()) == {"working", "done", "status", "0"}
    assert others.endswith("done\r\nstatus 0\r\n")


@pytest.mark.parametrize(
    ("arguments", "variables"), [(("quiet",), {}), ((), {"TERM": "dumb"})], ids=["quiet", "dumb"]
)
def test_no_line_if_it_is_not_wanted_or_the_terminal_cannot(
    tmp_path: Path, arguments: tuple[str, ...], variables: Mapping[str, str]
) -> None:
    assert shown(tmp_path, *arguments, columns=80, **variables) == "done\r\nstatus 0\r\n"


def test_nothing_in_a_pipe(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RUN], cwd=tmp_path, capture_output=True, check=True, timeout=60
    )
    assert (done.stdout, done.stderr) == (b"done\nstatus 0\n", b"")


def test_the_text_leaves_out_what_there_is_none_of() -> None:
    assert text_of("recording", {"recorded": 12, "in flight": 1}, 34.2) == (
        "recording · 12 recorded · 1 in flight · 34 s"
    )
    assert text_of("replaying", {"served": 2, "real": 0}, 0.6) == "replaying · 2 served · 1.0 s"
    assert text_of("replaying", {"served": 0, "real": 0}, 1.0) == "replaying · 1.0 s"


def test_a_recording_is_counted_as_it_grows(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    progress = RecordProgress(folder)
    assert progress.look() == {"recorded": 0, "in flight": 0}  # there is no folder yet
    make_recording(folder, [Made("loop:f", 1), Made("loop:f", 2), Made("loop:f", NEVER)])
    for _ in range(2):  # what was read is not counted again
        assert progress.look() == {"recorded": 2, "in flight": 1}


def test_a_replay_is_counted_as_it_goes(tmp_path: Path) -> None:
    progress = ReplayProgress(tmp_path)
    assert progress.look() == {"served": 0, "real": 0, "missed": 0}
    outcomes = Outcomes(Log(tmp_path))
    for kind in (Kind.SERVED, Kind.REAL, Kind.REAL, Kind.RETURNED):
        outcomes.add(Event(kind, "loop:f"))
    outcomes.flush()
    for _ in range(2):
        assert progress.look() == {"served": 1, "real": 2, "missed": 0}
    (written,) = (tmp_path / "outcomes").iterdir()
    with written.open("ab") as file:
        file.write(b'{"kind": "missed"')  # half a line
        file.flush()
        assert progress.look()["missed"] == 0
        file.write(b"}\n")
    assert progress.look() == {"served": 1, "real": 2, "missed": 1}
