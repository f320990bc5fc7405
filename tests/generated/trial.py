"""One generated loop, run plainly, recorded, replayed, checked and resumed.

All in this process, which is connected to Ray: a run costs a fraction of a second.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import ray
from generated.edits import Edit, random_edit, write_inputs
from generated.writing import Loop
from support.loop_runner import own_lines

import chia_bypass
from chia_bypass.blocks import _running
from chia_bypass.control.replay_session import ReplaySession
from chia_bypass.errors import ChiaBypassError
from chia_bypass.options import ReplayOptions
from chia_bypass.replay_engine.events import Kind
from chia_bypass.replay_engine.own_methods import ASKED, UNORDERED

PATIENCE = 15.0
"""Seconds: a machine that does other things besides is no reason for another order."""


class Wrong(AssertionError):
    """Something that must not happen."""


@dataclass(frozen=True)
class Ran:
    """How one run ended."""

    status: int
    """0; 1 if the loop raised; or what our command line would have returned."""
    output: str
    error: str = ""
    served: int = 0
    not_checked: frozenset[str] = frozenset()
    """What it said that it cannot know."""

    @property
    def doubts(self) -> bool:
        """Whether it said that results of plain actors may be others."""
        return not self.not_checked.isdisjoint((ASKED, UNORDERED))

    def certain(self, *, doubted: bool = False) -> list[str]:
        """What it printed, but for what is left to chance, and what is ``doubted``."""
        marks = {"~", "@"} if doubted else {"~"}
        return [line for line in self._lines() if marks.isdisjoint(line[:2])]

    def exactly(self, *, doubted: bool = False) -> list[str]:
        """All that it printed, but for what is ``doubted``."""
        return [line for line in self._lines() if not (doubted and "@" in line[:2])]

    def _lines(self) -> list[str]:
        return own_lines(self.output).splitlines()


@dataclass
class Facts:
    """What became of a trial."""

    calls: int = 0
    edited: str = ""
    matters: bool = False
    """The edit changes what the loop prints."""
    check: int = -1
    resume: int = -1
    halfway: int = -1
    """Exit statuses, -1 where it was not tried."""
    not_checked: frozenset[str] = frozenset()
    """What the check of the unchanged loop said that it cannot know."""
    warned: list[str] = field(default_factory=list)
    """Refusals that a perfect tool would not have needed."""


class Trial:
    """A loop in a folder of its own."""

    def __init__(self, loop: Loop, folder: Path) -> None:
        self.loop, self.folder = loop, folder
        self.recording = folder / "r"
        self._chance = Random(f"trial {loop.seed} {loop.flavour}")
        self._runs = 0
        folder.mkdir()

    def run(self) -> Facts:
        """Raises Wrong."""
        here = Path.cwd()
        os.chdir(self.folder)  # as who runs a loop does: what it opens there is its own
        try:
            return self._tried()
        finally:
            os.chdir(here)

    def _tried(self) -> Facts:
        facts = Facts()
        edit = random_edit(self._chance, self.loop.reads)
        facts.edited = str(edit)
        plain = self._fresh(self.plainly)
        if "worker process has died" in plain.error:  # Ray's, of a call that was killed before
            plain = self._fresh(self.plainly)
        self._expect(plain.status == 0, "the plain run failed", plain)
        expected = self._fresh(self.plainly, edit)
        recorded = self._fresh(self.record)
        self._same(plain, recorded, "the recorded run")
        self._replays(recorded, facts)
        left = self.folder / "left"
        shutil.copytree(self.recording, left)
        facts.matters = edit.matters and expected.certain() != plain.certain()
        edit.apply(self.folder / "in")
        self._after_edit(recorded, expected, facts)
        self._halfway(plain, recorded, facts)
        return facts

    def _replays(self, recorded: Ran, facts: Facts) -> None:
        self._real()
        replayed = self.replay(strict=True)
        facts.calls, facts.not_checked = replayed.served, replayed.not_checked
        self._expect(replayed.status == 0, "the check of an unchanged loop failed", replayed)
        self._exactly(recorded, replayed, "a replay")
        self._expect(self._real() == [], "something ran for real in a replay", replayed)

    def _after_edit(self, recorded: Ran, expected: Ran, facts: Facts) -> None:
        checked = self.replay(strict=True)
        facts.check = checked.status
        if checked.status == 0:
            self._same(expected, checked, "the check after an edit ended with 0 and")
        elif not facts.matters and expected.certain() == recorded.certain():
            facts.warned.append(f"check {checked.status}, though the answer is the same")
        self._real()
        resumed = self.resume()
        facts.resume = resumed.status
        if resumed.status != 0:
            facts.warned.append(f"resume {resumed.status}: {resumed.error.splitlines()[:1]}")
            return
        self._same(expected, resumed, "the resume after an edit ended with 0 and")
        self._real()
        again = self.replay()
        self._expect(again.status == 0, "a replay of what was resumed failed", again)
        self._exactly(resumed, again, "a replay of what was resumed")
        self._expect(self._real() == [], "something ran for real in that replay", again)

    def _halfway(self, plain: Ran, recorded: Ran, facts: Facts) -> None:
        shutil.rmtree(self.recording)
        shutil.rmtree(self.folder / "left")
        lines = len(recorded.output.splitlines())
        stop = self._chance.randrange(1, max(lines, 2))
        stopped = self._fresh(lambda: self.record(stop=stop))
        self._expect(stopped.status != 0 or stop >= lines, "it did not stop", stopped)
        if not self.recording.exists():
            return
        resumed = self.resume()
        facts.halfway = resumed.status
        if resumed.status != 0:
            facts.warned.append(f"half-way {resumed.status}: {resumed.error.splitlines()[:1]}")
            return
        self._same(plain, resumed, f"resumed after {stop} lines it")

    # Runs.

    def _fresh(self, run: Callable[[], Ran], edit: Edit | None = None) -> Ran:
        """Run on new inputs, with nothing that an earlier run wrote."""
        for name in ("in", "out", "gates"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        (self.folder / "out").mkdir()
        write_inputs(self.folder / "in", self.loop.seed)
        if edit is not None:
            edit.apply(self.folder / "in")
        self._real()
        return run()

    def plainly(self) -> Ran:
        """Without us."""
        with self._loop() as (run, printed):
            status, error = _ended(run)
        return Ran(status, printed.getvalue(), error)

    def record(self, stop: int = 0) -> Ran:
        """Recorded; it stops after so many lines, if that is not 0."""
        with self._loop(stop) as (run, printed):
            status, error = 1, ""
            with contextlib.suppress(_Ended), chia_bypass.record(self.recording, script="loop"):
                status, error = _ended(run)
                if status:
                    raise _Ended
        return Ran(status, printed.getvalue(), error)

    def replay(self, *, strict: bool = False) -> Ran:
        """Replayed, or checked."""
        return self._served(ReplayOptions(patience=PATIENCE), strict=strict)

    def resume(self) -> Ran:
        """Resumed."""
        return self._served(ReplayOptions(on_miss="record", patience=PATIENCE), resume=True)

    def _served(self, options: ReplayOptions, *, strict: bool = False, resume: bool = False) -> Ran:
        with self._loop() as (run, printed):
            with ReplaySession(self.recording, options, script="loop", resume=resume) as session:
                status = 1
                try:
                    with _running(session.session):
                        status, error = _ended(run)
                finally:
                    replayed = session.finish(status)
            status = replayed.exit_status(status, strict=strict)
        told = [*replayed.misses, *replayed.out_of_order, error]
        return Ran(
            status,
            printed.getvalue(),
            "\n".join(filter(None, told)),
            replayed.count(Kind.SERVED),
            frozenset(replayed.not_checked),
        )

    @contextlib.contextmanager
    def _loop(self, stop: int = 0) -> Iterator[tuple[Callable[[], None], io.StringIO]]:
        """The loop, ready to run, and what it prints."""
        path = self.folder / "loop.py"
        path.write_text(
            self.loop.script("loop.py", str(self.folder), str(self._log), "raise Stopped")
        )
        code = compile(path.read_text(), str(path), "exec")
        with _main() as module, contextlib.redirect_stdout(io.StringIO()) as printed:
            vars(module)["STOP"] = stop
            try:
                yield lambda: exec(code, vars(module)), printed
            finally:
                for reference in vars(module).get("HUNG", ()):
                    ray.cancel(reference, force=True)
                # What nobody asked for would otherwise run while the next run is watched.
                left = {one for one in vars(module).values() if isinstance(one, ray.ObjectRef)}
                if left:
                    ray.wait([*left], num_returns=len(left), timeout=PATIENCE)
                for name in [name for name in vars(module) if not name.startswith("__")]:
                    delattr(module, name)  # its actors end with it

    @property
    def _log(self) -> Path:
        return self.folder / "real.log"

    def _real(self) -> list[str]:
        """What ran for real since it was asked last."""
        lines = self._log.read_text().split() if self._log.exists() else []
        self._log.unlink(missing_ok=True)
        return lines

    # What must hold.

    def _same(self, before: Ran, after: Ran, what: str) -> None:
        same = before.certain(doubted=after.doubts) == after.certain(doubted=after.doubts)
        self._expect(same, f"{what} prints something else", after, before)

    def _exactly(self, before: Ran, after: Ran, what: str) -> None:
        same = before.exactly(doubted=after.doubts) == after.exactly(doubted=after.doubts)
        self._expect(same, f"{what} prints something else", after, before)

    def _expect(self, holds: bool, otherwise: str, run: Ran, other: Ran | None = None) -> None:
        if holds:
            return
        parts = [
            f"seed {self.loop.seed} {self.loop.flavour} in {self.folder}: {otherwise}",
            f"status {run.status} {run.error}",
            run.output,
        ]
        if other is not None:
            parts += [f"and it should be, of status {other.status} {other.error}:", other.output]
        raise Wrong("\n".join(parts))


class _Ended(Exception):
    """Tells a recording that its block failed."""


def _ended(run: Callable[[], Any]) -> tuple[int, str]:
    """The exit status of a loop, and what it raised."""
    try:
        run()
    except ChiaBypassError as error:
        return 1, str(error)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        return 1, f"{type(error).__name__}: {error}"
    return 0, ""


@contextlib.contextmanager
def _main() -> Iterator[ModuleType]:
    """A module that is, for everybody who asks, the program that runs."""
    ours, module = sys.modules["__main__"], ModuleType("__main__")
    sys.modules["__main__"] = module
    try:
        yield module
    finally:
        sys.modules["__main__"] = ours
