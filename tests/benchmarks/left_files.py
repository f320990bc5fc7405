"""What it costs to keep the files that calls leave, and to put them back."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.contenders import Contender, interleaved, running, shared_ray
from benchmarks.results import Row, at_most, paired
from support.left_files import ALL, Store, snapshot

from chia_bypass.inputs.digests import Trees
from chia_bypass.outputs import snapshots

NO_OPS = 2000
WARM = 2
"""Rounds that start workers, and do not count."""
MANY, FEW, LARGE = 100_000, 1000, 200 * 1024**2


def measure(rounds: int) -> list[Row]:
    """No-ops with files kept against without, a large root, many small files, and a large one."""
    with tempfile.TemporaryDirectory(prefix="cb", dir="/tmp") as name:
        folder = Path(name)
        rows = [*_root(folder, rounds), *_small(folder, rounds), *_large(folder, rounds)]
        with shared_ray() as address:
            rows.append(_nothing(folder, address, 3 * rounds))
        return rows


def _nothing(folder: Path, address: str, rounds: int) -> Row:
    around = {
        limit: ("record", "-o", str(folder / f"r{limit}"), "--files-limit", limit)
        for limit in ("0", "64")
    }
    with running(
        *(Contender(limit, "ours", folder, address, words) for limit, words in around.items())
    ) as started:
        found = interleaved(started, NO_OPS, 0.0, WARM + rounds)
    none, kept = found["0"][WARM:], found["64"][WARM:]
    return paired("record no-ops: files kept / not kept", none, kept, 0.98)


def _root(folder: Path, rounds: int) -> list[Row]:
    root = folder / "tree"
    for number in range(MANY):
        path = root / str(number // 1000) / str(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def call() -> None:
        before = snapshots.take(str(root), ALL, Trees())
        after = snapshots.after(before, ALL, Trees())
        snapshots.touched(before, after, ALL, delete=True)

    times = [_seconds(call) for _ in range(rounds + 1)][1:]
    return [at_most(f"a call in a root of {MANY:,} files", times, "s", 0.6)]


def _small(folder: Path, rounds: int) -> list[Row]:
    root = folder / "small"
    root.mkdir()
    before = snapshot(root)
    for number in range(FEW):
        (root / str(number)).write_bytes(os.urandom(20_000))
    stored, restored = [], []
    for number in range(rounds):
        store = Store(folder / f"s{number}")
        store.folder.mkdir()
        started = time.perf_counter()
        left = store.keep(before)
        stored.append(time.perf_counter() - started)
        shutil.rmtree(root)
        restored.append(_seconds(lambda: store.put_back(left)))  # noqa: B023
    return [
        at_most(f"{FEW:,} files of 20 kB stored", stored, "s", 0.3),
        at_most(f"{FEW:,} files of 20 kB put back", restored, "s", 0.5),
    ]


def _large(folder: Path, rounds: int) -> list[Row]:
    root, store = folder / "large", Store(folder / "l")
    root.mkdir()
    store.folder.mkdir()
    before = snapshot(root)
    (root / "file").write_bytes(os.urandom(LARGE))
    left = store.keep(before)
    plain, ours = [], []
    for _ in range(rounds):
        plain.append(_seconds(lambda: _copied(root / "file", folder / "copy")))
        shutil.rmtree(root)
        ours.append(_seconds(lambda: _synced(store, root, left)))
    return [paired("200 MB put back / copied, both synced", plain, ours, 0.7)]


def _copied(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    shutil.copyfile(source, target)
    _sync(target)


def _synced(store: Store, root: Path, left: object) -> None:
    store.put_back(left)  # type: ignore[arg-type]
    _sync(root / "file")


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started
