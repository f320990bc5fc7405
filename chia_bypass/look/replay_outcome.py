"""What a replay did, read from a file: JSON lines, or one JSON array, an object a call.

Of each object these fields count: ``kind`` (``served``, ``real``, ``missed``, ...), ``function``,
``tag``, ``recorded`` (path of the recorded call), ``drift`` (names of the arguments that differed)
and ``message``. They are those of `chia_bypass.replayer.outcomes.Event`.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chia_bypass.errors import UsageError


@dataclass(frozen=True, slots=True)
class ReplayedCall:
    """One call of a replay."""

    kind: str
    function: str
    tag: str | None
    recorded: str | None
    drift: tuple[str, ...]
    message: str


@dataclass(frozen=True, slots=True)
class ReplayOutcome:
    """All calls of a replay."""

    calls: tuple[ReplayedCall, ...]

    @property
    def counts(self) -> Counter[str]:
        """How many calls there are of each kind."""
        return Counter(call.kind for call in self.calls)

    @property
    def troubled(self) -> tuple[ReplayedCall, ...]:
        """Those that missed or drifted."""
        return tuple(call for call in self.calls if call.kind == "missed" or call.drift)


def read_outcome(path: Path) -> ReplayOutcome:
    """The outcome in a file. Raises UsageError."""
    try:
        text = path.read_text(encoding="utf-8")
        items = json.loads(text) if text.lstrip().startswith("[") else _lines(text)
        return ReplayOutcome(tuple(map(_call, items)))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        problem = f"{path} is no outcome of a replay: {type(error).__name__}: {error}"
        raise UsageError(
            problem, "It holds a JSON object a call: kind, function, tag, ..."
        ) from None


def _lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def _call(fields: dict[str, Any]) -> ReplayedCall:
    return ReplayedCall(
        kind=str(fields["kind"]),
        function=str(fields["function"]),
        tag=fields.get("tag"),
        recorded=fields.get("recorded"),
        drift=tuple(map(str, fields.get("drift", ()))),
        message=str(fields.get("message", "")),
    )
