"""The loop `design_space`, run for real on a short trace."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from cache_model import Geometry, Policy, count_misses, read_trace

GEOMETRY = re.compile(r"(\d+) sets x (\d+) ways x (\d+) B, (\w+)")
ACCESSES = 4_000


def geometry_in(line: str) -> Geometry:
    """The geometry that a line of the loop's output names."""
    found = GEOMETRY.search(line)
    assert found is not None, line
    sets, ways, line_bytes, policy = found.groups()
    return Geometry(int(sets), int(ways), int(line_bytes), Policy(policy))


def test_the_loop_improves_refuses_and_tells_the_truth(
    run_example: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = run_example("design_space", f"--accesses={ACCESSES}", "--iterations=3")
    assert done.returncode == 0, done.stderr
    *report, result, busiest = done.stdout.splitlines()

    refused = [geometry_in(line) for line in report if "refused" in line]
    assert refused, "no geometry was over the budget: nothing shows the exception"
    assert all(geometry.bits() > 288_000 for geometry in refused)

    best = geometry_in(result)
    assert best.bits() <= 288_000
    trace = read_trace(Path(__file__).resolve().parents[2] / "recordings/design_space/trace.bin.gz")
    phases = [trace[: ACCESSES // 2], trace[ACCESSES // 2 : ACCESSES]]
    by_set = [sum(both) for both in zip(*(count_misses(p, best) for p in phases), strict=True)]
    rate = sum(by_set) / ACCESSES
    assert f"{100 * rate:.3f} % misses" in result
    assert (
        busiest == f"{max(by_set)} of them in its busiest set, number {by_set.index(max(by_set))}."
    )

    cycles = [float(line.split()[-2]) for line in report if " best " in line]
    assert cycles == sorted(cycles, reverse=True)
    assert cycles[-1] == round(best.cycles(rate), 4)
