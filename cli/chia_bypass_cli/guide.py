"""`chia-bypass guide`: short pages that ship in the package, in `chia_bypass/guides/`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chia_bypass_cli import panels, terminal
from chia_bypass_cli.help_pages import Command

_EXAMPLE = """\
Example: chia-bypass guide matching
         chia-bypass guide yaml | grep -A 8 ignore_args"""


def topics() -> dict[str, Path]:
    """The pages by their names."""
    import chia_bypass

    folder = Path(chia_bypass.__file__).with_name("guides")
    return {page.stem: page for page in sorted(folder.glob("*.md"))}


def _completed(incomplete: str) -> list[tuple[str, str]]:
    return [(name, _title(page)) for name, page in topics().items()]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("guide", cls=Command, rich_help_panel=panels.LEARN, epilog=_EXAMPLE)(guide)


def guide(
    topic: Annotated[
        str | None,
        typer.Argument(
            metavar="TOPIC",
            help="The guide to show.",
            show_default="a list of them",
            autocompletion=_completed,
        ),
    ] = None,
) -> None:
    """Read a short guide: matching, misses, resume, CI, the keys of bypass.yaml and others."""
    pages = topics()
    if topic is None:
        terminal.facts((name, _title(page)) for name, page in pages.items())
        terminal.line("Read one: chia-bypass guide TOPIC")
        return
    if topic not in pages:
        from chia_bypass.errors import UsageError

        raise UsageError(f"there is no guide {topic!r}", f"There are: {', '.join(pages)}")
    terminal.page(pages[topic].read_text("utf-8"))


def _title(page: Path) -> str:
    """Of ``# Matching: which recorded call answers a call`` what comes behind the colon."""
    with page.open(encoding="utf-8") as lines:
        first = lines.readline().removeprefix("# ").strip()
    return first.partition(": ")[2] or first
