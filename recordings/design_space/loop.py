"""Which data cache suits gzip? A design-space exploration over a real memory trace.

`trace.bin.gz` holds two phases of gzip compressing a text (`capture_trace.py` tells how it was
captured), `cache_model.py` simulates caches on them. The loop takes its first candidates from the
miss curve of each line size, then climbs: it evaluates the neighbours of the best geometry so
far, until none is better. A geometry is as good as its average cycles per access are few; one
that needs more storage than the budget allows is refused with an exception. ::

    miss_curve, one per line size ──> first_candidates ──> evaluate ──> evaluate ──> ...
                                                              └── simulate, one per phase

Evaluations are tagged `iter0_opt0` and so on; the other calls have no tag. Run it with ::

    python recordings/design_space/loop.py

which takes about half a minute and starts a Ray of its own, unless ``--address`` or RAY_ADDRESS
names a cluster that sees this folder and offers the resource `sim`: evaluations at a time.
"""

from __future__ import annotations

import argparse
import os
from array import array
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import ray
from cache_model import LINE_SIZES, Geometry, MissCurve, Policy, count_misses, read_trace
from cache_model import miss_curve as lru_miss_curve

from chia_bypass import ChiaFunction, get

if TYPE_CHECKING:
    Trace = array[int]
    TraceRef = ray.ObjectRef[Trace]

TRACE = Path(__file__).resolve().with_name("trace.bin.gz")
PHASES = 2
BUDGET_BITS = 288_000
"""For data, tags and replacement state: 32 KiB of data, if lines are not too short."""


@dataclass(frozen=True)
class Evaluation:
    """How a geometry does on all phases."""

    geometry: Geometry
    accesses: int
    misses: array[int]
    """In each set."""

    @property
    def miss_rate(self) -> float:
        """Misses per access."""
        return sum(self.misses) / self.accesses

    @property
    def cycles(self) -> float:
        """Average per access: what the loop minimises."""
        return self.geometry.cycles(self.miss_rate)

    def __str__(self) -> str:
        return f"{self.geometry}: {100 * self.miss_rate:.3f} % misses, {self.cycles:.4f} cycles"


class BudgetExceeded(Exception):
    """The geometry needs more storage than there is."""

    def __init__(self, geometry: Geometry, bits: int) -> None:
        super().__init__(geometry, bits)
        self.geometry, self.bits = geometry, bits


@ChiaFunction(num_cpus=1)
def miss_curve(line_bytes: int, *phases: Trace) -> MissCurve:
    """What any LRU cache with such lines could do, by its size."""
    return lru_miss_curve(chain(*phases), line_bytes)


@ChiaFunction(num_cpus=1)
def first_candidates(accesses: int, *curves: MissCurve) -> list[Geometry]:
    """For each curve the four-way cache that would be fastest if it had no conflicts, of those
    whose data fill half of the budget at most."""
    candidates = []
    for curve in curves:
        rates = {
            Geometry(2 ** (size - 2), 4, curve.line_bytes, Policy.LRU): misses / accesses
            for size, misses in enumerate(curve.misses)
            if size >= 2 and 8 * curve.line_bytes * 2**size <= BUDGET_BITS / 2
        }
        candidates.append(min(rates, key=lambda geometry: geometry.cycles(rates[geometry])))
    return candidates


@ChiaFunction(num_cpus=1)
def simulate(phase: Trace, geometry: Geometry) -> array[int]:
    """The misses in each set of the cache."""
    return count_misses(phase, geometry)


@ChiaFunction(num_cpus=0, resources={"sim": 1})  # it only waits for its simulations
def evaluate(geometry: Geometry, accesses: int, phases: list[TraceRef]) -> Evaluation:
    """Simulate all phases side by side, if the geometry can be built at all."""
    if geometry.bits() > BUDGET_BITS:
        raise BudgetExceeded(geometry, geometry.bits())
    by_phase = get([simulate.chia_remote(phase, geometry) for phase in phases])
    misses = array("q", map(sum, zip(*by_phase, strict=True)))
    return Evaluation(geometry, accesses, misses)


def explore(trace: Trace, iterations: int) -> Evaluation:
    """Climb to a geometry that none of its neighbours beats; tells how on the way."""
    length = len(trace) // PHASES
    phases = [ray.put(trace[i * length : (i + 1) * length]) for i in range(PHASES)]
    accesses = length * PHASES
    curves = [miss_curve.chia_remote(line_bytes, *phases) for line_bytes in LINE_SIZES]
    candidates = get(first_candidates.chia_remote(accesses, *curves))
    best: Evaluation | None = None
    seen: set[Geometry] = set()
    for iteration in range(iterations):
        references = [
            evaluate.chia_remote(geometry, accesses, phases, _chia_tag=f"iter{iteration}_opt{i}")
            for i, geometry in enumerate(candidates)
        ]
        champion = best
        for reference in references:
            try:
                evaluation = get(reference)
            except BudgetExceeded as refusal:
                print(f"iter{iteration}  refused  {refusal.geometry}: {refusal.bits} bits")
                continue
            if best is None or evaluation.cycles < best.cycles:
                best = evaluation
        if best is None:
            raise SystemExit(f"no geometry fits {BUDGET_BITS} bits")
        print(f"iter{iteration}  best     {best}")
        if best is champion:
            break
        seen.update(candidates)
        candidates = [geometry for geometry in best.geometry.neighbours() if geometry not in seen]
    assert best is not None
    return best


def connect(address: str | None) -> None:
    """Join the cluster that was named, or start a Ray of our own with what the calls ask for."""
    if address or os.environ.get("RAY_ADDRESS"):
        ray.init(address=address)
    else:
        ray.init(address="local", num_cpus=2, resources={"sim": 2}, include_dashboard=False)


def main() -> None:
    """Read the command line, explore, print the result."""
    parser = argparse.ArgumentParser(description="Explore caches for gzip.")
    parser.add_argument("--iterations", type=int, default=8, help="climb so often at most")
    parser.add_argument("--accesses", type=int, help="use only so many, for a quick look")
    parser.add_argument("--address", help="a Ray cluster to join")
    arguments = parser.parse_args()
    connect(arguments.address)
    best = explore(read_trace(TRACE)[: arguments.accesses], arguments.iterations)
    print(f"The cache for gzip: {best.geometry}, {100 * best.miss_rate:.3f} % misses,")
    busiest = max(range(len(best.misses)), key=best.misses.__getitem__)
    print(f"{best.misses[busiest]} of them in its busiest set, number {busiest}.")


if __name__ == "__main__":
    main()
