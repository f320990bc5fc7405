"""Many drivers, many calls in flight, much data; CHIA_BYPASS_THOROUGH=1 for the whole of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.loop_runner import Loops
from support.remote_worker_loops import write
from support.sample_records import make_run

from chia_bypass.errors import RecordingLocked
from chia_bypass.look.archive.verify import verify
from chia_bypass.recording.folder import RunFolder
from chia_bypass.recording.reader import Recording

THOROUGH = bool(os.environ.get("CHIA_BYPASS_THOROUGH"))
DRIVERS = 16 if THOROUGH else 3
RESULTS = 10_000 if THOROUGH else 100
MEGABYTE = 1_000_000


def test_many_drivers_record_to_a_folder_each_at_once(loops: Loops) -> None:
    loops.write("""
@ChiaFunction()
def f(x):
    real("f")
    return [x, sys.argv[1:]]

print(sum(get(f.chia_remote(x))[0] for x in range(10)))
""")
    command = ("--", sys.executable, "loop.py")
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "chia_bypass_cli", "record", "-o", f"r{number}", *command],
            cwd=loops.folder,
            env=loops.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for number in range(DRIVERS)
    ]
    for number, process in enumerate(running):
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
        assert len(list(Recording.open(loops.folder / f"r{number}").calls())) == 10
        assert verify(loops.folder / f"r{number}").faults == ()


def test_a_thousand_calls_in_flight(loops: Loops) -> None:
    printed = loops.round_trip_here("""
@ChiaFunction()
def f(x):
    if x == 0:
        real("f")
    return x * x

references = [f.chia_remote(x) for x in range(1000)]
print(sum(get(references)))
""")
    assert printed == f"{sum(x * x for x in range(1000))}\n"


@pytest.mark.parametrize("hidden", [False, True], ids=["seen", "hidden"])
def test_many_large_results_take_no_memory(loops: Loops, hidden: bool) -> None:
    body = """
import resource, threading

@ChiaFunction()
def f(x):
    return os.urandom({size})

def high_water(title):
    "Memory of its own, in MB, of the largest process of this Ray that has Ray's title."
    found = [0]
    for entry in os.listdir("/proc"):
        try:
            if open(f"/proc/{{entry}}/cmdline").read().startswith(title):
                status = dict(line.split(":", 1) for line in open(f"/proc/{{entry}}/status"))
                if int(status["PPid"]) == raylet:
                    found.append(int(status["RssAnon"].split()[0]) // 1000)
        except (OSError, ValueError):
            pass
    return max(found)

# Another Ray on the machine may have a recorder of its own.
raylet = ray.get(ray.remote(lambda: os.getppid()).remote())
total, recorder, waiting = 0, 0, []
for x in range({count}):
    waiting.append(f.chia_remote(x))
    if len(waiting) == 16:
        total += len(get(waiting.pop(0)))
    if x % 50 == 49:
        recorder = max(recorder, high_water("ray::Recorder"))
total += sum(map(len, get(waiting)))
driver = int(dict(line.split(":", 1) for line in open("/proc/self/status"))["RssAnon"].split()[0])
print(total, driver // 1000, recorder)
"""
    body = body.format(size=MEGABYTE, count=RESULTS)
    if hidden:
        write(loops, body)
    else:
        loops.write(body)
    recorded = loops.record()
    assert recorded.returncode == 0, recorded.stderr
    total, driver, recorder = map(int, recorded.stdout.splitlines()[-1].split())
    assert total == RESULTS * MEGABYTE
    print(f"{RESULTS} results of 1 MB: driver {driver} MB, recorder {recorder} MB")
    assert driver < 500
    assert recorder < 500
    assert (recorder > 0) == hidden
    assert len(list((loops.folder / "r/blobs").rglob("*"))) >= RESULTS


def test_two_writers_to_one_recording_are_refused(loops: Loops, tmp_path: Path) -> None:
    loops.write("@ChiaFunction()\ndef f(): real('f')\nget(f.chia_remote())\n")
    loops.recorded()
    with RunFolder.extend(tmp_path / "r", make_run("first"), "lab7") as first:
        with pytest.raises(RecordingLocked):
            RunFolder.extend(tmp_path / "r", make_run("second"), "lab8")
        refused = loops.chia_bypass("resume", "r", "--yes")  # the manifest is not ours any more
        assert refused.returncode == 2
        assert f"another run writes to it: process {os.getpid()} on lab7" in refused.stderr
        first.close(0, 1.0)
