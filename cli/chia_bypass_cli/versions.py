"""`chia-bypass --version`."""

from __future__ import annotations

import typer

from chia_bypass_cli import terminal

_WITH = ("ray", "chialoops")


def print_and_exit(wanted: bool) -> None:
    """Print one line for bug reports, if it is ``wanted``, and end."""
    if wanted:
        terminal.line(line())
        raise typer.Exit


def line() -> str:
    """``chia-bypass 0.1.0 (Python 3.11.7, ray 2.54.0, chialoops 2.0.1)``."""
    import platform

    found = [f"Python {platform.python_version()}", *(f"{n} {_version(n)}" for n in _WITH)]
    return f"chia-bypass {_version('chia-bypass')} ({', '.join(found)})"


def _version(distribution: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"
