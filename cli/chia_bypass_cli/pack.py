"""`chia-bypass pack` and `chia-bypass unpack`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from chia_bypass_cli import completing, panels, terminal
from chia_bypass_cli.help_pages import Command
from chia_bypass_cli.shared_options import OneRecording

if TYPE_CHECKING:
    from chia_bypass.look.archive.artifact import Artifact
    from chia_bypass.look.archive.pack import Leaving

_PACK = "Example: chia-bypass pack recordings/tuesday -o bug.tar.gz --keep loop.0/3 --keep sum"
_UNPACK = "Example: chia-bypass unpack bug.tar.gz -o recordings/bug"
_SHOWN = 20
Rest = Literal["none", "all"]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("pack", cls=Command, rich_help_panel=panels.KEEP, epilog=_PACK)(pack)
    app.command("unpack", cls=Command, rich_help_panel=panels.KEEP, epilog=_UNPACK)(unpack)


def pack(
    folder: OneRecording,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="The archive to write.")
    ],
    keep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CALL|FUNCTION",
            help="Include the values of this call or function.",
            autocompletion=completing.functions_and_calls,
        ),
    ] = None,
    values: Annotated[
        Rest,
        typer.Option(help="Whether to include the values of calls that no --keep names."),
    ] = "none",
    artifact: Annotated[
        bool,
        typer.Option(
            "--artifact",
            help="Include all values and files, and the loop's own sources and inputs, so that "
            "`replay FILE` works anywhere.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Write the archive without asking.")] = False,
) -> None:
    """Pack a recording into one file, for CI or a bug report. Values are left out unless named."""
    from chia_bypass.look.archive import pack as library
    from chia_bypass.look.archive.artifact import Artifact
    from chia_bypass.recording.reader import Recording

    recording = Recording.open(folder)
    choice = library.Choice(artifact or values == "all", tuple(keep or ()))
    _print(library.leaving(recording, choice))
    loop = Artifact.of(recording) if artifact else None
    if loop is not None:
        _print_loop(loop)
    if not yes:
        _ask()
    size = library.pack(recording, choice, output, loop)
    terminal.line(f"packed: {output}, {terminal.size(size)}")


def _ask() -> None:
    import sys

    from chia_bypass.errors import UsageError

    if not sys.stdin.isatty():
        raise UsageError(
            "there is no terminal on which to ask, so nothing was written", "Add --yes"
        )
    typer.confirm("Write it?", abort=True)


def _print(leaving: Leaving) -> None:
    terminal.line("The archive will contain:")
    for function, calls, size in leaving.values:
        terminal.line(f"  values of {function}: {calls} results, {terminal.size(size)}")
    for function, files, size in leaving.files:
        terminal.line(f"  files that {function} left: {files}, {terminal.size(size)}")
    terminal.line(f"  {leaving.withheld} results without their values, only how long they took")
    _list("functions", leaving.functions)
    terminal.line(f"  {leaving.tags} tags, types of results, digests of all arguments")
    terminal.line(f"  command: {' '.join(leaving.command)}")
    _list("paths", leaving.paths)
    _list("hosts", leaving.hosts)
    terminal.line(f"  names of {leaving.environment} environment variables")
    _list("values of environment variables", leaving.kept)
    if leaving.rules:
        terminal.line(f"  without the {leaving.rules} patterns of --redact")
    for path, secret in leaving.secrets[:_SHOWN]:
        terminal.line(f"  LOOKS LIKE A SECRET: {secret.kind} {secret.shown} in the value of {path}")
    if len(leaving.secrets) > _SHOWN:
        terminal.line(f"  … and {len(leaving.secrets) - _SHOWN} more that look like secrets")


def _print_loop(loop: Artifact) -> None:
    named = tuple(file.path for file, _ in loop.files)
    terminal.line(f"  files of the loop itself: {len(named)}, {terminal.size(loop.size)}")
    _list("files of the loop", named)
    _list("CHANGED SINCE IT READ THEM, and packed as they are now", loop.changed)
    _list("not packed", loop.left_out)


def _list(what: str, items: tuple[str, ...]) -> None:
    if items:
        more = f", … {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
        terminal.line(f"  {what}: {', '.join(items[:_SHOWN])}{more}")


def unpack(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An archive that `pack` wrote.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR",
            help="The folder to make.",
            show_default="as it was packed",
        ),
    ] = None,
    max_size: Annotated[
        int | None,
        typer.Option(
            metavar="BYTES", help="Refuse an archive that holds more.", show_default="10 GB"
        ),
    ] = None,
) -> None:
    """Unpack a recording. The file may come from anybody: it is checked, and nothing in it runs."""
    from chia_bypass.look.archive import unpack as library
    from chia_bypass.recording.reader import Recording
    from chia_bypass_cli import consent

    limit = library.MAX_SIZE if max_size is None else max_size
    folder = library.unpack(file, output, max_size=limit)
    terminal.line(f"unpacked: {folder}. Look at it with: chia-bypass inspect {folder}")
    consent.tell_recorded(Recording.open(folder, tolerant=True))
