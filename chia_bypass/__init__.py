"""Record a CHIA loop once, replay it on Ray without paying for the work again.

PYTEST_DONT_REWRITE: under the hook this module is there before pytest, which would warn that it
cannot rewrite the asserts in it.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing's own would cost every Python start that the hook is in
if TYPE_CHECKING:
    from chia_bypass.blocks import record, replay
    from chia_bypass.bypass.runtime import Bypass, get_active_bypass
    from chia_bypass.errors import (
        CannotKeep,
        CannotRebuild,
        ChiaBypassError,
        ClassRefused,
        CommandNotExecutable,
        CommandNotFound,
        ConfigError,
        FaultInjected,
        Miss,
        NeverPlaced,
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
        Swallowed,
        UsageError,
        ValueProblem,
    )
    from chia_bypass.function.decorator import ChiaFunction
    from chia_bypass.function.getting import ChiaCallRemote, get

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
    "FaultInjected",
    "Miss",
    "NeverPlaced",
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
    "Swallowed",
    "UsageError",
    "ValueProblem",
    "get",
    "get_active_bypass",
    "record",
    "replay",
]

_DEFINED_IN = {
    "Bypass": "bypass.runtime",
    "get_active_bypass": "bypass.runtime",
    "ChiaFunction": "function.decorator",
    "ChiaCallRemote": "function.getting",
    "get": "function.getting",
    "record": "blocks",
    "replay": "blocks",
}
"""Public name -> the module that defines it, ``errors`` if it is not here. Imported when the name
is first asked for: this module is imported at every Python start that the hook is in, and most of
the names need Ray, which a command line that prints its help does not."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    module = importlib.import_module(f"{__name__}.{_DEFINED_IN.get(name, 'errors')}")
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
