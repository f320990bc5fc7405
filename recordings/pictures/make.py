"""Makes the README's pictures of the shipped recordings: ``python recordings/pictures/make.py``.

That of the report needs Chromium, and plotly. Names of pictures as arguments make only those;
``-o`` names another folder.
"""

from __future__ import annotations

import argparse
import fcntl
import io
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = os.pathsep.join((str(ROOT), str(ROOT / "cli")))
COLUMNS = 104
INSPECT = ("inspect", "recordings/generated_c/golden", "--limit", "18")
REPORT = ("report", "recordings/design_space/golden")
WINDOW = "1160,960"


def inspect(target: Path) -> None:
    """What a terminal shows of a recording, as `inspect.svg`."""
    from rich.console import Console
    from rich.text import Text

    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    console.print(Text(f"$ chia-bypass {' '.join(INSPECT)}", style="green"))
    console.print(Text.from_ansi(_on_terminal(*INSPECT)))
    title = "chia-bypass inspect"
    svg = console.export_svg(title=title, unique_id="inspect")
    offline = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    (target / "inspect.svg").write_text(offline, encoding="utf-8")


def report(target: Path) -> None:
    """The top of a report in a browser, as `report.png`."""
    with tempfile.TemporaryDirectory() as scratch:
        page = Path(scratch) / "report.html"
        subprocess.run([*_cli(*REPORT), "-o", str(page)], cwd=ROOT, env=_environment(), check=True)
        options = (
            "--headless --no-sandbox --disable-gpu --disable-background-networking "
            "--disable-component-update --disable-sync --no-first-run --hide-scrollbars "
            f"--user-data-dir={scratch}/profile --window-size={WINDOW} "
            f"--virtual-time-budget=10000 --screenshot={target / 'report.png'}"
        )
        browser = shutil.which("chromium") or sys.exit("report.png needs Chromium")
        subprocess.run([browser, *options.split(), page.as_uri()], check=True, capture_output=True)


def _cli(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "chia_bypass_cli", *arguments]


def _environment() -> dict[str, str]:
    """For these sources, installed or not, on a terminal that says its width itself."""
    given = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    return {**given, "PYTHONPATH": SOURCES, "TERM": "xterm-256color"}


def _on_terminal(*arguments: str) -> str:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    child = subprocess.Popen(
        _cli(*arguments),
        stdin=theirs,
        stdout=theirs,
        cwd=ROOT,
        env=_environment(),
    )
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
    except OSError:  # the other side is closed
        pass
    os.close(ours)
    if child.wait():
        sys.exit(f"{' '.join(arguments)}: exit status {child.returncode}")
    return shown.decode().replace("\r\n", "\n").rstrip("\n")


def main() -> None:
    pictures = {"inspect": inspect, "report": report}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", nargs="*", metavar="PICTURE", help=", ".join(pictures))
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).parent)
    given = parser.parse_args()
    for name in given.pictures or pictures:
        pictures[name](given.output.resolve())


if __name__ == "__main__":
    main()
