"""Record a CHIA loop once, replay it on Ray without paying for the work again."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from chia_bypass.errors import (
    CannotKeep as CannotKeep,
    CannotRebuild as CannotRebuild,
    ChiaBypassError as ChiaBypassError,
    ClassRefused as ClassRefused,
    CommandNotExecutable as CommandNotExecutable,
    CommandNotFound as CommandNotFound,
    ConfigError as ConfigError,
    Miss as Miss,
    NotPicklable as NotPicklable,
    PickleRefused as PickleRefused,
    RealRunRefused as RealRunRefused,
    RecordingAbsent as RecordingAbsent,
    RecordingCorrupt as RecordingCorrupt,
    RecordingError as RecordingError,
    RecordingExists as RecordingExists,
    RecordingLocked as RecordingLocked,
    RecordingTooNew as RecordingTooNew,
    ServedFileMissing as ServedFileMissing,
    ServedFileUnreadable as ServedFileUnreadable,
    SourceMissing as SourceMissing,
    UsageError as UsageError,
    ValueProblem as ValueProblem,
)

if TYPE_CHECKING:
    from chia_bypass.bypass.active import get_active_bypass as get_active_bypass
    from chia_bypass.bypass.runtime import Bypass as Bypass
    from chia_bypass.function.calling import ChiaCallRemote as ChiaCallRemote
    from chia_bypass.function.decorator import ChiaFunction as ChiaFunction
    from chia_bypass.function.getting import get as get

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
