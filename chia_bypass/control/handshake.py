"""What the processes of a command reported: did the hook get in, was Ray used?"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chia_bypass.hook.announcing import FOLDER, announce

__all__ = ["Connection", "Handshake", "announce", "read"]


@dataclass(frozen=True, slots=True)
class Connection:
    """One ``ray.init`` that succeeded."""

    address: str
    """Where Ray's global control store listens, ``192.0.2.7:6379``; "" if not known."""
    invented: Mapping[str, float] = field(default_factory=dict)
    """Replay: resources that we added. Empty: none, since the loop runs on a real cluster."""
    instead_of: str | None = None
    """Replay: the cluster that the loop asked for and did not get."""


@dataclass(frozen=True, slots=True)
class Handshake:
    """One Python process that started with the hook in."""

    pid: int
    started: int
    """Nanoseconds since the epoch."""
    executable: str = ""
    argv: tuple[str, ...] = ()
    """The interpreter's whole command line."""
    python: str = ""
    """Version of the interpreter, ``3.11.7``."""
    ray: bool = False
    """It imported Ray."""
    connections: tuple[Connection, ...] = ()
    """Every ``ray.init``, first to last."""
    submitted: tuple[str, ...] = ()
    """Recording folders of jobs that it submitted, each on the node of the job's driver."""
    troubles: tuple[str, ...] = ()
    """Why the hook could not do its work here: type and message of each error."""


def read(control: str | Path) -> tuple[Handshake, ...]:
    """All handshakes of a run, earliest first. None: the hook never got into any process."""
    files = [path for path in (Path(control) / FOLDER).glob("*-*") if path.is_file()]
    return tuple(sorted((_fold(path) for path in files), key=lambda one: (one.started, one.pid)))


def _fold(path: Path) -> Handshake:
    pid, _, start = path.name.partition("-")
    facts: dict[str, Any] = {}
    connections: list[Connection] = []
    submitted: list[str] = []
    troubles: list[str] = []
    for fact, details in _facts(path):
        if fact == "started":
            facts.update(details)
        elif fact == "ray":
            facts["ray"] = True
        elif fact == "connected":
            connections.append(Connection(**details))
        elif fact == "submitted":
            submitted.append(details["path"])
        else:
            troubles.append(str(details.get("reason", fact)))
    return Handshake(
        int(pid),
        int(start),
        **facts,
        connections=tuple(connections),
        submitted=tuple(submitted),
        troubles=tuple(troubles),
    )


def _facts(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The lines of one file; a last line without its end was cut off by a kill and is no fact."""
    *lines, _ = path.read_text("ascii", errors="replace").split("\n")
    for line in lines:
        try:
            fact, details = ast.literal_eval(line)
        except (ValueError, SyntaxError):
            yield "trouble", {"reason": f"unreadable line in {path}"}
        else:
            yield fact, details
