"""All benchmarks: ``python tests/benchmarks/run.py``; ``--only dispatch`` for one of them.

They take about ten minutes on two cores, want a machine that does nothing else, and write
results.json beside this file.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import dispatch, opening, sizes
from benchmarks.results import save, show

SUITES = {"dispatch": dispatch.measure, "sizes": sizes.measure, "opening": opening.measure}


def main() -> None:
    """Measure and print; save when everything was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=SUITES)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    rows = []
    for name, measure in SUITES.items():
        if given.only in (None, name):
            found = measure(given.rounds)
            show(found)
            rows += found
    if given.only is None:
        save(rows)


if __name__ == "__main__":
    main()
