"""Feeds hostile folders to everything that opens a recording: only declared errors come out.

An input is a list of changes to a sound recording, those of `hostile_folders`, after which it goes
through all of `opening_steps`. The campaign, guided by coverage, with Python 3.12 or later, or with
atheris, which takes three times as long::

    python tests/faults/fuzz_folders.py --plain -runs=1000000
    python tests/faults/fuzz_folders.py -runs=1000000 CORPUS

The options are those of `fuzz_reader`; ``--plain`` takes ``-seed``, too. A finding is an error that
is not declared, a change outside of the recording, more than 5 seconds of work, a minute's wait,
more than 512 MB, or files that stay open. What takes longer while its coverage is found out is run
again without that.
"""

from __future__ import annotations

import gc
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from faults import fuzz_reader, opening_steps
from faults.hostile_folders import ROOT, Place, Taken, change, seeds

SECONDS, LONGEST_WAIT = 5.0, 60.0
"""Of this process, so that a machine that does other work makes no finding; and of any clock."""
MEMORY: Final = 512 * 2**20
TRACED: Final = 32
"""One in so many inputs has its lines traced, which takes longer than what it does."""
OPEN_FILES: Final = 64
"""More than a process needs after an input."""


class Slow(AssertionError):
    """An input took too long."""


def one_input(data: bytes, place: Place) -> None:
    """Run one input; whatever comes out of here is a finding."""
    taken = Taken(data)
    place.fresh()
    for _ in range(8):
        if not taken:
            break
        change(place.recording, taken)
    worked, before = time.process_time(), time.monotonic()
    opening_steps.look(place.recording)
    worked, waited = time.process_time() - worked, time.monotonic() - before
    if worked > SECONDS or waited > LONGEST_WAIT:
        raise Slow(f"it took {worked:.1f} s of work, {waited:.1f} s in all")
    if place.touched():
        raise AssertionError("something outside was changed")
    if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 > MEMORY:
        raise AssertionError("more than 512 MB")
    if _open_files() > OPEN_FILES and gc.collect() + 1 and _open_files() > OPEN_FILES:
        raise AssertionError("files stay open")


def _open_files() -> int:
    """How many files are open, at least."""
    next_one = os.dup(0)
    os.close(next_one)
    return next_one


def plain(runs: int, seed: int, place: Place, seconds: float) -> tuple[int, int]:
    """As `fuzz_reader.plain`; before Python 3.12 guided by the lines that one in 32 inputs reach.

    Returns how many inputs were run, in so many seconds at most, and how many were kept.
    """
    end = time.monotonic() + seconds
    chance, kept = random.Random(seed), list(seeds())
    lines = fuzz_reader.lines_of(("/chia_bypass/",))
    traced = TRACED if fuzz_reader.monitoring is None else 1
    for run in range(runs):
        if time.monotonic() > end:
            return run, len(kept)
        if run % 10_000 == 0 and run:
            print(f"{run} executions, {len(kept)} inputs kept", file=sys.stderr, flush=True)
        fresh = run < len(kept)
        data = kept[run] if fresh else fuzz_reader.mutate(chance, chance.choice(kept), kept)[:400]
        try:
            if run % traced == 0:
                _traced(data, place, lines)
            else:
                _watched(data, place)
        except BaseException:
            Path(f"crash-folder-{seed}-{run}").write_bytes(data)
            raise
        if lines.grew():
            kept.append(data)
    return runs, len(kept)


def _traced(data: bytes, place: Place, lines: Any) -> None:
    sys.settrace(lines.tracer())
    try:
        _watched(data, place)
    except Slow:
        sys.settrace(None)
        _watched(data, place)
    finally:
        sys.settrace(None)


def _watched(data: bytes, place: Place) -> None:
    """Run one input, and once more if it waits for ever: the machine itself may have stopped."""
    try:
        _ended(data, place)
    except Stuck:
        _ended(data, place)


class Stuck(BaseException):
    """An input waits for ever."""


def _ended(data: bytes, place: Place) -> None:
    signal.setitimer(signal.ITIMER_REAL, LONGEST_WAIT)
    try:
        one_input(data, place)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _stuck(*_: object) -> None:
    raise Stuck(f"it waits for more than {LONGEST_WAIT} s")


def main(arguments: list[str]) -> None:
    """The campaign."""
    sys.path[:0] = [str(ROOT)]
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="cbf", dir=shared) as folder:
        _campaign(arguments, Path(folder))


def _campaign(arguments: list[str], folder: Path) -> None:
    parts = [argument.partition("=") for argument in arguments if argument.startswith("-")]
    options: dict[str, Any] = {name: value for name, _, value in parts}
    given = Path(next((a for a in arguments[1:] if not a.startswith("-")), "corpus"))
    if "--plain" in options:
        signal.signal(signal.SIGALRM, _stuck)
        place = _warm(folder)
        if given.is_file():
            _watched(given.read_bytes(), place)
            return
        runs, seed = int(options.get("-runs", 10**6)), int(options.get("-seed", 0))
        seconds = float(options.get("-max_total_time", "inf"))
        runs, kept = plain(runs, seed, place, seconds)
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(f"{runs} executions, {kept} inputs kept, {most} MB")
        return
    atheris = import_module("atheris")
    with atheris.instrument_imports(include=["chia_bypass"]):
        place = _warm(folder)
    if not given.is_file():
        given.mkdir(exist_ok=True)
        for number, data in enumerate(seeds()):
            (given / f"seed-{number:03}").write_bytes(data)
    if "-timeout" not in options:  # of an input that waits for ever
        arguments = [*arguments, f"-timeout={LONGEST_WAIT:.0f}"]
    atheris.Setup(arguments, lambda data: _guided(data, place, folder / "slow"))
    atheris.Fuzz()


def _warm(folder: Path) -> Place:
    """A place where all has been imported that an input needs."""
    place = Place(folder)
    place.fresh()
    opening_steps.look(place.recording)
    gc.freeze()  # else it is gone through again and again
    return place


def _guided(data: bytes, place: Place, slow: Path) -> None:
    """Run one input under atheris; what is slow there is run again without."""
    try:
        one_input(data, place)
    except Slow:
        slow.write_bytes(data)
        subprocess.run([sys.executable, __file__, "--plain", str(slow)], check=True)


if __name__ == "__main__":
    main(sys.argv)
