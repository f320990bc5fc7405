"""Runs the wrapped command as if we were not there.

The command shares our terminal, process group and standard streams. A signal from the terminal
reaches it without us; one that somebody sends to our process id alone is passed on.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from chia_bypass.errors import CommandNotExecutable, CommandNotFound, UsageError

_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)

_WAITED_FOR = {*_FORWARDED, signal.SIGCHLD}

_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
"""Python ignores these, and a program would inherit that."""

_SI_KERNEL = 0x80
"""``si_code`` of a signal that the kernel sent, as it does to a terminal's whole foreground
process group: the command has got it already."""

_POLL_SECONDS = 0.1

_held_from: frozenset[signal.Signals | int] | None = None
"""The mask from before signals were held; None while they are not."""


def run(
    command: Sequence[str],
    environment: Mapping[str, str],
    on_poll: Callable[[], None] | None = None,
    enter: Callable[[], None] | None = None,
) -> int:
    """Run ``command`` in the foreground; returns its exit status, 128 + n after signal n.

    ``on_poll`` is called about ten times a second while it runs; ``enter`` in the command's process
    before it is that. To be called in the main thread before other threads are started, since those
    would take the signals. Raises UsageError, CommandNotFound (127) or CommandNotExecutable (126)
    if nothing was started.
    """
    program = _resolve(command, environment)
    with signals_held() as previous_mask:
        child = _spawn(program, command, environment, previous_mask, enter)
        try:
            return _wait(child, on_poll)
        except BaseException:
            # From on_poll: whoever called us will not wait for the command any more.
            os.kill(child, signal.SIGTERM)
            os.waitpid(child, 0)
            raise


def _resolve(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """The path of the program, by the PATH that it will see."""
    if not command or not command[0]:
        raise UsageError("No command was given", "Put it after '--': -- python loop.py")
    if "/" in command[0]:
        return command[0]
    found = shutil.which(command[0], path=environment.get("PATH", os.defpath))
    if found is None:
        raise CommandNotFound(command[0])
    return found


@contextmanager
def signals_held() -> Iterator[set[signal.Signals | int]]:
    """Keep the signals for :func:`run`, and drop those that come too late for its command.

    Gives the mask that the command is to have, which is that of the outermost use.
    """
    global _held_from
    outermost = _held_from is None
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, _WAITED_FOR)
    if _held_from is None:
        _held_from = frozenset(previous)
    try:
        yield set(_held_from)
    finally:
        if outermost:
            _held_from = None
            while signal.sigtimedwait(_WAITED_FOR, 0) is not None:
                pass
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)


def _spawn(
    program: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    mask: set[signal.Signals | int],
    enter: Callable[[], None] | None,
) -> int:
    try:
        if enter is not None:
            return _spawn_inside(enter, program, command, environment, mask)
        return os.posix_spawn(
            program, list(command), environment, setsigmask=mask, setsigdef=_IGNORED_BY_PYTHON
        )
    except FileNotFoundError as error:
        if os.path.lexists(program):
            problem = "its interpreter, named in the first line, does not exist"
            raise CommandNotExecutable(program, problem) from error
        raise CommandNotFound(program) from error
    except OSError as error:
        raise CommandNotExecutable(program, error.strerror or str(error)) from error


def _spawn_inside(
    enter: Callable[[], None],
    program: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    mask: set[signal.Signals | int],
) -> int:
    from chia_bypass.sandbox.child import spawn
    from chia_bypass.sandbox.kernel import Refused

    def execute() -> None:
        for number in _IGNORED_BY_PYTHON:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.execve(program, list(command), environment)

    try:
        return spawn(enter, execute)
    except Refused as refused:  # it did not when it was tried
        raise UsageError(f"not sandboxed: {refused}", "--no-sandbox replays without") from None


def _wait(child: int, on_poll: Callable[[], None] | None) -> int:
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        received: signal.struct_siginfo | None
        if on_poll is None:
            received = signal.sigwaitinfo(_WAITED_FOR)
        else:
            on_poll()
            received = signal.sigtimedwait(_WAITED_FOR, _POLL_SECONDS)
        if received is not None:
            _forward(received, child)


def _forward(received: signal.struct_siginfo, child: int) -> None:
    if received.si_signo in _FORWARDED and received.si_code != _SI_KERNEL:
        # Not reaped yet, so the id is still the command's.
        os.kill(child, received.si_signo)
