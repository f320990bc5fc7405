"""What this Python process runs, read from its command line.

Runs at every Python start below ``record`` and ``replay``: builtin modules only.
"""

from __future__ import annotations

import os
import sys

from chia_bypass.ray_private import PROCESS_FOLDERS, WORKER_PROGRAM, WORKER_PROGRAMS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    How = Literal["file", "module", "code", "stdin"]
    RayRole = Literal["worker", "daemon"]

_WITH_VALUE = "WX"
"""Short options of the interpreter whose value may be the next word."""


def program(command_line: Sequence[str]) -> tuple[How, str, Sequence[str]]:
    """How an interpreter with this command line gets its program, its name, and the rest.

    ``command_line`` is ``sys.orig_argv``; the name of ``python -m pkg.loop`` is ``pkg.loop``,
    that of a file its path, of code and of stdin ``""``.
    """
    words = list(command_line[1:])
    while words:
        word = words.pop(0)
        if word == "-":
            return "stdin", "", words
        if not word.startswith("-"):
            return "file", word, words
        if word.startswith("--"):
            if word == "--check-hash-based-pycs":
                del words[:1]
            continue
        found = _short_options(word[1:], words)
        if found is not None:
            return (*found, words)
    return "stdin", "", words


def _short_options(letters: str, words: list[str]) -> tuple[How, str] | None:
    """Read one cluster of short options (``-um``); takes a separate value off ``words``."""
    for place, letter in enumerate(letters):
        attached = letters[place + 1 :]
        if letter == "c":
            if not attached:
                del words[:1]
            return "code", ""
        if letter == "m":
            return "module", attached or (words.pop(0) if words else "")
        if letter in _WITH_VALUE:
            if not attached:
                del words[:1]
            return None
    return None


def ray_role(command_line: Sequence[str]) -> RayRole | None:
    """Whether this is one of Ray's own processes, which are none of our business.

    ``worker`` runs tasks of a loop, which may start drivers of their own; ``daemon`` is
    everything else, ``ray start`` and the daemons it leaves behind included.
    """
    how, name, rest = program(command_line)
    if how == "module":
        return _role_of_module(name, rest)
    if how != "file":
        return None
    if os.path.basename(name) == "ray":  # noqa: PTH119 - pathlib costs more than the whole hook
        return _role_of_command(rest)
    before, found, inside = name.replace("\\", "/").rpartition("/ray/")
    # A user's folder may be called ray, too: Ray's own has a worker program in it.
    if (
        found
        and inside.split("/")[0] in PROCESS_FOLDERS
        and os.path.exists(f"{before}/ray/{WORKER_PROGRAM}")  # noqa: PTH110
    ):
        return "worker" if inside.startswith(WORKER_PROGRAMS) else "daemon"
    return None


def _role_of_module(name: str, rest: Sequence[str]) -> RayRole | None:
    if name == "ray.scripts.scripts":
        return _role_of_command(rest)
    parts = name.split(".")
    return "daemon" if parts[0] == "ray" and parts[1:2] and parts[1] in PROCESS_FOLDERS else None


def _role_of_command(rest: Sequence[str]) -> RayRole | None:
    """``ray job submit`` starts a driver; the other commands manage clusters."""
    return None if rest[:1] == ["job"] else "daemon"


def script_name() -> str:
    """The normalised script of this process, the same in a run and its replay.

    ``python loop.py`` and ``python -m pkg.loop`` are ``loop``, a console script is its stem,
    ``-c`` is ``-c``, piped code is ``stdin``, a notebook or prompt is ``interactive``.
    """
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name != "__main__":
        return _module_name(spec.name)
    file = getattr(main, "__file__", None)
    if file == "<stdin>":
        return "stdin"
    if file:
        return _file_name(file)
    if hasattr(sys, "ps1") or hasattr(main, "get_ipython"):
        return "interactive"
    return _name_before_main()


def _name_before_main() -> str:
    """The name when ``__main__`` is still empty: ``-c``, or a package imported by ``-m``."""
    how, name, _ = program(sys.orig_argv)
    if how == "module":
        return _module_name(name)
    if how == "file":
        return _file_name(name)
    if how == "code":
        return "-c"
    return "interactive" if sys.stdin is not None and sys.stdin.isatty() else "stdin"


def _module_name(name: str) -> str:
    return name.removesuffix(".__main__").rpartition(".")[2]


def _file_name(path: str) -> str:
    folder, base = os.path.split(os.path.abspath(path))  # noqa: PTH100
    stem = os.path.splitext(base)[0]  # noqa: PTH122
    return _file_name(folder) if stem == "__main__" else stem
