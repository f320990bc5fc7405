"""Loops whose workers cannot see the recording, as if they were on another machine."""

from __future__ import annotations

from support.loop_runner import Loops

PREAMBLE = """\
import os, sys
import ray
from chia_bypass import ChiaFunction, get

def real(name):
    "Note that the real function ran: the tests count these."
    with open({log!r}, "a") as file:
        print(name, file=file)

def hide():
    "In each worker: recording and control folder are not there."
    import pathlib

    def hidden(really):
        def read(self, *arguments, **keywords):
            if self.name in ("nonce", "session.json"):
                raise FileNotFoundError(2, "hidden", str(self))
            return really(self, *arguments, **keywords)
        return read

    pathlib.Path.read_bytes = hidden(pathlib.Path.read_bytes)
    pathlib.Path.read_text = hidden(pathlib.Path.read_text)
    opened = os.open

    def open_(path, *arguments, **keywords):
        if os.path.basename(os.fsdecode(path)) in ("nonce", "session.json"):
            raise FileNotFoundError(2, "hidden", path)
        return opened(path, *arguments, **keywords)

    os.open = open_

def kill_for_good(kind):
    "Kill the companions whose name begins so; how many there were."
    there = [actor["name"] for actor in ray.util.list_named_actors(all_namespaces=True)]
    mine = [name for name in there if name.startswith(kind)]
    for name in mine:
        ray.kill(ray.get_actor(name, namespace="chia_bypass"), no_restart=True)
    return len(mine)

ray.init(runtime_env={{"worker_process_setup_hook": hide}})
"""


def write(loops: Loops, body: str) -> None:
    """As ``loops.write``, for such a loop."""
    (loops.folder / "loop.py").write_text(PREAMBLE.format(log=str(loops.log)) + body)
