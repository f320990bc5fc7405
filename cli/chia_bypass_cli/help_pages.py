"""How the help of a command is printed: typer's panels, then the end as it was written.

typer would take brackets at the end of a help for markup, and older versions join its lines.
"""

from __future__ import annotations

from textwrap import wrap
from typing import Any

from typer.core import TyperCommand, TyperGroup

from chia_bypass_cli import terminal

NAMES = {"help_option_names": ["-h", "--help"]}
"""Context settings of the app: both work with every command."""


class _WithEnd:
    """A help that ends with examples and exit statuses, as they were written."""

    epilog: str | None

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help."""
        end, self.epilog = self.epilog, None
        super().format_help(ctx, formatter)  # type: ignore[misc]  # a command's
        self.epilog = end
        _print_end(end)


class Command(_WithEnd, TyperCommand):
    """A command."""


class LoopCommand(Command):
    """A command that runs the command after ``--``, or the recorded one."""

    command = "[-- COMMAND ...]"
    example = "chia-bypass replay recordings/tuesday -- python loop.py"

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As ever, but for who has forgotten what stands before a command."""
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            message = getattr(error, "message", None)
            if message and ctx.obj is None and any(map(_is_of_a_loop, given)):
                told = f"{message}. The loop's command stands after --: {self.example}"
                error.message = told  # type: ignore[attr-defined]
            raise

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """What the line after ``Usage:`` shows."""
        return [*super().collect_usage_pieces(ctx), self.command]


class RecordCommand(LoopCommand):
    """The command that needs one after ``--``."""

    command = "-- COMMAND ..."
    example = "chia-bypass record -- python loop.py"


def _is_of_a_loop(word: str) -> bool:
    return word.endswith((".py", ".sh")) or word.rpartition("/")[2].startswith("python")


class Group(_WithEnd, TyperGroup):
    """The app itself."""


def _print_end(text: str | None) -> None:
    """Print lines; a terminal that is too narrow gets them folded below where they begin."""
    room = terminal.width()
    for line in (text or "").splitlines():
        words = line.lstrip()
        indent = " " * (len(line) - len(words))
        folded = [line]
        if room is not None and len(line) > room:
            status, gap, meaning = words.partition("  ")
            hanging = indent + " " * (len(status + gap) if meaning and status.isdecimal() else 2)
            folded = wrap(line, room, subsequent_indent=hanging, replace_whitespace=False)
        for part in folded:
            terminal.line(part)
