"""Calls a second: plain Ray, CHIA with its own cache and bypass, and us, side by side."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.contenders import Contender, interleaved, running, shared_ray
from benchmarks.results import Row, paired

CALLS = 2000
SLOW_CALLS, SLOW = 200, 0.05
"""How many calls work for how many seconds each."""
WARM = 2
"""Rounds that start workers, and do not count."""
SHARE = 0.1
"""Of the calls for CHIA's cache: each of its tasks waits for an actor, and Ray starts another
worker meanwhile."""


def no_ops(rounds: int) -> list[Row]:
    """Ratios of speeds, each of two that ran one after the other."""
    with _suite(rounds) as suite:
        return [*suite.plain(), *suite.recorded(), *suite.replayed()]


def slow_calls(rounds: int) -> list[Row]:
    """As :func:`no_ops`, of calls that work."""
    with _suite(rounds) as suite:
        return suite.slow()


@contextmanager
def _suite(rounds: int) -> Iterator[_Suite]:
    with tempfile.TemporaryDirectory(prefix="cb", dir="/tmp") as name, shared_ray() as address:
        yield _Suite(Path(name), address, rounds)


class _Suite:
    """Measurements in one Ray; the recordings made first are replayed later."""

    def __init__(self, folder: Path, address: str, rounds: int) -> None:
        self._folder, self._address, self._rounds = folder, address, rounds

    def plain(self) -> list[Row]:
        """Our ChiaFunction by itself."""
        times = self._noop([self._of("ray", "plain_ray"), self._of("ours", "ours")], 3)
        return [paired("no bypass, no recording: ours / ray", times["ray"], times["ours"], 0.95)]

    def recorded(self) -> list[Row]:
        """Under `record`, CHIA's own cache beside it, and the least that durability can cost."""
        ours = self._recording("ours")
        chias = self._recording("chia")
        a = self._noop([*ours, self._of("synced", "synced")], 2)
        b = self._noop([*chias, self._of("cache", "chia_cache", share=SHARE)])
        return [
            paired("record no-ops: ours", a["ours"], a["recorded"], 0.70),
            paired("limit: Ray and a synced write a call", a["ours"], a["synced"], None),
            paired("record no-ops: ours / that limit", a["synced"], a["recorded"], None),
            paired("record no-ops: CHIA's ChiaFunction", b["chia"], b["recorded"], 0.70),
            paired("record no-ops: peer, CHIA's cache", b["chia"], b["cache"], None),
        ]

    def slow(self) -> list[Row]:
        """Under `record`, and the least that durability can cost."""
        ours = self._recording("ours")
        chias = self._recording("chia")
        a = self._times([*ours, self._of("synced", "synced")], SLOW_CALLS, SLOW, 2)
        b = self._times(chias, SLOW_CALLS, SLOW, 2)
        what = f"{SLOW * 1000:g} ms calls"
        return [
            paired(f"record {what}: ours", a["ours"], a["recorded"], 0.98),
            paired(f"limit: Ray and a synced write a call, {what}", a["ours"], a["synced"], None),
            paired(f"record {what}: CHIA's ChiaFunction", b["chia"], b["recorded"], 0.98),
        ]

    def replayed(self) -> list[Row]:
        """What :meth:`recorded` has recorded, CHIA's own bypass and cache beside it."""
        ours = [self._of("ours", "ours"), self._of("replayed", "ours", self._replay("ours"))]
        chias = [self._of("chia", "chia"), self._of("replayed", "chia", self._replay("chia"))]
        a = self._noop([*ours, self._of("ray", "plain_ray")], 2)
        b = self._noop([*chias, self._of("cached", "chia_cached", share=SHARE)])
        return [
            paired("replay no-ops: ours", a["ours"], a["replayed"], 1.2),
            paired("limit: plain Ray", a["ours"], a["ray"], None),
            paired("replay no-ops: CHIA's ChiaFunction", b["chia"], b["replayed"], 1.2),
            paired("replay no-ops: peer, CHIA's cache", b["chia"], b["cached"], None),
        ]

    def _recording(self, kind: str) -> list[Contender]:
        """By itself, and under `record`."""
        return [self._of(kind, kind), self._of("recorded", kind, self._record(kind))]

    def _record(self, name: str) -> tuple[str, ...]:
        return ("record", "-o", str(self._folder / name))

    def _replay(self, name: str) -> tuple[str, ...]:
        return ("replay", str(self._folder / name), "--address", self._address)

    def _of(
        self, name: str, kind: str, around: Sequence[str] = (), share: float = 1.0
    ) -> Contender:
        return Contender(name, kind, self._folder, self._address, around, share)

    def _noop(self, contenders: Sequence[Contender], times: int = 1) -> dict[str, list[float]]:
        return self._times(contenders, CALLS, 0.0, times)

    def _times(
        self, contenders: Sequence[Contender], calls: int, work: float, times: int
    ) -> dict[str, list[float]]:
        """Seconds of so many times the rounds."""
        with running(*contenders) as started:
            found = interleaved(started, calls, work, WARM + times * self._rounds)
        return {name: seconds[WARM:] for name, seconds in found.items()}
