"""Sandboxes of tests: real ones, on the kernel of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from chia_bypass.sandbox.child import spawn
from chia_bypass.sandbox.kernel import Refused
from chia_bypass.sandbox.plan import plan
from chia_bypass.sandbox.sandbox import Sandbox, prepare

SWITCHED_OFF = """\
echo 0 > /proc/sys/user/max_user_namespaces
echo 0 > /proc/sys/user/max_mnt_namespaces
exec "$@"
"""
"""A shell script, for a namespace of its own: below it there can be no further ones."""


@cache
def work_here() -> bool:
    """Whether this kernel lets this user have sandboxes."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as control:
        try:
            prepare(plan(Path(folder), (), ()), Path(control)).close()
        except Refused:
            return False
    return True


def without_namespaces(*command: str) -> list[str]:
    """``command`` where the kernel refuses namespaces, as root in one of its own."""
    return ["unshare", "--user", "--map-root-user", "sh", "-c", SWITCHED_OFF, "sh", *command]


@cache
def can_be_switched_off() -> bool:
    if shutil.which("unshare") is None:
        return False
    tried = subprocess.run(without_namespaces("unshare", "-m", "true"), capture_output=True)
    return b"No space left" in tried.stderr


@contextmanager
def sandbox_over(
    working: Path, control: Path, roots: Sequence[Path] = (), passed: Sequence[Path] = ()
) -> Iterator[Sandbox]:
    """A sandbox that works."""
    sandbox = prepare(plan(working, roots, passed), control)
    try:
        yield sandbox
    finally:
        sandbox.close()


def run_shell(sandbox: Sandbox, script: str) -> int:
    """Run a shell script in it, which ends at its first error; returns its exit status."""
    words = ["sh", "-euc", script]
    child = spawn(sandbox.enter, lambda: os.execvp("sh", words))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def call(sandbox: Sandbox, action: Callable[[], object]) -> None:
    """Do something in it in Python; raises AssertionError if it fails."""

    def act() -> None:
        try:
            action()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)

    child = spawn(sandbox.enter, act)
    assert os.waitpid(child, 0)[1] == 0, "see the traceback on stderr"
