"""The part of a command line after ``--``, which belongs to the user's command alone."""

from __future__ import annotations

from collections.abc import Sequence

import typer

Command = tuple[str, ...] | None
"""The command after ``--``; None if there is no ``--``."""


def split_command(arguments: Sequence[str]) -> tuple[list[str], Command]:
    """Our own arguments, and the command behind the first ``--``."""
    own = list(arguments)
    if "--" not in own:
        return own, None
    at = own.index("--")
    return own[:at], tuple(own[at + 1 :])


def command_of(context: typer.Context) -> Command:
    """The command that was given to the running subcommand."""
    command: Command = context.obj
    return command
