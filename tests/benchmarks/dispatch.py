"""Calls a second: plain Ray, CHIA with its own cache and bypass, and us, side by side."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.contenders import Contender, interleaved, shared_ray
from benchmarks.results import Row, paired

CALLS = 2000


def measure(rounds: int, calls: int = CALLS) -> list[Row]:
    """Ratios of speeds, each pair of a round by itself."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="cb", dir="/tmp") as name, shared_ray() as address:
        folder = Path(name)
        with ExitStack() as stack:
            contenders = [stack.enter_context(c) for c in _recording(folder, address, "recorded")]
            noop = interleaved(contenders, calls, 0.0, rounds + 2)
            slow = interleaved(contenders, 80, 0.05, rounds)
        rows += _record_rows({name: times[2:] for name, times in noop.items()}, slow)
        with ExitStack() as stack:
            contenders = [stack.enter_context(c) for c in _replaying(folder, address, "recorded")]
            noop = interleaved(contenders, calls, 0.0, rounds + 2)
        rows += _replay_rows({name: times[2:] for name, times in noop.items()})
    return rows


def _recording(folder: Path, address: str, name: str) -> list[Contender]:
    def record(kind: str) -> tuple[str, ...]:
        return ("record", "-o", str(folder / f"{name}-{kind}"))

    return [
        Contender("ray", "plain_ray", folder, address),
        Contender("ours", "ours", folder, address),
        Contender("ours recorded", "ours", folder, address, record("ours")),
        Contender("chia", "chia", folder, address),
        Contender("chia recorded", "chia", folder, address, record("chia")),
        Contender("chia cache", "chia_cache", folder, address),
    ]


def _replaying(folder: Path, address: str, name: str) -> list[Contender]:
    def replay(kind: str) -> tuple[str, ...]:
        return ("replay", str(folder / f"{name}-{kind}"), "--address", address)

    return [
        Contender("ours", "ours", folder, address),
        Contender("ours replayed", "ours", folder, address, replay("ours")),
        Contender("chia", "chia", folder, address),
        Contender("chia replayed", "chia", folder, address, replay("chia")),
        Contender("chia cached", "chia_cached", folder, address),
    ]


def _record_rows(noop: dict[str, list[float]], slow: object) -> list[Row]:
    assert isinstance(slow, dict)
    return [
        paired("no bypass, no recording: ours / ray", noop["ray"], noop["ours"], 0.95),
        paired("record no-ops: ours", noop["ours"], noop["ours recorded"], 0.70),
        paired("record no-ops: CHIA's ChiaFunction", noop["chia"], noop["chia recorded"], 0.70),
        paired("record no-ops: peer, CHIA's cache", noop["chia"], noop["chia cache"], None),
        paired("record 50 ms calls: ours", slow["ours"], slow["ours recorded"], 0.98),
        paired("record 50 ms calls: CHIA's", slow["chia"], slow["chia recorded"], 0.98),
    ]


def _replay_rows(noop: dict[str, list[float]]) -> list[Row]:
    return [
        paired("replay no-ops: ours", noop["ours"], noop["ours replayed"], 1.2),
        paired("replay no-ops: CHIA's ChiaFunction", noop["chia"], noop["chia replayed"], 1.2),
        paired("replay no-ops: peer, CHIA's cache", noop["chia"], noop["chia cached"], None),
    ]
