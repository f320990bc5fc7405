"""Finishing what was killed, failed or fell short."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from support.loop_runner import Loops

from chia_bypass.recording.folder import RunFolder
from chia_bypass.recording.reader import Recording

KILLED = """
import pathlib, signal

DRIVERS = pathlib.Path(os.path.abspath("r/segments"))

def fresh():
    return int.from_bytes(os.urandom(6), "big")

@dataclasses.dataclass
class Part:
    x: int
    number: int

@ChiaFunction(num_cpus=0)
def child(x):
    real(f"child{x}")
    return Part(x, fresh())

@ChiaFunction(num_cpus=0)
def parent(x, driver):
    real(f"parent{x}")
    first = get(child.chia_remote(x))
    if x == 2 and not os.path.exists("killed"):
        while not any(b"loop.0/2" in path.read_bytes() for path in DRIVERS.glob("driver-*.seg")):
            pass  # the note of a dispatch may be 50 ms late
        open("killed", "w").close()
        os.kill(driver, signal.SIGKILL)
        threading.Event().wait()
    return first.number, get(child.chia_remote(x + 100)).number

for x in range(4):
    number = get(parent.chia_remote(x, os.getpid()))
    print(x, number, flush=True)
"""


def results_printed(output: str) -> list[str]:
    return [line for line in output.splitlines() if line[:1].isdigit() and line[1:2] == " "]


def test_a_killed_run_is_finished_and_nothing_seen_is_computed_again(loops: Loops) -> None:
    loops.write(KILLED.replace('"killed"', repr(str(loops.folder / "killed"))))
    recorded = loops.record()
    assert recorded.returncode == 128 + 9
    seen = results_printed(recorded.stdout)
    assert len(seen) == 2
    assert loops.real_runs()[-2:] == ["parent2", "child2"]
    yaml = loops.folder / "r" / "bypass.yaml"  # the driver's pid is another in each run
    yaml.write_text(yaml.read_text().replace("  parent:", "  parent:\n    ignore_args: driver"))
    planned = loops.chia_bypass("resume", "r", "--dry-run")
    assert planned.returncode == 0, planned.stderr
    assert "it never finished" in planned.stdout
    assert loops.real_runs() == []

    resumed = loops.chia_bypass("resume", "r")
    assert resumed.returncode == 0, resumed.stderr
    assert results_printed(resumed.stdout)[:2] == seen
    assert loops.real_runs() == ["parent2", "child102", "parent3", "child3", "child103"]
    assert "3 replayed · 5 real · 0 missed · 0 unused" in resumed.stderr

    again = loops.replay()
    assert again.returncode == 0, again.stderr
    assert results_printed(again.stdout) == results_printed(resumed.stdout)
    assert loops.real_runs() == []
    recording = Recording.open(loops.folder / "r")
    assert len(recording.contents.runs) == 2
    assert len(list(recording.calls())) == 4 + 8
    assert loops.chia_bypass("verify", "r").returncode == 0


def test_failures_run_again_and_the_newest_answer_counts(loops: Loops) -> None:
    loops.write(f"""
GOOD = {str(loops.folder / "good")!r}

@ChiaFunction(num_cpus=0)
def build(x):
    real(f"build{{x}}")
    return {{"x": x, "success": x != 1 or os.path.exists(GOOD)}}

@ChiaFunction(num_cpus=0)
def simulate(x):
    real(f"simulate{{x}}")
    if not os.path.exists(GOOD):
        raise ValueError(x)
    return x

for x in range(2):
    print(get(build.chia_remote(x)))
try:
    print(get(simulate.chia_remote(5)))
except ValueError as error:
    print("failed")
""")
    loops.recorded()
    loops.real_runs()
    (loops.folder / "good").touch()
    yaml = loops.folder / "r" / "bypass.yaml"
    yaml.write_text(
        yaml.read_text().replace("  build:", "  build:\n    failed: {success: false}", 1)
    )
    resumed = loops.chia_bypass("resume", "r")
    assert resumed.returncode == 0, resumed.stderr
    assert loops.real_runs() == ["build1"]
    assert "{'x': 1, 'success': True}" in resumed.stdout
    assert "failed" in resumed.stdout  # exceptions are part of the run unless asked
    resumed = loops.chia_bypass("resume", "r", "--rerun-failed")
    assert loops.real_runs() == ["simulate5"]
    assert resumed.stdout.splitlines()[-1] == "5"
    again = loops.replay()
    assert loops.real_runs() == []
    assert again.stdout.splitlines()[-3:] == resumed.stdout.splitlines()[-3:]
    results = Recording.open(loops.folder / "r").contents.results
    assert [len(results["loop.0/1"]), len(results["loop.0/2"])] == [2, 2]


def test_nothing_is_added_to_a_golden_or_read_only_recording(loops: Loops) -> None:
    loops.write("@ChiaFunction()\ndef f(): real('f')\nget(f.chia_remote())\n")
    loops.recorded()
    loops.real_runs()
    (loops.folder / "r").rename(loops.folder / "golden")
    refused = loops.chia_bypass("resume", "golden")
    assert refused.returncode == 2
    assert "is a golden recording" in refused.stderr
    assert loops.real_runs() == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes anywhere")
def test_a_folder_that_cannot_be_written_is_refused_at_the_start(tmp_path: Path) -> None:
    from support.sample_records import make_run

    RunFolder.create(tmp_path / "r", make_run(), "host").close(0, 1.0)
    (tmp_path / "r").chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(Exception, match="cannot be added to"):
        RunFolder.extend(tmp_path / "r", make_run("second"), "host")
