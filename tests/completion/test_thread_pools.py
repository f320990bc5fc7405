"""Loops that hand items to `multiprocessing.pool.ThreadPool`, which takes them in any order."""

from __future__ import annotations

from support.loop_runner import Loops

import chia_bypass

ITEMS = """
import random, time
from multiprocessing.dummy import Pool
from multiprocessing.pool import ThreadPool

@ChiaFunction(num_cpus=0)
def roll(sides):
    real("roll")
    return int.from_bytes(os.urandom(6), "big")

def twice(*_):
    "The same call for every item, with another answer each time."
    time.sleep(random.random() * 0.01)
    first = get(roll.chia_remote(6))
    time.sleep(random.random() * 0.01)
    return first, get(roll.chia_remote(6))

with Pool(4) as pool:
    print("map", pool.map(twice, range(6)))
    print("chunks", pool.map(twice, range(6), chunksize=4))
    print("starmap", pool.starmap(twice, [(1, 2), (3, 4), (5, 6)]))
    print("imap", list(pool.imap(twice, range(6))))
with ThreadPool(3) as pool:
    print("unordered", sorted(pool.imap_unordered(lambda x: (x, twice()), range(6))))
    print("apply", [one.get() for one in [pool.apply_async(twice) for _ in range(6)]])
"""


def test_items_get_their_own_answers(loops: Loops) -> None:
    with chia_bypass.record(loops.folder / "r", script="loop") as folder:
        recorded = loops.here(ITEMS)
    assert len(loops.real_runs()) == 66
    for _ in range(3):
        with chia_bypass.replay(folder, script="loop") as replaying:
            assert loops.here(ITEMS) == recorded
        assert (replaying.outcome.unused, replaying.outcome.out_of_order) == ((), ())
    assert loops.real_runs() == []
