"""Record a CHIA loop once, replay it on Ray without paying for the work again."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from chia_bypass.errors import (
    CannotKeep,
    CannotRebuild,
    ChiaBypassError,
    ClassRefused,
    CommandNotExecutable,
    CommandNotFound,
    ConfigError,
    Miss,
    NotPicklable,
    PickleRefused,
    RealRunRefused,
    RecordingAbsent,
    RecordingCorrupt,
    RecordingError,
    RecordingExists,
    RecordingLocked,
    RecordingTooNew,
    ServedFileMissing,
    ServedFileUnreadable,
    SourceMissing,
    UsageError,
    ValueProblem,
)

if TYPE_CHECKING:
    from chia_bypass.bypass.active import get_active_bypass
    from chia_bypass.bypass.runtime import Bypass
    from chia_bypass.function.calling import ChiaCallRemote
    from chia_bypass.function.decorator import ChiaFunction
    from chia_bypass.function.getting import get

__all__ = [
    "Bypass",
    "CannotKeep",
    "CannotRebuild",
    "ChiaBypassError",
    "ChiaCallRemote",
    "ChiaFunction",
    "ClassRefused",
    "CommandNotExecutable",
    "CommandNotFound",
    "ConfigError",
    "Miss",
    "NotPicklable",
    "PickleRefused",
    "RealRunRefused",
    "RecordingAbsent",
    "RecordingCorrupt",
    "RecordingError",
    "RecordingExists",
    "RecordingLocked",
    "RecordingTooNew",
    "ServedFileMissing",
    "ServedFileUnreadable",
    "SourceMissing",
    "UsageError",
    "ValueProblem",
    "get",
    "get_active_bypass",
]

_HOMES = {
    "Bypass": "chia_bypass.bypass.runtime",
    "get_active_bypass": "chia_bypass.bypass.active",
    "ChiaFunction": "chia_bypass.function.decorator",
    "ChiaCallRemote": "chia_bypass.function.calling",
    "get": "chia_bypass.function.getting",
}
"""Public name -> the module that defines it. Imported when the name is first asked for: they need
Ray, and a command line that prints its help does not."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
