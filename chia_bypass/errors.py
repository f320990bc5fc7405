"""Every error that chia-bypass raises on purpose.

::

    ChiaBypassError
    ├── UsageError                 a command line or call that cannot be meant
    │   ├── CommandNotFound        the command to wrap does not exist
    │   └── CommandNotExecutable   it exists and cannot be run
    ├── NeverPlaced                a cluster that cannot run what is to be recorded
    ├── ConfigError                a bypass YAML that is wrong: file, function, key, remedy
    ├── SourceMissing (KeyError)   a bypassed function with neither provider nor data
    ├── ServedFileMissing (FileNotFoundError)
    ├── ServedFileUnreadable       a served file that is there and cannot be read as asked
    ├── NotPicklable (TypeError)   a provider or condition that cannot travel
    ├── RecordingError             something about a recording folder
    │   ├── RecordingAbsent        there is none
    │   ├── RecordingTooNew        written by a newer chia-bypass
    │   ├── RecordingCorrupt       bytes that fail their checks: file, offset, problem
    │   ├── RecordingLocked        another run writes to it: host and process
    │   └── RecordingExists        it would be overwritten
    ├── ValueProblem               a value that cannot be kept or rebuilt
    │   ├── CannotKeep             no faithful form: place, type, reason
    │   ├── CannotRebuild          malformed bytes: place, problem
    │   ├── ClassRefused           its class may not be imported here
    │   └── PickleRefused          kept as pickle, and pickle is not allowed
    ├── Miss                       a call that the recording cannot answer
    ├── FaultInjected              what a call raises that `--fault` breaks
    ├── Swallowed                  misses that the program went on after
    └── RealRunRefused             a call that must not run for real here

Facts are attributes; each class passes them to ``super().__init__`` so that the
error survives a pickle through Ray (unpickling calls ``cls(*args)``).
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from chia_bypass.exit_status import ExitStatus


class ChiaBypassError(Exception):
    """Root of all errors of this project."""

    status: ClassVar[ExitStatus] = ExitStatus.USAGE
    """Exit status of the command line when this error ends it."""


class UsageError(ChiaBypassError):
    """A request that cannot be meant: the message says what would be right."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(problem, remedy)
        self.problem, self.remedy = problem, remedy

    def __str__(self) -> str:
        return f"{self.problem}. {self.remedy}" if self.remedy else self.problem


class CommandNotFound(UsageError):
    """The command to wrap does not exist. Nothing has been started."""

    status = ExitStatus.NOT_FOUND  # what a shell exits with

    def __init__(self, program: str) -> None:
        ChiaBypassError.__init__(self, program)
        self.program = program
        self.problem = f"{program}: command not found"
        self.remedy = "Give a path, or a name that is on PATH"


class CommandNotExecutable(UsageError):
    """The command to wrap exists and cannot be run. Nothing has been started."""

    status = ExitStatus.NOT_EXECUTABLE  # what a shell exits with

    def __init__(self, program: str, reason: str) -> None:
        ChiaBypassError.__init__(self, program, reason)
        self.program, self.reason = program, reason
        self.problem = f"{program}: cannot be run: {reason}"
        self.remedy = "Make it executable, or name the program that runs it: -- python loop.py"


class NeverPlaced(ChiaBypassError):
    """The described cluster can never place something of the loop. Nothing has been started."""

    status = ExitStatus.NEVER_PLACED

    def __init__(self, cluster: str, what: Sequence[str]) -> None:
        super().__init__(cluster, tuple(what))
        self.cluster, self.what = cluster, tuple(what)

    def __str__(self) -> str:
        return f"{self.cluster} can never place: {'; '.join(self.what)}"


class ConfigError(ChiaBypassError):
    """A bypass YAML that is wrong. Nothing has been started."""

    def __init__(self, file: str, where: str, problem: str, remedy: str = "") -> None:
        super().__init__(file, where, problem, remedy)
        self.file, self.where, self.problem, self.remedy = file, where, problem, remedy

    def __str__(self) -> str:
        place = f"{self.file}: {self.where}" if self.where else self.file
        return f"{place}: {self.problem}" + (f". {self.remedy}" if self.remedy else "")


class SourceMissing(ChiaBypassError, KeyError):
    """A bypassed function has nothing that could compute its value."""

    def __init__(self, function: str, problem: str, remedy: str = "") -> None:
        super().__init__(function, problem, remedy)
        self.function, self.problem, self.remedy = function, problem, remedy

    def __str__(self) -> str:
        text = f"{self.function}: {self.problem}"
        return f"{text}. {self.remedy}" if self.remedy else text


class ServedFileMissing(ChiaBypassError, FileNotFoundError):
    """A file that the file server was asked for does not exist.

    ``errno``, ``strerror`` and ``filename`` are those of any FileNotFoundError.
    """

    def __init__(self, path: str, tried: tuple[str, ...], node: str, key: str = "") -> None:
        super().__init__(errno.ENOENT, "no such file for the bypass file server", path)
        self.path, self.tried, self.node, self.key = path, tried, node, key

    def __reduce__(self) -> tuple[type[ServedFileMissing], tuple[object, ...]]:
        # OSError keeps its own idea of args, so the facts cannot ride there.
        return type(self), (self.path, self.tried, self.node, self.key)

    def __str__(self) -> str:
        wanted = f"{self.key}: {self.path}" if self.key else self.path
        tried = ", ".join(self.tried)
        return (
            f"{wanted}: no such file on node {self.node} (looked at {tried}). "
            "Put it there, or correct the path; relative ones are looked up next to the YAML "
            "file, then in the working directory of the process that made the Bypass"
        )


class ServedFileUnreadable(ChiaBypassError):
    """A file that the file server was asked for is there, and cannot be read as asked."""

    def __init__(self, path: str, node: str, problem: str, remedy: str = "") -> None:
        super().__init__(path, node, problem, remedy)
        self.path, self.node, self.problem, self.remedy = path, node, problem, remedy

    def __str__(self) -> str:
        text = f"{self.path} on node {self.node}: {self.problem}"
        return f"{text}. {self.remedy}" if self.remedy else text


class NotPicklable(ChiaBypassError, TypeError):
    """Something that has to travel with a dispatch cannot be pickled. Nothing was dispatched."""

    def __init__(self, function: str, role: str, shown: str, reason: str) -> None:
        super().__init__(function, role, shown, reason)
        self.function, self.role, self.shown, self.reason = function, role, shown, reason

    def __str__(self) -> str:
        return (
            f"{self.function}: its {self.role} {self.shown} cannot be pickled ({self.reason}). "
            "It travels to the worker with each dispatch: let it capture only what pickles, "
            "and open files, locks and connections inside it"
        )


class RecordingError(ChiaBypassError):
    """Something is wrong with a recording folder."""

    def __init__(self, path: str | Path, problem: str, remedy: str = "") -> None:
        super().__init__(str(path), problem, remedy)
        self.path, self.problem, self.remedy = str(path), problem, remedy

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}" + (f". {self.remedy}" if self.remedy else "")


class RecordingAbsent(RecordingError):
    """There is no recording at that path."""


class RecordingTooNew(RecordingError):
    """The recording was written by a newer version: update chia-bypass."""


class RecordingExists(RecordingError):
    """The folder already holds a recording, which is never overwritten."""


class RecordingCorrupt(RecordingError):
    """Bytes that fail their checks; the path names the file, the problem the place."""

    status = ExitStatus.CORRUPT


class RecordingLocked(RecordingError):
    """Another run writes to this recording."""


class ValueProblem(ChiaBypassError):
    """A value that cannot be kept or rebuilt exactly."""

    def __init__(self, place: str, type_name: str, reason: str) -> None:
        super().__init__(place, type_name, reason)
        self.place, self.type_name, self.reason = place, type_name, reason

    def __str__(self) -> str:
        return f"{self.place} ({self.type_name}): {self.reason}"


class CannotKeep(ValueProblem):
    """The value has no faithful stored form, not even as pickle."""


class CannotRebuild(ValueProblem):
    """The stored bytes do not describe a value that this version can rebuild."""


class ClassRefused(ValueProblem):
    """A class is needed that must not be imported here."""


class PickleRefused(ValueProblem):
    """The value was kept as pickle, which is only loaded with ``--allow-pickle``."""


class Miss(ChiaBypassError):
    """The loop made a call that the recording cannot answer; nothing ran for it."""

    status = ExitStatus.MISSED

    def __init__(
        self, function: str, tag: str | None, parent: str, reason: str, detail: str, remedy: str
    ) -> None:
        super().__init__(function, tag, parent, reason, detail, remedy)
        self.function, self.tag, self.parent = function, tag, parent
        self.reason, self.detail, self.remedy = reason, detail, remedy

    def __str__(self) -> str:
        tagged = f" (tag {self.tag})" if self.tag is not None else ""
        detail = f"; {self.detail}" if self.detail else ""
        return (
            f"{self.function}{tagged}, called by {self.parent}: {self.reason}{detail}. "
            f"{self.remedy}"
        )


class FaultInjected(ChiaBypassError):
    """A call was made to fail by ``--fault``: the loop gets it as the error of that call."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule

    def __str__(self) -> str:
        return f"a fault was injected: {self.rule}"


class Swallowed(ChiaBypassError):
    """Calls missed, and the program went on as if they had not."""

    status = ExitStatus.MISSED

    def __init__(self, misses: Sequence[str]) -> None:
        super().__init__(tuple(misses))
        self.misses = tuple(misses)

    def __str__(self) -> str:
        missed = "; ".join(self.misses)
        return f"the program went on after {len(self.misses)} of its calls missed: {missed}"


class RealRunRefused(ChiaBypassError):
    """A call would have run for real where nothing may: after a miss, or on invented resources."""

    status = ExitStatus.MISSED

    def __init__(self, function: str, tag: str | None, why: str, remedy: str = "") -> None:
        super().__init__(function, tag, why, remedy)
        self.function, self.tag, self.why, self.remedy = function, tag, why, remedy

    def __str__(self) -> str:
        tagged = f" (tag {self.tag})" if self.tag is not None else ""
        remedy = f". {self.remedy}" if self.remedy else ""
        return f"{self.function}{tagged} was not run: {self.why}{remedy}"
