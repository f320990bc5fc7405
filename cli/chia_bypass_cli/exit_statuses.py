"""Exit statuses as the help lists them."""

from __future__ import annotations

from collections.abc import Iterable

from chia_bypass.exit_status import OF_COMMAND, ExitStatus

REPLAYED = (
    *(ExitStatus.OK, ExitStatus.USAGE, ExitStatus.MISSED, ExitStatus.STALE),
    *(ExitStatus.INCOMPLETE, ExitStatus.SPOILED, ExitStatus.CORRUPT),
    *(ExitStatus.NOT_EXECUTABLE, ExitStatus.NOT_FOUND),
)
"""Those of a replay that is not `check`."""


def listed(statuses: Iterable[ExitStatus], *more: str) -> str:
    """A paragraph for the end of a command's help, a line for each; then ``more`` lines."""
    lines = [f"  {status.value:3}  {status.meaning}" for status in statuses]
    return "\n".join(("Exit status:", *lines, *(f"       {line}" for line in more)))


def after(example: str, statuses: Iterable[ExitStatus], *more: str) -> str:
    """The end of a command's help: its example and its exit statuses."""
    return f"{example}\n\n{listed(statuses, *more)}"


def of_loop(example: str, statuses: Iterable[ExitStatus]) -> str:
    """The end of the help of a command that runs a loop, whose own status it passes on."""
    return after(example, statuses, OF_COMMAND)
