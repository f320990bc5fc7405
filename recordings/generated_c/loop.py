"""Which unrolling of a matrix multiplication is best? A loop that writes, compiles and runs C.

`kernel_writer.py` plays the agent: it writes variants and mends them when told what went wrong.
The loop looks for the variant with the fewest iterations of the innermost loop whose executable
fits the memory of a small device. A program that does not compile, or that finds its own result
wrong, raises an exception on the worker, whose message goes to the writer. ::

    GccNode.compile ──ELF──> RunNode.run          compilations are tagged iter0_opt0 and so on,
          └─ CompileError ─┐    └─ RunFailed ─┐   the other calls are not tagged
                         revise <─────────────┘

Run it with ``python recordings/generated_c/loop.py``; it needs gcc, a replay does not. It starts a
Ray of its own, unless ``--address`` or RAY_ADDRESS names a cluster that sees this folder.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import kernel_writer
import ray
from kernel_writer import Kernel

from chia_bypass import ChiaFunction, get

MEMORY_BYTES = 8192
"""What an executable may have to be chosen."""
OPTIMISATIONS = ("-Os", "-O3")


class NoCompiler(Exception):
    """There is no such compiler on the node."""

    def __init__(self, compiler: str, node: str) -> None:
        super().__init__(compiler, node)
        self.compiler, self.node = compiler, node


class CompileError(Exception):
    """The compiler refused the source."""

    def __init__(self, diagnostics: str) -> None:
        super().__init__(diagnostics)
        self.diagnostics = diagnostics


class RunFailed(Exception):
    """The program ended with a status other than 0."""

    def __init__(self, status: int, output: str) -> None:
        super().__init__(status, output)
        self.status, self.output = status, output


@dataclass(frozen=True)
class Run:
    """What a program found out."""

    checksum: str
    """Of the product of the matrices: the same for all variants."""
    iterations: int
    """Of the innermost loop, all in all."""


@dataclass(frozen=True)
class Program:
    """A variant that works."""

    kernel: Kernel
    optimisation: str
    elf_bytes: int
    run: Run

    def rank(self) -> tuple[bool, int, int]:
        """The least is the best: one that fits, with few iterations, and small."""
        return self.elf_bytes > MEMORY_BYTES, self.run.iterations, self.elf_bytes

    def __str__(self) -> str:
        cost = f"{self.run.iterations} iterations, {self.elf_bytes} bytes"
        return f"{self.kernel}, {self.optimisation}: {cost}"


@dataclass(frozen=True)
class GccNode:
    """Compiles C."""

    compiler: str = "gcc"

    @ChiaFunction(num_cpus=1)
    def compile(self, source: str, optimisation: str) -> bytes:
        """The stripped ELF executable. Raises CompileError."""
        if shutil.which(self.compiler) is None:
            raise NoCompiler(self.compiler, os.uname().nodename)
        flags = ["-std=c99", optimisation, "-s", "-Wl,-z,noseparate-code", "-x", "c", "-"]
        with tempfile.TemporaryDirectory() as folder:
            program = Path(folder) / "program"
            command = [self.compiler, *flags, "-o", str(program)]
            env = {**os.environ, "LC_ALL": "C"}
            done = subprocess.run(command, input=source, capture_output=True, text=True, env=env)
            if done.returncode != 0:
                raise CompileError(done.stderr)
            return program.read_bytes()


class RunNode:
    """Runs what was compiled."""

    @ChiaFunction(num_cpus=1)
    def run(self, elf: bytes) -> Run:
        """What the program printed. Raises RunFailed."""
        with tempfile.TemporaryDirectory() as folder:
            program = Path(folder) / "program"
            program.write_bytes(elf)
            program.chmod(0o700)
            done = subprocess.run([program], capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise RunFailed(done.returncode, done.stdout)
        checksum, iterations = done.stdout.split()
        return Run(checksum, int(iterations))


@ChiaFunction(num_cpus=1)
def revise(kernel: Kernel, complaint: str) -> Kernel | None:
    """The writer's next version, if it has an idea."""
    return kernel_writer.mend(kernel, complaint)


def develop(gcc: GccNode, kernels: list[Kernel], tag: str) -> tuple[list[Program], list[Kernel]]:
    """Compile and run all variants side by side: the programs that work, and revisions of the
    kernels that do not."""
    variants = list(product(kernels, OPTIMISATIONS))
    elfs = [
        gcc.compile.chia_remote(gcc, kernel.source(), optimisation, _chia_tag=f"{tag}_opt{i}")
        for i, (kernel, optimisation) in enumerate(variants)
    ]
    runner, runs, programs, revisions = RunNode(), [], [], []
    for (kernel, optimisation), elf in zip(variants, elfs, strict=True):
        try:
            elf_bytes = len(get(elf))
        except CompileError as error:
            revisions.append(revise.chia_remote(kernel, error.diagnostics))
        else:
            run = runner.run.chia_remote(runner, elf)
            runs.append((kernel, optimisation, elf_bytes, run))
    for kernel, optimisation, elf_bytes, run in runs:
        try:
            programs.append(Program(kernel, optimisation, elf_bytes, get(run)))
        except RunFailed as failure:
            revisions.append(revise.chia_remote(kernel, failure.output))
    print(f"{tag}: {len(variants)} variants, {len(programs)} work, {len(revisions)} to revise")
    return programs, [kernel for kernel in get(revisions) if kernel]


def search(gcc: GccNode, generations: int) -> list[Program]:
    """All programs that work, best first, once the best has no new neighbours that do."""
    programs: list[Program] = []
    kernels, seen = [Kernel(unroll=1), Kernel(unroll=4)], set[Kernel]()
    for generation in range(generations):
        found, ideas = develop(gcc, kernels, f"iter{generation}")
        programs = sorted([*programs, *found], key=Program.rank)
        if programs:
            print(f"       best: {programs[0]}")
            ideas += kernel_writer.neighbours(programs[0].kernel)
        seen.update(kernels)
        kernels = [kernel for kernel in dict.fromkeys(ideas) if kernel not in seen]
        if not kernels:
            break
    return programs


def main() -> None:
    """Read the command line, search, print the result."""
    parser = argparse.ArgumentParser(description="Unroll a matrix multiplication in C.")
    parser.add_argument("--generations", type=int, default=8, help="search so long at most")
    parser.add_argument("--compiler", default="gcc", help="another compiler with gcc's options")
    parser.add_argument("--address", help="a Ray cluster to join")
    arguments = parser.parse_args()
    if arguments.address or os.environ.get("RAY_ADDRESS"):
        ray.init(address=arguments.address)
    else:
        ray.init(address="local", num_cpus=2, include_dashboard=False)
    try:
        programs = search(GccNode(arguments.compiler), arguments.generations)
    except NoCompiler as problem:
        parser.exit(2, f"There is no {problem.compiler} on {problem.node}: install one\n")
    if len({program.run.checksum for program in programs}) != 1:
        sys.exit("there is no product that all programs agree on")
    print(f"Best of {len(programs)}: {programs[0]}, product {programs[0].run.checksum}")


if __name__ == "__main__":
    main()
