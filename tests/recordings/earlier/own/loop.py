"""A small loop with this package's ChiaFunction: tags, nested calls, parallel ones, dataclasses."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, field
from pathlib import Path

import ray

from chia_bypass import ChiaFunction, get


def note(name: str) -> None:
    """Add a line for each real execution, and end abruptly after as many as are allowed."""
    if log := os.environ.get("REAL"):
        with Path(log).open("a") as file:
            file.write(name + "\n")


@dataclass
class Design:
    width: int
    notes: list[str] = field(default_factory=list)


@ChiaFunction()
def build(design: Design) -> bytes:
    note("build")
    return b"netlist" * design.width


@ChiaFunction(num_cpus=0.5)
def simulate(netlist: bytes, seed: int) -> dict[str, float | Design]:
    note("simulate")
    return {"ipc": len(netlist) / (seed + 1), "of": Design(seed, ["simulated"])}


@ChiaFunction(num_cpus=0)
def sweep(design: Design) -> list[float]:
    note("sweep")
    netlist = get(build.chia_remote(design))
    return [get(simulate.chia_remote(netlist, seed))["ipc"] for seed in range(2)]


if __name__ == "__main__":
    ray.init()
    for step in range(3):
        design = Design(step + 1)
        netlist = get(build.chia_remote(design, _chia_tag=f"step {step}"))
        runs = [simulate.chia_remote(netlist, seed) for seed in range(2)]
        print(step, [get(run) for run in runs], get(sweep.chia_remote(design)), flush=True)
        if step == 1 and "HALF" in os.environ:
            os.kill(os.getpid(), signal.SIGKILL)
