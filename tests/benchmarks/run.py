"""All benchmarks: ``python tests/benchmarks/run.py``; ``--only dispatch`` for one of them.

They take about half an hour on two cores, want a machine that does nothing else, and write
results.json and growth.svg beside this file. They need the extra [benchmark].
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import dispatch, growth, inputs, left_files, opening, sizes, start
from benchmarks.results import save, show

SUITES = {
    "dispatch": dispatch.no_ops,
    "slow": dispatch.slow_calls,
    "sizes": sizes.measure,
    "inputs": inputs.measure,
    "files": left_files.measure,
    "opening": opening.measure,
    "growth": growth.measure,
    "start": start.measure,
}


def main() -> None:
    """Measure, print and save, suite by suite."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=SUITES)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    for name, measure in SUITES.items():
        if given.only in (None, name):
            found = measure(given.rounds)
            show(found)
            save(name, found)


if __name__ == "__main__":
    main()
