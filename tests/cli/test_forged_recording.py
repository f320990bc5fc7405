"""A mailed recording names classes that run code: replayed with a loop of ours, none of it runs."""

from __future__ import annotations

import sys
from dataclasses import replace

from support.loop_runner import Loops

SHAPES = """
import os
from dataclasses import dataclass

def ran(what):
    if os.path.exists({armed!r}):
        with open({log!r}, "a") as file:
            print(what, file=file)

@dataclass
class Ends:
    path: str
    def __del__(self):
        ran("del")

@dataclass
class SetsState:
    path: str
    def __setstate__(self, state):
        ran("setstate")
        self.__dict__.update(state)

@dataclass(frozen=True)
class Hashes:
    path: str
    def __hash__(self):
        ran("hash")
        return 1

class Raised(Exception):
    def __init__(self, path):
        super().__init__(path)
        ran("init")

def forged(kind):
    if kind == "raised":
        raise Raised("/precious")
    values = {{"ends": Ends, "state": SetsState, "set": lambda path: {{Hashes(path)}}}}
    return values[kind]("/precious")
"""
LOOP = """
import shapes

@ChiaFunction(num_cpus=0)
def work(kind):
    real("work")
    return shapes.forged(kind)

for kind in ("ends", "state", "set", "raised"):
    try:
        get(work.chia_remote(kind, _chia_tag=kind))
        print(kind, "came")
    except Exception as error:
        print(kind, type(error).__name__)
"""


def test_nothing_of_it_runs(loops: Loops) -> None:
    armed, log = loops.folder.with_name("armed"), loops.folder.with_name("ran.log")
    shapes = SHAPES.format(armed=str(armed), log=str(log))
    (loops.folder / "shapes.py").write_text(shapes)
    loops.write(LOOP)
    loops.recorded()
    loops.real_runs()
    stranger = str(loops.folder.with_name("their-state"))
    foreign = replace(loops, environment={**loops.environment, "XDG_STATE_HOME": stranger})
    armed.touch()

    command = ("--", sys.executable, "loop.py")
    done = foreign.replay(*command)
    assert done.returncode == 20, done.stderr
    # What stands in a set is refused by the worker, the rest before the dispatch.
    refused = "ends Miss\nstate Miss\nset RayTaskError(Miss)\nraised Miss\n"
    assert done.stdout == refused
    assert "--allow-import shapes" in done.stderr
    assert not log.exists(), log.read_text()

    allowed = foreign.replay("--allow-import", "shapes", *command)
    assert allowed.returncode == 0, allowed.stderr
    assert set(log.read_text().split()) >= {"del", "setstate", "hash", "init"}, "it shows nothing"
    assert loops.real_runs() == []
