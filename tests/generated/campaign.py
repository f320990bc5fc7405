"""Generated loops, as many as asked for: `python tests/generated/campaign.py --loops 200`."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT), str(ROOT / "cli")]
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
os.environ.setdefault("RAY_prestart_worker_first_driver", "0")

from generated.commands import CommandTrial  # noqa: E402
from generated.trial import Facts, Trial, Wrong  # noqa: E402
from generated.writing import FLAVOURS, Loop, write_loop  # noqa: E402


class Campaign:
    """Runs loops, and keeps the folders of those that went wrong."""

    def __init__(self, keep: Path) -> None:
        self.keep = keep
        self.counts: Counter[str] = Counter()
        self.features: Counter[str] = Counter()
        self.wrong: list[str] = []

    def trial(self, loop: Loop, folder: Path) -> Trial:
        if len(loop.scripts) == 1:
            return Trial(loop, folder)
        import ray

        address = str(ray.get_runtime_context().gcs_address)
        path = os.pathsep.join([str(ROOT), str(ROOT / "cli")])
        return CommandTrial(loop, folder, address, {**os.environ, "PYTHONPATH": path})

    def one(self, seed: int, flavour: str, drivers: int) -> None:
        loop = write_loop(seed, flavour, drivers=drivers, length=9 // drivers)
        folder = self.keep / f"loop{seed}-{flavour[:4]}"
        began = time.monotonic()
        try:
            facts = self.trial(loop, folder).run()
        except Wrong as wrong:
            self.failed(str(wrong))
        except Exception:
            self.failed(f"seed {seed} {flavour}: {traceback.format_exc()}")
        else:
            self.add(facts)
            self.features.update(loop.features)
            shutil.rmtree(folder)
            seconds = time.monotonic() - began
            print(f"{seed} {flavour}: {seconds:.1f} s, {facts}", flush=True)

    def failed(self, why: str) -> None:
        self.wrong.append(why)
        print("WRONG", why, flush=True)

    def add(self, facts: Facts) -> None:
        self.counts["loops"] += 1
        self.counts["calls"] += facts.calls
        self.counts["edits that matter"] += facts.matters
        self.counts[f"check {facts.check} (matters: {facts.matters})"] += 1
        self.counts[f"resume {facts.resume}"] += 1
        self.counts[f"half-way {facts.halfway}"] += 1
        self.counts["more careful than need be"] += bool(facts.warned)

    def figures(self) -> str:
        """What it came to."""
        counts = [f"  {what}: {count}" for what, count in sorted(self.counts.items())]
        shown = ", ".join(f"{name} {count}" for name, count in sorted(self.features.items()))
        first = [line.splitlines()[0] for line in self.wrong]
        return "\n".join([*counts, f"  {shown}", f"{len(self.wrong)} wrong", *first])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loops", type=int, default=200)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--drivers", type=int, default=1, help="2: by the command line, and killed")
    parser.add_argument("--seconds", type=float, default=1e9, help="begin no loop after so many")
    parser.add_argument("--flavour", choices=FLAVOURS, action="append")
    parser.add_argument("--keep", type=Path, help="an empty folder for what went wrong")
    given = parser.parse_args()
    keep = given.keep or Path(tempfile.mkdtemp(prefix="generated-"))
    keep.mkdir(exist_ok=True)
    flavours = given.flavour or list(FLAVOURS)
    # A shell that starts this in the background has it ignore SIGINT, and so would Ray's workers,
    # which cancelled calls are interrupted by.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    import ray

    scratch = tempfile.mkdtemp(prefix="g", dir="/tmp")
    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=256 * 1024**2,
        _temp_dir=scratch,
        log_to_driver=False,
        logging_level="ERROR",
    )
    began, campaign = time.monotonic(), Campaign(keep)
    try:
        for seed in range(given.first, given.first + given.loops):
            if time.monotonic() - began > given.seconds:
                print(f"stopped before seed {seed}", flush=True)
                break
            campaign.one(seed, flavours[seed % len(flavours)], given.drivers)
    finally:
        seconds = time.monotonic() - began
        print(f"seeds from {given.first}, {seconds:.0f} s:\n{campaign.figures()}", flush=True)
        ray.shutdown()
        shutil.rmtree(scratch, ignore_errors=True)
    return 1 if campaign.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
