"""Whatever happens, a command ends with one line and a status that is documented."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NoReturn

from chia_bypass.errors import ChiaBypassError
from chia_bypass.exit_status import ExitStatus
from chia_bypass_cli import terminal

VARIABLE: Final = "CHIA_BYPASS_TRACEBACK"
"""Set in the environment: show where an unforeseen error came from."""
_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}
"""What writing to no named file fails with: to an output that is full, or closed."""
_ENDED_BY: Final = 128
"""Added to the number of a signal, as a shell does."""


def end(run: Callable[[], object]) -> NoReturn:
    """Run a command, and end this process with its status."""
    status = _status_of(run)
    try:
        _flush()
    except BrokenPipeError:
        status = _ENDED_BY + signal.SIGPIPE
    except OSError as error:
        status = status or _no_output(error)
    _drop_output()
    sys.exit(status)


def _status_of(run: Callable[[], object]) -> int:
    try:
        _check_directory()
        run()
    except SystemExit as ended:
        if _reader_left():
            return _ENDED_BY + signal.SIGPIPE
        return ended.code if isinstance(ended.code, int) else bool(ended.code)
    except ChiaBypassError as error:
        _tell(str(error))
        return error.status
    except KeyboardInterrupt:
        _tell("interrupted")
        return _ENDED_BY + signal.SIGINT
    except BrokenPipeError:
        return _ENDED_BY + signal.SIGPIPE
    except Exception as error:
        if isinstance(error, OSError) and error.filename is None and error.errno in _FULL:
            return _no_output(error)
        return _unforeseen(error)
    return ExitStatus.OK


def _check_directory() -> None:
    from chia_bypass.errors import UsageError

    try:
        os.getcwd()  # noqa: PTH109 - no path is needed
    except OSError:
        raise UsageError("the working directory does not exist any more", "cd to another") from None


def _unforeseen(error: Exception) -> int:
    if os.environ.get(VARIABLE):
        import traceback

        with suppress(OSError):
            traceback.print_exception(error)
    problem = f"{type(error).__name__}: {error}".strip(": ")
    _tell(f"unforeseen error, please report it: {problem}. {VARIABLE}=1 shows where it came from")
    return ExitStatus.UNFORESEEN


def _no_output(error: OSError) -> int:
    _tell(f"standard output cannot be written: {error.strerror or error}")
    return ExitStatus.NO_OUTPUT


def _tell(text: str) -> None:
    with suppress(OSError, ValueError):  # nobody is there to be told
        terminal.line(f"chia-bypass: {text}", stderr=True)
        terminal.stream(stderr=True).flush()


def _flush() -> None:
    if sys.stdout is not None:
        sys.stdout.flush()


def _reader_left() -> bool:
    """Whether typer found out that nobody reads what we print: it then says so to nobody."""
    return "PacifyFlush" in type(sys.stdout).__name__


def _drop_output() -> None:
    """Keep Python from trying again, at its end, to write what cannot be written."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
