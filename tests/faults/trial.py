"""One trial: the loop is recorded while something is killed; then checked and resumed."""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faults.arena import Arena, Shot, kill

from chia_bypass.look.archive.verify import verify
from chia_bypass.recording.layout import is_recording
from chia_bypass.recording.reader import Recording

LOOP = Path(__file__).with_name("loop.py")
CALLS = 24
LONG = 180
"""Seconds after which a trial has hung."""


class Lost(AssertionError):
    """Something that must not happen."""


@dataclass(frozen=True)
class Trial:
    """What is killed while the loop is recorded."""

    shots: Sequence[Shot] = ()
    victims: Sequence[str] = ()
    """At random moments: driver, worker, recorder, command, server or raylet."""
    hide: bool = False
    """Workers write through the recorder."""
    seed: int = 0


@dataclass
class Facts:
    """What was done to whom, and what came of it."""

    killed: Counter[str] = field(default_factory=Counter)
    resumed: bool = False
    seen: int = 0
    """Results that the driver had got before it was resumed, or ended."""


class Run:
    """A trial in a folder of its own."""

    def __init__(self, arena: Arena, trial: Trial, folder: Path) -> None:
        self.arena, self.trial, self.folder = arena, trial, folder
        self.recording = folder / "r"
        self.facts = Facts()
        folder.mkdir()

    def lines(self, name: str) -> list[Any]:
        """The notes of the loop."""
        path = self.folder / name
        return (
            [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []
        )

    def run(self) -> Facts:
        """Raises Lost."""
        self.arena.arm(self.trial.shots, hide=self.trial.hide)
        notes = (str(self.folder / "seen"), str(self.folder / "executed"), str(CALLS))
        command = ("--", sys.executable, str(LOOP), *notes)
        victims = [name for name in self.trial.victims if name != "server"]
        output, status = self._during("record", ("-o", "r", *command), victims)
        self._orphans()
        for name in self.arena.fired():
            self.facts.killed[name.partition("#")[0]] += 1
        self.arena.arm((), hide=self.trial.hide)
        if not is_recording(self.recording):
            self._expect(not self.lines("seen"), "no recording, and the loop has seen results")
            return self.facts
        self._check("recorded")
        if f"answer {_ANSWER}\n" in output:
            # Its driver may be shot after that, writing its last notes.
            shot = any(":driver" in name for name in self.facts.killed)
            perhaps = (0, 137) if "random driver" in self.facts.killed else (0, -9)
            expected = (137,) if shot else perhaps
            self._expect(status in expected, f"the loop had its answer, and status is {status}")
        if f"answer {_ANSWER}\n" not in output or "server" in self.trial.victims:
            self._resume()
        return self.facts

    def _during(self, what: str, options: Sequence[str], victims: Sequence[str]) -> tuple[str, int]:
        """Run our command line while ``victims`` die."""
        log = (self.folder / f"{what}.log").open("w+")
        process = subprocess.Popen(
            [sys.executable, "-m", "chia_bypass_cli", what, *options],
            cwd=self.folder,
            env=self.arena.environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # what is done to the loop's group is not done to us
        )
        done = threading.Event()

        def wait() -> None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(LONG)
            done.set()

        waiter = threading.Thread(target=wait)
        waiter.start()
        self._kill(process.pid, victims, done)  # in the main thread, where Ray can start nodes
        waiter.join()
        status = process.poll()
        if status is None:
            process.kill()
            raise Lost(f"{self.folder}: {what} hangs ({self.trial})")
        log.seek(0)
        return log.read(), status

    def _kill(self, command: int, victims: Sequence[str], done: threading.Event) -> None:
        """Kill each of ``victims`` at a random moment of the loop's life."""
        chance = random.Random(self.trial.seed)
        for victim in victims:
            wanted = len(self.lines("executed")) + chance.randrange(1, 4)
            while not done.is_set() and len(self.lines("executed")) < wanted:
                if victim == "server" and self.arena.pids(_TITLES["server"]):
                    break
                done.wait(0.01)
            done.wait(chance.random() * 0.1)
            if not done.is_set() and self._shoot(victim, command, chance):
                self.facts.killed[f"random {victim}"] += 1

    def _shoot(self, victim: str, command: int, chance: random.Random) -> bool:
        if victim == "raylet":
            self.arena.lose_node()
            return True
        if victim == "command":
            pids = [command]
        elif victim == "driver":
            pids = [p for p in self.arena.pids(str(LOOP)) if _parent(p) == command]
        else:
            pids = self.arena.pids(_TITLES[victim])
        if pids:
            kill(chance.choice(sorted(pids)))
        return bool(pids)

    def _orphans(self) -> None:
        """Wait for a loop whose command line was killed."""
        end = time.monotonic() + LONG
        while self.arena.pids(f"{sys.executable} {LOOP}"):
            if time.monotonic() > end:
                raise Lost("the loop hangs")
            time.sleep(0.05)

    def _resume(self) -> None:
        before, executed = self.lines("seen"), len(self.lines("executed"))
        (self.folder / "seen").unlink(missing_ok=True)
        self.facts.resumed = True
        victims = [name for name in self.trial.victims if name == "server"]
        output, status = self._during("resume", ("r",), victims)
        self._expect(status == 0, f"resume ended with {status}")
        self._expect(f"answer {_ANSWER}\n" in output, "another answer")
        after = {name: fact for name, *fact in self.lines("seen")}
        again = {name for name, _ in self.lines("executed")[executed:]}
        for name, *fact in before:
            self._expect(after.get(name) == fact, f"{name} was {fact}, is {after.get(name)}")
            self._expect(name not in again, f"{name} was seen, and computed again")
        self._check("resumed")

    def _check(self, when: str) -> None:
        """Every result that the driver has is in the recording, with its value."""
        seen = self.lines("seen")
        self.facts.seen += len(seen)
        recording = Recording.open(self.recording)
        self._expect(not recording.spoiled, f"{when}: spoiled: {recording.spoiled}")
        kept = {call.tag: recording.result(call.path) for call in recording.calls()}
        for name, value, _ in seen:
            stored = kept.get(name)
            self._expect(stored is not None, f"{when}: {name} is not in the recording")
            assert stored is not None
            draw = value if isinstance(value, str) else value.get("draw") or value["raised"]
            document = bytes(recording.document(stored))
            self._expect(draw.encode() in document, f"{when}: {name} has another value")
            for blob in stored.result.buffers:
                data = bytes(recording.buffer(blob.digest, blob.length))
                self._expect(data == bytes.fromhex(draw) * 20_000, f"{when}: {name}: other bytes")
        faults = verify(self.recording).faults
        self._expect(not faults, f"{when}: {faults}")

    def _expect(self, holds: bool, otherwise: str) -> None:
        if not holds:
            raise Lost(f"{self.folder}: {otherwise} ({self.trial})")


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


_ANSWER = sum(-n if n % 7 == 3 else n * n for n in range(CALLS))
_TITLES = {"worker": "ray::", "recorder": "ray::Recorder", "server": "ray::ReplayServer"}
Progress = Callable[[str], None]
