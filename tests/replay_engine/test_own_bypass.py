"""A loop's own Bypass that names a recording: a replay without the command line."""

from __future__ import annotations

import pytest
from support.loop_runner import Loops

BODY = """
from chia_bypass import Bypass

@dataclasses.dataclass
class Part:
    x: int

@ChiaFunction()
def leaf(x):
    real("leaf")
    return Part(x)

@ChiaFunction(num_cpus=0)
def middle(x):
    real("middle")
    part = get(leaf.chia_remote(x))
    assert isinstance(part, Part)
    return part

@ChiaFunction(num_cpus=0)
def not_recorded(x):
    real("not_recorded")
    return x

if len(sys.argv) > 1:
    Bypass(sys.argv[1])
print(get(leaf.chia_remote(1)), get(middle.chia_remote(2)), get(leaf.chia_remote(1)))
"""


@pytest.fixture(scope="module")
def recorded(loops_for_all: Loops) -> Loops:
    """The loop, recorded in ``r``."""
    loops_for_all.write(BODY)
    loops_for_all.recorded()
    assert sorted(loops_for_all.real_runs()) == ["leaf", "leaf", "leaf", "middle"]
    return loops_for_all


def test_it_serves_its_recording_and_runs_what_it_does_not_name(recorded: Loops) -> None:
    loops = recorded
    loops.write(BODY + "\nprint(get(not_recorded.chia_remote(3)))")
    plain = loops.python("loop.py", "r/bypass.yaml")
    assert plain.returncode == 0, plain.stderr
    assert plain.stdout.splitlines() == ["Part(x=1) Part(x=2) Part(x=1)", "3"]
    assert loops.real_runs() == ["not_recorded"]


def test_a_real_call_has_its_children_served(recorded: Loops) -> None:
    loops = recorded
    loops.write(BODY)
    yaml = loops.folder / "r" / "another.yaml"
    yaml.write_text("bypass:\n  leaf:\n    bypass: true\n    data: .\n  middle: false\n")
    done = loops.python("loop.py", "r/another.yaml")
    assert done.returncode == 0, done.stderr
    assert loops.real_runs() == ["middle"]


def test_more_calls_than_recorded_are_a_miss(recorded: Loops) -> None:
    loops = recorded
    loops.write(BODY + "\nprint(get(leaf.chia_remote(1)))")
    done = loops.python("loop.py", "r/bypass.yaml")
    assert done.returncode == 1
    assert "it was recorded 2 times and is called once more" in done.stderr
    assert "repeats: last" in done.stderr
    assert loops.real_runs() == []


def test_a_folder_without_a_recording_is_told(loops: Loops) -> None:
    loops.write(BODY)
    (loops.folder / "empty").mkdir()
    yaml = loops.folder / "some.yaml"
    yaml.write_text("bypass:\n  leaf:\n    bypass: true\n    data: empty\n")
    done = loops.python("loop.py", "some.yaml")
    assert done.returncode == 1
    assert "bypass.leaf.data" in done.stderr
    assert "holds no recording" in done.stderr
