"""Drivers that go on after a miss: real processes and signals, and a clock of the test's own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.loop_runner import Loops

from chia_bypass.control.grace import Grace
from chia_bypass.look.analysis.replay_outcome import read_outcome
from chia_bypass.replay_engine.events import SAME_MISS, Log
from chia_bypass.session import VARIABLE

DRIVER = """
import os, signal, sys
from chia_bypass.hook.announcing import announce, started
for name in ("INT", "TERM"):
    # Not print: the signal may come within a print of the loop below, and it cannot be reentered.
    handle = lambda *_, name=name: os.write(1, f"got {name}\\n".encode())
    signal.signal(getattr(signal, "SIG" + name), handle)
control, fact = sys.argv[1:]
announce(control, "started", **started())
announce(control, fact, **({"address": "", "invented": {}} if fact == "connected" else {}))
print("ready", flush=True)
for line in sys.stdin:
    print("still there", flush=True)
"""


class Drivers:
    """Starts processes that look like drivers of a replay."""

    def __init__(self, session_file: Path, stack: ExitStack) -> None:
        self._session_file, self._stack = session_file, stack

    def start(self, session: Path | None = None, fact: str = "connected") -> subprocess.Popen[str]:
        """One whose environment names ``session``, by default that of the replay."""
        process = self._stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-c", DRIVER, str(self._session_file.parent), fact],
                env={**os.environ, VARIABLE: str(session or self._session_file)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        self._stack.callback(process.kill)
        assert told_by(process) == "ready"
        return process


def told_by(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def lives(process: subprocess.Popen[str]) -> bool:
    """Whether it answers, and was sent no signal before."""
    assert process.stdin is not None
    print(file=process.stdin, flush=True)
    return told_by(process) == "still there"


@pytest.fixture
def session_file(tmp_path: Path) -> Path:
    return tmp_path / "session.json"


@pytest.fixture
def drivers(session_file: Path) -> Iterator[Drivers]:
    with ExitStack() as stack:
        yield Drivers(session_file, stack)


class Watch:
    """A Grace of 30 s, its clock and what it says."""

    def __init__(self, session_file: Path) -> None:
        self.time = 0.0
        self.said: list[str] = []
        self._grace = Grace(session_file, 30.0, self.said.append, lambda: self.time)

    def look(self, time: float) -> None:
        self.time = time
        self._grace.look()


def test_it_interrupts_then_terminates_then_kills(session_file: Path, drivers: Drivers) -> None:
    driver, watch = drivers.start(), Watch(session_file)
    watch.look(0.0)
    watch.look(1000.0)
    assert lives(driver)
    assert watch.said == []  # nothing missed
    Log(session_file.parent).fail("missed")
    watch.look(1001.0)
    watch.look(1030.9)
    assert lives(driver)
    watch.look(1031.0)
    assert told_by(driver) == "got INT"
    assert (
        f"code (process {driver.pid}) still ran 30 s after a miss and was interr" in watch.said[0]
    )
    watch.look(1040.9)
    assert lives(driver)
    watch.look(1041.0)
    assert told_by(driver) == "got TERM"
    watch.look(1051.0)
    assert driver.wait() == -9
    watch.look(1061.0)
    assert [said.partition(" and was ")[2].partition(";")[0] for said in watch.said] == [
        "interrupted",
        "terminated",
        "killed",
    ]


def test_a_driver_that_starts_after_the_miss_has_its_own_time(
    session_file: Path, drivers: Drivers
) -> None:
    Log(session_file.parent).fail("missed")
    watch = Watch(session_file)
    watch.look(0.0)
    driver = drivers.start()
    watch.look(100.0)
    watch.look(129.0)
    assert lives(driver)
    watch.look(130.0)
    assert told_by(driver) == "got INT"


def test_only_drivers_of_this_replay_are_touched(
    session_file: Path, drivers: Drivers, tmp_path: Path
) -> None:
    other = drivers.start(tmp_path / "other" / "session.json")  # as if its id was used again
    no_driver = drivers.start(fact="ray")
    ended = drivers.start()
    ended.kill()
    ended.wait()
    Log(session_file.parent).fail("missed")
    watch = Watch(session_file)
    for time in (0.0, 30.0, 60.0, 90.0):
        watch.look(time)
    assert lives(other)
    assert lives(no_driver)
    assert watch.said == []


def test_a_loop_that_retries_everything_for_ever_comes_to_an_end(loops: Loops) -> None:
    loops.write("""
@ChiaFunction(num_cpus=0)
def f(x):
    real("f")
    return x

asked = 1
while True:
    try:
        print(get(f.chia_remote(asked)), flush=True)
        if "MISS" not in os.environ:
            break
    except BaseException as error:
        pass
    asked = 2
""")
    recorded = loops.record()
    assert recorded.returncode == 0, recorded.stderr
    loops.real_runs()
    loops.environment["MISS"] = "1"
    replayed = loops.replay("--grace", "0.5", "--report", "did.json")
    assert replayed.returncode == 20
    assert loops.real_runs() == []
    assert "loop.py (process " in replayed.stderr
    for done in ("interrupted", "terminated", "killed"):
        assert f"still ran 0.5 s after a miss and was {done}; --grace SECONDS" in replayed.stderr
    outcome = read_outcome(loops.folder / "did.json")
    assert outcome.counts == {"served": 1, "missed": SAME_MISS}, "and not one a retry"
    assert (outcome.command_status, outcome.exit_status) == (128 + 9, 20)
