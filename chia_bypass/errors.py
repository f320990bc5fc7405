"""Every error that chia-bypass raises on purpose.

::

    ChiaBypassError
    ├── UsageError                 a command line or call that cannot be meant
    ├── ConfigError                a bypass YAML that is wrong: file, function, key, remedy
    ├── SourceMissing (KeyError)   a bypassed function with neither provider nor data
    ├── ServedFileMissing (FileNotFoundError)
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
    └── Miss                       a call that the recording cannot answer

Facts are attributes; each class passes them to ``super().__init__`` so that the
error survives a pickle through Ray (unpickling calls ``cls(*args)``).
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar


class ChiaBypassError(Exception):
    """Root of all errors of this project."""

    status: ClassVar[int] = 2
    """Exit status of the command line when this error ends it."""


class UsageError(ChiaBypassError):
    """A request that cannot be meant: the message says what would be right."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(problem, remedy)
        self.problem, self.remedy = problem, remedy

    def __str__(self) -> str:
        return f"{self.problem}. {self.remedy}" if self.remedy else self.problem


class ConfigError(ChiaBypassError):
    """A bypass YAML that is wrong. Nothing has been started."""

    def __init__(self, file: str, where: str, problem: str, remedy: str = "") -> None:
        super().__init__(file, where, problem, remedy)
        self.file, self.where, self.problem, self.remedy = file, where, problem, remedy

    def __str__(self) -> str:
        place = f"{self.file}: {self.where}" if self.where else self.file
        return f"{place}: {self.problem}" + (f". {self.remedy}" if self.remedy else "")


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

    status = 26


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
