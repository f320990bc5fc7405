"""Loops that import CHIA's own ChiaFunction and know nothing of us."""

from __future__ import annotations

from pathlib import Path

from support.loop_runner import Loops

PREAMBLE = """\
import builtins, dataclasses, os, sys, threading, time
import ray
from chia.base.ChiaFunction import (
    ChiaCallRemote, ChiaFunction, ObjectRefCallback, TrackedRef, chia_actor, chia_cancel,
    chia_wait, get,
)

def real(name):
    "Note that the real function ran: the tests count these."
    with open({log!r}, "a") as file:
        file.write(name + "\\n")

def print(*values):
    "Marks what is the loop's among what Ray prints."
    builtins.print("|", *values)

def fresh():
    "Another number each time that it really runs."
    return int.from_bytes(os.urandom(6), "big")

"""

CLAUDE = """\
#!/bin/sh
echo claude >> {log}
read message
while [ $# -gt 0 ]; do
  case "$1" in
    --session-id|--resume) echo "$1 $message" >> {projects}/$2.jsonl; how=$1;;
    --mcp-config) rm "$2";;  # CHIA leaves it
  esac
  shift
done
echo "$how $message $(od -An -N6 -tx1 /dev/urandom)"
"""
"""Stands in for the command line tool of the model: answers, and keeps a transcript."""


class ChiaLoops(Loops):
    """As Loops, with loops of CHIA's."""

    def write(self, body: str, name: str = "loop.py") -> Path:
        path = self.folder / name
        path.write_text(PREAMBLE.format(log=str(self.log)) + body)
        return path

    def same(self, body: str, *options: str, status: int = 0, check: bool = False) -> str:
        """Record ``body``, replay or check it: same output and status, nothing real.

        Returns the output.
        """
        self.write(body)
        recorded = self.record()
        assert recorded.returncode == status, recorded.stdout + recorded.stderr
        assert self.real_runs() != []
        replayed = self.check(*options) if check else self.replay(*options)
        assert replayed.returncode == status, replayed.stdout + replayed.stderr
        assert self.real_runs() == []
        assert " 0 real · 0 missed · 0 unused" in replayed.stderr, replayed.stderr
        before, after = own_output(recorded.stdout), own_output(replayed.stdout)
        assert after == before, f"recorded:\n{before}\nreplayed:\n{after}"
        return before


def own_output(output: str) -> str:
    """What the loop printed, without what Ray prints between."""
    lines = output.splitlines()
    return "\n".join(line.removeprefix("| ") for line in lines if line.startswith("| "))
