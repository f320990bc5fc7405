"""Functions, classes and members in arguments, and what functions use, count by what they are."""

from __future__ import annotations

from support.loop_runner import Loops

HELPERS = """
SCALE = 2

def area(x):
    return x * SCALE
"""
LOOP = """
import enum
import helpers

class Color(enum.Enum):
    RED = 1

class Config:
    WIDTH = 8

    def __init__(self, name):
        self.name = name

@ChiaFunction(num_cpus=0)
def scored(values, score):
    real("scored")
    return [score(value) for value in values]

@ChiaFunction(num_cpus=0)
def paint(color):
    real("paint")
    return color.value

@ChiaFunction(num_cpus=0)
def configured(config):
    real("configured")
    return config.WIDTH

@ChiaFunction(num_cpus=0)
def simulate(x):
    real("simulate")
    return helpers.area(x)

@ChiaFunction(num_cpus=0)
def explore(x):
    real("explore")
    return get(simulate.chia_remote(x))

@ChiaFunction(num_cpus=0, runtime_env={"env_vars": {"MODE": "fast"}})
def surrounded():
    real("surrounded")
    return os.environ["MODE"].upper()

print(get(scored.chia_remote([1, 2], lambda value: value + 1, _chia_tag="s")))
print(get(paint.chia_remote(Color.RED, _chia_tag="p")))
print(get(configured.chia_remote(Config("a"), _chia_tag="c")))
print(get(surrounded.chia_remote(_chia_tag="m")))
print(get(explore.chia_remote(3, _chia_tag="e")))
"""
EDITS = {
    "value + 1": "value + 5",
    "RED = 1": "RED = 5",
    "WIDTH = 8": "WIDTH = 5",
    '"fast"': '"slow"',
}


def test_an_edit_of_what_counted_by_its_name_alone_is_noticed(loops: Loops) -> None:
    helpers = loops.folder / "helpers.py"
    helpers.write_text(HELPERS)
    loops.write(LOOP)
    loops.recorded()
    calls = ["scored", "paint", "configured", "surrounded"]
    assert loops.real_runs() == [*calls, "explore", "simulate"]
    check = ("check", "r", "--address", loops.address)
    unchanged = loops.chia_bypass(*check)
    assert unchanged.returncode == 0, unchanged.stderr
    for segment in (loops.folder / "r" / "segments").iterdir():
        assert b"fast" not in segment.read_bytes()  # it may be a secret

    # What simulate uses is not called in a replay: its caller is served.
    helpers.write_text(HELPERS.replace("SCALE = 2", "SCALE = 5"))
    checked = loops.chia_bypass(*check)
    assert checked.returncode == 21, checked.stderr
    assert "drift: the source of loop:explore, or of what it uses, has changed" in checked.stderr
    assert checked.stderr.count("drift") == 1

    edited = LOOP
    for old, new in EDITS.items():
        assert old in edited
        edited = edited.replace(old, new)
    loops.write(edited)
    checked = loops.chia_bypass(*check)
    assert checked.returncode == 21, checked.stderr
    assert all(name in checked.stderr for name in (*calls, "explore"))
    assert loops.real_runs() == []

    resumed = loops.chia_bypass("resume", "r")
    assert resumed.returncode == 0, resumed.stderr
    assert loops.real_runs() == calls
    assert resumed.stdout.splitlines()[:4] == ["[6, 7]", "5", "5", "SLOW"]
    again = loops.replay()
    assert (again.returncode, again.stdout) == (0, resumed.stdout), again.stderr
