"""Kills whatever can be killed while a loop is recorded, and checks that nothing is lost.

The full campaign, about an hour; it prints its figures, and leaves the folder of a failed trial::

    python tests/faults/campaign.py --kills 500 --seed 1 [--keep FOLDER]

First the loop runs undisturbed, once with the workers' own segments and once through the recorder,
to list every boundary: each call of pwrite, fdatasync, fsync, ftruncate and rename on a file of the
recording. Then each of them is shot at before, halfway (of a write) and after; then processes are
killed at random moments until there were enough kills. After each trial: every result that the loop
saw is in the recording with its value, the recording opens and verifies, `resume` finishes the loop
with the same answer and computes nothing again that the driver had seen.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from faults.arena import Arena, Shot
from faults.trial import Lost, Run, Trial

from chia_bypass.errors import ChiaBypassError

AT_ONCE = 12
"""Shots at workers and recorders in one run: Ray brings them back."""
TIMES = 6
"""How often each boundary of workers and recorders is shot at in a round, each time another."""
SURVIVED = (":worker", ":recorder", ":blob")
RANDOM = (("driver",), ("command",), ("worker",) * 12, ("raylet", "worker"), ("server",) * 2)
REMOTE = (("recorder",) * 8, ("worker", "recorder") * 5, ("driver",), ("server",) * 2)


class Campaign:
    """Trials, one after the other, in one Ray."""

    def __init__(self, arena: Arena, keep: Path, seed: int) -> None:
        self.arena, self.keep, self.chance = arena, keep, random.Random(seed)
        self.killed: Counter[str] = Counter()
        self.failed: list[str] = []
        self.trials = self.resumed = self.seen = self._names = 0

    def one(self, trial: Trial) -> None:
        """Run a trial; a failed one is noted, and its folder stays."""
        self.trials += 1
        folder = self.keep / f"trial{self.trials}"
        run = Run(self.arena, trial, folder)
        try:
            run.run()
        except (Lost, ChiaBypassError) as lost:
            self.failed.append(f"trial{self.trials}: {type(lost).__name__}: {lost} ({trial})")
            print("FAILED", self.failed[-1], flush=True)
        else:
            shutil.rmtree(folder)
        self.killed += run.facts.killed
        self.resumed += run.facts.resumed
        self.seen += run.facts.seen

    def boundaries(self, *, hide: bool) -> Counter[str]:
        """How often an undisturbed run passes each boundary."""
        self.arena.arm((), hide=hide, trace=True)
        run = Run(self.arena, Trial(hide=hide), self.keep / f"trace{hide}")
        arm = self.arena.arm
        self.arena.arm = lambda *_, **__: None  # type: ignore[method-assign]
        try:
            run.run()
        finally:
            self.arena.arm = arm  # type: ignore[method-assign]
        return Counter(self.arena.trace())

    def shots(self, boundaries: Counter[str]) -> Iterator[list[Shot]]:
        """Shots at each boundary at each moment: those that are survived several to a run."""
        survived: dict[bool, list[Shot]] = defaultdict(list)
        for label, count in sorted(boundaries.items()):
            moments = ("before", "half", "after") if "pwrite" in label else ("before", "after")
            for moment in moments:
                lives = label.endswith(SURVIVED)
                for nth in self.chance.sample(
                    range(1, count + 1), min(TIMES, count) if lives else 1
                ):
                    survived[lives].append(self.shot(label, nth, moment))
        self.chance.shuffle(survived[True])
        while survived[True]:
            yield survived[True][:AT_ONCE]
            del survived[True][:AT_ONCE]
        yield from ([shot] for shot in survived[False])

    def shot(self, label: str, nth: int, moment: str) -> Shot:
        self._names += 1
        return Shot(f"{label} {moment}#{self._names}", label, nth, moment)

    def all(self, kills: int) -> None:
        """Every boundary and at random, and all that again until there were ``kills``."""
        found = {hide: self.boundaries(hide=hide) for hide in (False, True)}
        shown = {name: dict(sorted(c.items())) for name, c in found.items()}
        print("boundaries:", shown, flush=True)
        for trial in self._round(found):
            self.one(trial)
            self.progress(kills)
        before = 0
        while before < self.killed.total() < kills:
            before = self.killed.total()
            for trial in self._round(found):
                if self.killed.total() >= kills:
                    break
                self.one(trial)
                self.progress(kills)

    def _round(self, found: Mapping[bool, Counter[str]]) -> Iterator[Trial]:
        for hide, boundaries in found.items():
            for shots in self.shots(boundaries):
                yield Trial(shots, hide=hide, seed=self._names)
        for victims, hide in [*((v, False) for v in RANDOM), *((v, True) for v in REMOTE)] * 3:
            yield Trial((), victims, hide, seed=self.chance.randrange(2**31))

    def short(self) -> None:
        """One trial of each sort, at boundaries that are known to be there."""
        worker = [("pwrite:worker", 9, "half"), ("fdatasync:worker", 20, "after")]
        recorder = [("pwrite:recorder", 9, "half"), ("fdatasync:recorder", 6, "after")]
        blob = ("rename:blob", 2, "before")
        self.one(Trial([self.shot(*shot) for shot in (*worker, blob)]))
        self.one(Trial([self.shot(*shot) for shot in recorder], hide=True))
        self.one(Trial([self.shot("pwrite:driver", 4, "half")]))

    def progress(self, kills: int) -> None:
        print(f"{time.strftime('%T')} {self.killed.total()} of {kills} kills", flush=True)

    def figures(self) -> str:
        """What it came to."""
        lines = [
            f"{self.killed.total()} kills in {self.trials} trials, {self.resumed} resumed, "
            f"{self.seen} results seen by the driver and looked up, {len(self.failed)} failed",
            *(f"  {count:4} {what}" for what, count in sorted(self.killed.items())),
            *self.failed,
        ]
        return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--short", action="store_true", help="three trials, for CI")
    parser.add_argument("--keep", type=Path, help="an empty folder for what failed")
    given = parser.parse_args()
    keep = given.keep or Path(tempfile.mkdtemp(prefix="faults-"))
    keep.mkdir(exist_ok=True)
    if any(keep.iterdir()):
        parser.error(f"--keep: {keep} is not empty; name another folder")
    began = time.monotonic()
    with Arena() as arena:
        campaign = Campaign(arena, keep, given.seed)
        try:
            campaign.short() if given.short else campaign.all(given.kills)
        except BaseException as error:
            print(f"ended early: {type(error).__name__}: {error}", flush=True)
            raise
        finally:
            print(f"seed {given.seed}, {time.monotonic() - began:.0f} s: {campaign.figures()}")
    return 1 if campaign.failed else 0


if __name__ == "__main__":
    sys.exit(main())
