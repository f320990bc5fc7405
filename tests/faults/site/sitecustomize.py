"""In every process of a fault campaign: dies, or fails, where the campaign says.

The project has no hooks for this: the few functions of ``os`` that a recording is written with are
wrapped here. The folder in CHIA_BYPASS_TEST_FAULTS holds what to do: ``shots``, a JSON list of
shots (see campaign.py); ``trace``, a file to which every boundary is appended; ``hide``, whose
presence hides recording and control folder from workers, as if they were on another machine.
"""

# The plain functions of `os`: pathlib is among what is wrapped.
# ruff: noqa: PTH110, PTH115, PTH123, PTH119

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import signal
import sys
from typing import Any

FOLDER = os.environ.get("CHIA_BYPASS_TEST_FAULTS", "")
_KINDS = (
    ("manifest", re.compile(r"/\.?manifest(\.[^/]*)?$")),
    ("driver", re.compile(r"/segments/driver-[^/]*$")),
    ("worker", re.compile(r"/segments/worker-[^/]*$")),
    ("recorder", re.compile(r"/segments/recorder-[^/]*$")),
    ("index", re.compile(r"/\.?index(\.[^/]*)?$")),
    ("blob", re.compile(r"/blobs/[0-9a-f]{2}/[^/]*$")),
    ("folder", re.compile(r"(/segments|/blobs(/[0-9a-f]{2})?|/r)$")),
)
_pwrite, _ftruncate = os.pwrite, os.ftruncate


def _kind(target: int | str | os.PathLike[str]) -> str | None:
    try:
        path = os.readlink(f"/proc/self/fd/{target}") if isinstance(target, int) else str(target)
    except OSError:
        return None
    return next((kind for kind, pattern in _KINDS if pattern.search(path)), None)


def _count(name: str) -> int:
    """How-manieth this is among all processes, from 1."""
    with open(f"{FOLDER}/count-{name.partition('#')[2]}", "a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(b".")
        file.flush()
        return os.fstat(file.fileno()).st_size


def _due(label: str) -> dict[str, Any] | None:
    """The shot whose turn it is at this boundary, or None."""
    if os.path.exists(f"{FOLDER}/trace"):
        with open(f"{FOLDER}/trace", "a") as file:
            file.write(label + "\n")
    try:
        with open(f"{FOLDER}/shots") as file:
            shots = json.load(file)
    except (OSError, ValueError):
        return None
    found = None
    for shot in shots:
        if shot["label"] == label and _count(shot["name"]) == shot["nth"]:
            found = shot
    return found


def _die(shot: dict[str, Any]) -> None:
    with open(f"{FOLDER}/fired", "a") as file:
        file.write(shot["name"] + "\n")
    os.kill(os.getpid(), signal.SIGKILL)


def _wrap(name: str) -> None:
    real = getattr(os, name)

    def wrapped(target: Any, *arguments: Any, **keywords: Any) -> Any:
        folder = keywords.get("src_dir_fd", keywords.get("dir_fd"))
        inside = None if folder is None else os.readlink(f"/proc/self/fd/{folder}")
        kind = _kind(target if inside is None else f"{inside}/{target}")
        shot = _due(f"{name}:{kind}") if kind else None
        if shot is None:
            return real(target, *arguments, **keywords)
        if shot["moment"] == "half" and name == "pwrite":
            data, offset = arguments
            _pwrite(target, data[: len(data) // 2], offset)
        elif shot["moment"] == "after":
            real(target, *arguments, **keywords)
        return _die(shot)

    setattr(os, name, wrapped)


def _hide() -> None:
    import pathlib

    def hidden(name: str) -> None:
        real = getattr(pathlib.Path, name)

        def read(self: pathlib.Path, *arguments: Any, **keywords: Any) -> Any:
            if self.name in ("nonce", "session.json") and os.path.exists(f"{FOLDER}/hide"):
                raise FileNotFoundError(2, "hidden by the campaign", str(self))
            return real(self, *arguments, **keywords)

        setattr(pathlib.Path, name, read)

    hidden("read_bytes")
    hidden("read_text")
    opened = os.open

    def open_(path: Any, *arguments: Any, **keywords: Any) -> int:
        name = os.path.basename(os.fsdecode(path))
        if name in ("nonce", "session.json") and os.path.exists(f"{FOLDER}/hide"):
            raise FileNotFoundError(2, "hidden by the campaign", path)
        return opened(path, *arguments, **keywords)

    os.open = open_


if FOLDER:
    for _name in ("pwrite", "fdatasync", "fsync", "ftruncate", "rename"):
        _wrap(_name)
    if any(word.endswith("default_worker.py") for word in sys.orig_argv):
        with contextlib.suppress(Exception):
            _hide()
