"""Do all optimisations of gcc give the same program? A loop whose calls leave files for each other.

Compilations leave object files in a folder of their worker, a link reads them and leaves a program,
a run starts it. Only paths travel as values. ::

    compile ──ab.o──> (folder) ──> link ──program──> (folder) ──> run

Run it with ``python recordings/linked_c/loop.py``; it needs gcc. A replay needs none, and with
``--restore in-place`` it leaves the recorded files where they were. It starts a Ray of its own,
unless ``--address`` or RAY_ADDRESS names a cluster whose nodes share the folder.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import ray

from chia_bypass import ChiaFunction, get

SOURCES = {
    "square": "int square(int x) { return x * x; }",
    "sum": "int square(int); int sum(int n) { return n ? square(n) + sum(n - 1) : 0; }",
    "main": """\
#include <stdio.h>
int sum(int); int main(void) { printf("%d\\n", sum(9)); return 0; }""",
}
FLAGS = ("-O0", "-O1", "-Os")


@dataclass(frozen=True)
class Program:
    """What was linked."""

    path: Path
    size: int


@ChiaFunction(num_cpus=1)
def compile(name: str, flags: str, folder: Path) -> Path:
    """The object file, which it leaves in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{name}.o"
    command = ["gcc", "-std=c99", flags, "-x", "c", "-c", "-", "-o", str(target)]
    subprocess.run(command, input=SOURCES[name], text=True, check=True)
    return target


@ChiaFunction(num_cpus=1)
def link(objects: list[Path], folder: Path) -> Program:
    """The program, which it leaves in ``folder``."""
    program = folder / "program"
    command = ["gcc", "-s", "-Wl,-z,noseparate-code", "-o", str(program), *map(str, objects)]
    subprocess.run(command, check=True)
    return Program(program, program.stat().st_size)


@ChiaFunction(num_cpus=1)
def run(program: Path) -> int:
    """What the program prints."""
    done = subprocess.run([program], capture_output=True, text=True, check=True)
    return int(done.stdout)


def build(flags: str, folder: Path) -> Program:
    """Compile everything side by side, then link."""
    objects = get([compile.chia_remote(name, flags, folder) for name in SOURCES])
    return get(link.chia_remote(objects, folder))


def main() -> None:
    """Read the command line, build with all flags, print the result."""
    parser = argparse.ArgumentParser(description="Build a program with several flags.")
    parser.add_argument("--folder", type=Path, default=Path("/tmp/chia-bypass-linked-c"))
    parser.add_argument("--address", help="a Ray cluster to join")
    arguments = parser.parse_args()
    if arguments.address or os.environ.get("RAY_ADDRESS"):
        ray.init(address=arguments.address)
    else:
        ray.init(address="local", num_cpus=2, include_dashboard=False)
    programs = {flags: build(flags, arguments.folder / flags[1:]) for flags in FLAGS}
    for flags, program in programs.items():
        print(f"{flags}: {program.size} bytes, prints {get(run.chia_remote(program.path))}")
    if len({get(run.chia_remote(program.path)) for program in programs.values()}) != 1:
        sys.exit("the programs do not agree")


if __name__ == "__main__":
    main()
