"""How a loop may end: interrupted, terminated, by os._exit, after forks."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from support.loop_runner import Loops

from chia_bypass.look.archive.verify import verify
from chia_bypass.recording.reader import Recording

RECORD = (sys.executable, "-m", "chia_bypass_cli", "record", "-o", "r", "--")
WAITING = """
@ChiaFunction()
def f(x):
    real("f")
    return x

@ChiaFunction()
def endless():
    import time
    time.sleep(600)

print("got", get(f.chia_remote(7)), flush=True)
reference = endless.chia_remote()
for _ in range({patience}):
    try:
        print("waiting", flush=True)
        get(reference)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
print("gave up", flush=True)
raise SystemExit(9)
"""


def record(loops: Loops) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*RECORD, sys.executable, "loop.py"],
        cwd=loops.folder,
        env=loops.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until(process: subprocess.Popen[str], text: str) -> None:
    """Read what the loop prints, up to the line ``text``."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == text:
            return
    raise AssertionError(f"no {text!r}: {process.communicate()}")


def closed_in_order(folder: Path, status: int) -> Recording:
    """The recording, which must be whole, and have what the loop has seen."""
    recording = Recording.open(folder)
    assert recording.complete
    assert [closed.status for closed in recording.contents.closed] == [status]
    assert verify(folder).faults == ()
    assert recording.result("loop.0/0") is not None
    return recording


def test_ctrl_c_once_and_twice_reaches_the_loop_and_the_recording_is_closed(loops: Loops) -> None:
    loops.write(WAITING.format(patience=2))
    process = record(loops)
    for _ in range(2):
        until(process, "waiting")
        process.send_signal(signal.SIGINT)
        until(process, "interrupted")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 9, errors
    assert "1 recorded" in errors
    assert "1 without a result: chia-bypass inspect r --failed" in errors
    recording = closed_in_order(loops.folder / "r", 9)
    assert recording.result("loop.0/1") is None  # dispatched, and never finished


def test_sigterm_ends_the_loop_and_the_recording_is_closed(loops: Loops) -> None:
    loops.write("import signal\n" + WAITING.format(patience=1))
    process = record(loops)
    until(process, "waiting")
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode not in (0, 25), errors
    closed_in_order(loops.folder / "r", process.returncode)


def test_a_loop_that_leaves_by_os_exit(loops: Loops) -> None:
    loops.write("""
@ChiaFunction()
def f(x):
    real("f")
    return x

print(get(f.chia_remote(7)), flush=True)
os._exit(3)
""")
    assert loops.record().returncode == 3
    closed_in_order(loops.folder / "r", 3)


def test_children_that_a_loop_forks_do_not_disturb_its_recording(loops: Loops) -> None:
    loops.write("""
@ChiaFunction()
def f(x):
    real("f")
    return f.chia_remote(x - 1) if x else x  # makes known whose reference it is

print(get(get(f.chia_remote(1))))
import multiprocessing
for _ in range(2):  # such a child ends by os._exit; by sys.exit, Ray's own clean-up would hang
    child = multiprocessing.get_context("fork").Process(target=print, args=("child",))
    child.start()
    child.join()
print(get(get(f.chia_remote(1))))
""")
    recorded = loops.record()
    assert recorded.returncode == 0, recorded.stderr
    recording = closed_in_order(loops.folder / "r", 0)
    assert len(list(recording.calls())) == 4
    assert [driver.path for driver in recording.contents.drivers] == ["loop.0"]
    roles = [path.name.partition("-")[0] for path in (loops.folder / "r/segments").iterdir()]
    assert roles.count("driver") == 1
