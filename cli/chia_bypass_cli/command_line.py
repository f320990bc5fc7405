"""The two parts of a command line: our options, and after ``--`` the user's own command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import typer

from chia_bypass.checked_fields import checked, names
from chia_bypass.options import flag

Options = TypeVar("Options")

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


def options_of(context: typer.Context, kind: type[Options], **fixed: Any) -> Options:
    """What was given to the running subcommand for the fields of ``kind``; it has ``fixed`` itself.

    Raises UsageError.
    """
    given = {name: context.params.get(name) for name in names(kind)}
    said = {name: value for name, value in given.items() if value is not None}
    return checked(kind, {**said, **fixed}, flag)
