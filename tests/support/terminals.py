"""Running the command line in a pipe, or on a real pseudo-terminal of a given width.

It runs in a copy of this process, which has its own streams, working directory, environment and
exit status as a started one would, without half a second of starting and importing.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import traceback
from collections.abc import Collection, Mapping
from contextlib import redirect_stdout, suppress
from functools import cache
from importlib import import_module
from io import StringIO
from pathlib import Path
from pkgutil import walk_packages
from typing import NoReturn

import chia_bypass_cli
from chia_bypass import control, look, plan
from chia_bypass_cli.app import main

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 60
"""Seconds after which the kernel ends a command that hangs."""


def in_pipe(
    *arguments: object, cwd: Path = ROOT, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run our command line with its output in files, which it knows as little as pipes."""
    with (
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
        Path(os.devnull).open("rb") as nothing,
    ):
        streams = (nothing.fileno(), out.fileno(), err.fileno())
        status = _ended(_begun(arguments, streams, cwd, {**os.environ, **(env or {})}))
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess([*map(str, arguments)], status, out.read(), err.read())


def text_in_pipe(
    *arguments: object, cwd: Path = ROOT, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """The same, with its output as text."""
    done = in_pipe(*arguments, cwd=cwd, env=env)
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


def on_terminal(
    *arguments: object,
    columns: int,
    cwd: Path = ROOT,
    answer: str = "",
    statuses: Collection[int] = (0, 1),
) -> str:
    """What our command line shows on a terminal with so many columns, colours taken out.

    ``answer`` is typed there, and the command ends with one of ``statuses``.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    environment["TERM"] = "xterm-256color"
    os.write(ours, answer.encode())
    child = _begun(arguments, (theirs, theirs, theirs), cwd, environment)
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
    except OSError:  # the other side is closed
        pass
    os.close(ours)
    assert _ended(child) in statuses
    text = shown.decode().replace("\r\n", "\n")
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


@cache
def _prepare() -> None:
    """Do once what every command would do: import what it needs, and put itself together."""
    names = ["rich.markdown", "rich.pretty", "rich.progress", "rich.table", "typer.rich_utils"]
    for package in (chia_bypass_cli, control, look, plan):
        names += [one.name for one in walk_packages(package.__path__, f"{package.__name__}.")]
    for name in names:
        if not name.endswith("__main__"):
            import_module(name)
    with redirect_stdout(StringIO()), suppress(SystemExit):
        main(["guide"])


def _begun(
    arguments: tuple[object, ...],
    streams: tuple[int, int, int],
    cwd: Path,
    environment: Mapping[str, str],
) -> int:
    """The process that runs the command."""
    _prepare()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        _be_command([str(one) for one in arguments], streams, cwd, environment)
    return child


def _be_command(
    arguments: list[str],
    streams: tuple[int, int, int],
    cwd: Path,
    environment: Mapping[str, str],
) -> NoReturn:
    status = 1
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(PATIENCE)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        sys.stdin = os.fdopen(0, closefd=False)
        sys.stdout = os.fdopen(1, "w", closefd=False)
        sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
        os.chdir(cwd)
        os.environ.clear()
        os.environ.update(environment)
        # Looking at recordings must work where Ray cannot even be imported.
        sys.modules["ray"] = None  # type: ignore[assignment]
        sys.argv = ["chia-bypass", *arguments]
        main()
    except SystemExit as ended:
        status = int(ended.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(OSError):
            sys.stdout.flush()
        with suppress(OSError):
            sys.stderr.flush()
        os._exit(status)


def _ended(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
