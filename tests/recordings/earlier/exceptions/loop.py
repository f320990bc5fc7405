"""A small loop whose calls raise: a class of its own, causes, and errors out of nested calls."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import ray

from chia_bypass import ChiaFunction, get


def note(name: str) -> None:
    """Add a line for each real execution."""
    if log := os.environ.get("REAL"):
        with Path(log).open("a") as file:
            file.write(name + "\n")


class Broken(Exception):
    def __init__(self, part: str, code: int) -> None:
        super().__init__(part, code)
        self.part, self.code = part, code


@ChiaFunction()
def check(part: str, code: int) -> str:
    note("check")
    if code:
        raise Broken(part, code)
    return part + " is fine"


@ChiaFunction()
def look_up(part: str) -> str:
    note("look_up")
    try:
        return {"a": "adder"}[part]
    except KeyError as error:
        raise ValueError(f"no part {part}") from error


@ChiaFunction(num_cpus=0)
def build(part: str) -> str:
    note("build")
    try:
        return get(check.chia_remote(part, 3))
    except Broken as error:
        raise RuntimeError("no build") from error


def told(ref: ray.ObjectRef) -> str:
    try:
        return str(get(ref))
    except Exception as error:
        own = getattr(error, "cause", error)
        return f"{isinstance(error, type(own))} {type(own).__name__}{own.args} {vars(own)}"


if __name__ == "__main__":
    ray.init()
    for step in range(3):
        print(step, told(check.chia_remote("b", step)), told(look_up.chia_remote("ab"[step % 2])))
        print(step, told(build.chia_remote("b")), flush=True)
        if step == 1 and "HALF" in os.environ:
            os.kill(os.getpid(), signal.SIGKILL)
