"""What the YAML and the rules of a foreign recording must not do by themselves."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from chia_bypass.bypass.config import BypassConfig, Entry
from chia_bypass.errors import UsageError
from chia_bypass.names import named
from chia_bypass.options import RecordOptions, ReplayOptions
from chia_bypass.recording.records import Run
from chia_bypass.recording.redaction import Redaction

_NEW: Final = sys.version_info >= (3, 11)
sre: Any = importlib.import_module("re._parser" if _NEW else "sre_parse")
codes: Any = importlib.import_module("re._constants" if _NEW else "sre_constants")

_LONGEST: Final = 1000
"""Characters of a pattern."""
_REPEATS: Final = 3
"""Parts of a pattern that may each match any number of characters: more take too long."""
_BOUNDED: Final = 32
"""How often a part may be repeated and still count as bounded."""


def check_patterns(config: BypassConfig, folder: Path) -> None:
    """Refuse patterns of a foreign YAML that may never end. Raises UsageError."""
    for name, entry in config.entries.items():
        for pattern in entry.tags or ():
            if why := too_slow(pattern):
                raise UsageError(
                    f"the pattern {pattern!r} of {name} in {config.path} {why}, and the recording "
                    "is not yours",
                    f"Correct it, {_trust(folder)}",
                )


def check_real(config: BypassConfig, options: ReplayOptions, folder: Path) -> None:
    """Refuse what a foreign YAML lets run for real and nobody asked for. Raises UsageError."""
    for name, entry in config.entries.items():
        if _runs_for_real(entry) and not named(name, options.live):
            raise UsageError(
                f"{config.path} would run {name} for real, and the recording is not yours",
                f"Allow it with --live {name}, {_trust(folder)}",
            )


def _trust(folder: Path) -> str:
    return f"or trust the recording: chia-bypass trust {folder}"


def _runs_for_real(entry: Entry) -> bool:
    return not entry.bypass or entry.tags is not None


def recorded_rules(
    runs: Sequence[Run], folder: Path, *, foreign: bool, grows: bool
) -> RecordOptions:
    """The rules of --redact under which the arguments of this replay are compared.

    Those of a foreign recording are not run over the arguments of this user. Raises UsageError if
    calls would be added to such a recording, which its rules would have to clean.
    """
    rules = Redaction.of_runs(runs)
    if foreign and rules.rules:
        if grows:
            raise UsageError(
                f"{folder} has rules of --redact, and is not your recording",
                f"Trust it before you add to it: chia-bypass trust {folder}",
            )
        return RecordOptions()
    return rules.options


def too_slow(pattern: str) -> str:
    """Why matching a pattern may take for ever; empty: it cannot."""
    if len(pattern) > _LONGEST:
        return f"has more than {_LONGEST} characters"
    try:
        found = list(_operations(sre.parse(pattern), 0))
    except (re.error, RecursionError, OverflowError):
        return "is no regular expression"
    if any(level and repeats for repeats, level, _ in found):
        return "repeats a repetition"
    if any(odd for _, _, odd in found):
        return "repeats a choice, or looks at what it matched"
    if sum(repeats for repeats, _, _ in found) > _REPEATS:
        return f"has more than {_REPEATS} repetitions"
    return ""


def _operations(parsed: Any, level: int) -> Iterator[tuple[bool, int, bool]]:
    """Of each part: whether it repeats, inside how many repetitions, whether it looks back."""
    for code, argument in parsed:
        repeats = code in _REPEATING and argument[1] > _BOUNDED
        odd = code in _ODD or (code is codes.BRANCH and level > 0)
        yield repeats, level, odd
        inside = level + (code in _REPEATING and argument[1] > 1)
        for part in _parts(argument):
            yield from _operations(part, inside)


def _parts(argument: Any) -> Iterator[Any]:
    if isinstance(argument, sre.SubPattern):
        yield argument
    elif isinstance(argument, (list, tuple)):
        for item in argument:
            yield from _parts(item)


_REPEATING: Final = {
    code
    for name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")
    if (code := getattr(codes, name, None)) is not None
}
_ODD: Final = {codes.GROUPREF, codes.GROUPREF_EXISTS, codes.ASSERT, codes.ASSERT_NOT}
