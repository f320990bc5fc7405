"""What a replay did, as ``chia-bypass replay --report FILE`` writes it and ``report`` reads it.

The file is one JSON object: ``format`` and ``version`` (below), the fields of `ReplayOutcome`
under their names, and what follows from them, for scripts that only look: ``final_line``;
``totals``, with a number for each kind of call, ``drifted`` and ``unused``; ``functions``, with a
number for each kind by function. A later file of version 1 may have more fields, and has all of
these.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from chia_bypass.errors import UsageError
from chia_bypass.wording import seconds

FORMAT: Final = "chia-bypass replay"
VERSION: Final = 1

KINDS: Final = ("served", "real", "missed", "bypassed", "in place", "faulted")
"""What can happen to a call: answered from the recording, run for real, refused because nothing
answers it, served by the loop's own Bypass, run without Ray, broken by ``--fault``."""


@dataclass(frozen=True, slots=True)
class ReplayedCall:
    """One call of a replay."""

    kind: str
    """One of KINDS."""
    function: str
    """Module and qualified name; for a miss, also a placement group or actor that was refused."""
    tag: str | None = None
    recorded: str | None = None
    """Path of the recorded call that it is."""
    drift: tuple[str, ...] = ()
    """Arguments that differ from the recorded ones, although it was served."""
    message: str = ""
    """Of a miss: all of what was said. Of one that was faulted: the rule."""
    reason: str = ""
    """Why it missed, ``recorded under other arguments``, or why it ran for real."""
    nearest: str | None = None
    """Of a miss: path of the recorded call that comes closest."""
    remedy: str = ""
    """Of a miss: what would accept it."""
    path: str = ""
    """Its own path in this run; empty where it has none."""
    source_changed: bool = False
    """Whether the source of its function, or of what that uses, is not the recorded one."""


@dataclass(frozen=True, slots=True)
class UnusedCall:
    """A recorded call that nobody asked for."""

    path: str
    function: str
    tag: str | None


@dataclass(frozen=True, slots=True)
class ReplayOutcome:
    """All that one replay did."""

    recording: str
    """Absolute path of the folder."""
    calls: tuple[ReplayedCall, ...]
    """By process, and in the order in which it made them; the same miss at most 100 times each."""
    unused: tuple[UnusedCall, ...] = ()
    """Without those below a call that was served."""
    redacted: tuple[str, ...] = ()
    """Paths of calls that were served without what the recording hides."""
    saved_seconds: float = 0.0
    """Recorded work, children in their parents, that was not done again."""
    entered: bool = True
    """Whether the replay got into a Python process of the command at all."""
    command: tuple[str, ...] = ()
    """What was replayed; empty for a block of Python."""
    command_status: int | None = None
    """Exit status of the command; None: it was not started, or is a block of Python."""
    exit_status: int = 0
    """That of chia-bypass: 20 to 24 say how the replay deviated, others are the command's own."""
    spoiled: tuple[str, ...] = ()
    """Why results were not added to the recording that the loop has seen."""
    error: str = ""
    """Why chia-bypass itself gave up, if it did."""
    not_checked: Mapping[str, int] = field(default_factory=dict)
    """What the replay could not find out, and how often."""
    put_back: int = 0
    """Files, links and folders that are as served calls had left them, since they were put back."""
    not_put_back: tuple[str, ...] = ()
    """Those that were not, as sentences."""

    def __repr__(self) -> str:
        """Short, for a notebook: the fields of a long loop fill its page."""
        return f"<{type(self).__name__}: {self.final_line}>"

    @property
    def counts(self) -> Counter[str]:
        """How many calls there are of each kind."""
        return Counter(call.kind for call in self.calls)

    @property
    def missed(self) -> tuple[ReplayedCall, ...]:
        """Those that nothing answered."""
        return tuple(call for call in self.calls if call.kind == "missed")

    @property
    def drifted(self) -> tuple[ReplayedCall, ...]:
        """Those that were served although their arguments differ from the recorded ones."""
        return tuple(call for call in self.calls if call.drift)

    @property
    def troubled(self) -> tuple[ReplayedCall, ...]:
        """Those that missed, drifted, or were broken."""
        kinds = ("missed", "faulted")
        return tuple(call for call in self.calls if call.kind in kinds or call.drift)

    @property
    def final_line(self) -> str:
        """All in one line."""
        return final_line(
            served=self.counts["served"],
            real=self.counts["real"],
            missed=self.counts["missed"],
            unused=len(self.unused),
            saved_seconds=self.saved_seconds,
        )

    def to_json(self) -> str:
        """The text of the file."""
        functions: dict[str, Counter[str]] = {}
        for call in self.calls:
            functions.setdefault(call.function, Counter())[call.kind] += 1
        content = {
            "format": FORMAT,
            "version": VERSION,
            "final_line": self.final_line,
            "totals": {
                **_numbers(self.counts),
                "drifted": len(self.drifted),
                "unused": len(self.unused),
            },
            "functions": {name: _numbers(functions[name]) for name in sorted(functions)},
            **asdict(self),
        }
        return json.dumps(content, indent=1) + "\n"


def final_line(*, served: int, real: int, missed: int, unused: int, saved_seconds: float) -> str:
    """``312 replayed · 0 real · 0 missed · 4 unused · saved 3 h 12 min``."""
    return (
        f"{served} replayed · {real} real · {missed} missed · {unused} unused · "
        f"saved {seconds(saved_seconds)}"
    )


def _numbers(counts: Mapping[str, int]) -> dict[str, int]:
    return {kind: counts.get(kind, 0) for kind in KINDS}


def read_outcome(path: Path) -> ReplayOutcome:
    """The outcome in a file. Raises UsageError."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError(f"its format is {content['format']!r}")
        if content["version"] > VERSION:
            raise UsageError(
                f"{path} was written by a newer chia-bypass (version {content['version']})",
                "Update chia-bypass",
            )
        return _outcome(content)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        problem = f"{path} is no outcome of a replay: {type(error).__name__}: {error}"
        raise UsageError(problem, "Write one with: chia-bypass replay --report FILE") from None


def _outcome(content: Mapping[str, Any]) -> ReplayOutcome:
    return ReplayOutcome(
        recording=content["recording"],
        calls=tuple(map(_call, content["calls"])),
        unused=tuple(UnusedCall(c["path"], c["function"], c["tag"]) for c in content["unused"]),
        redacted=tuple(content["redacted"]),
        saved_seconds=float(content["saved_seconds"]),
        entered=content["entered"],
        command=tuple(content["command"]),
        command_status=content["command_status"],
        exit_status=content["exit_status"],
        spoiled=tuple(content["spoiled"]),
        error=content["error"],
        not_checked={str(what): int(n) for what, n in content.get("not_checked", {}).items()},
        put_back=int(content.get("put_back", 0)),
        not_put_back=tuple(content.get("not_put_back", ())),
    )


def _call(fields: Mapping[str, Any]) -> ReplayedCall:
    return ReplayedCall(
        kind=str(fields["kind"]),
        function=str(fields["function"]),
        tag=fields["tag"],
        recorded=fields["recorded"],
        drift=tuple(map(str, fields["drift"])),
        message=str(fields["message"]),
        reason=str(fields["reason"]),
        nearest=fields["nearest"],
        remedy=str(fields["remedy"]),
        path=str(fields["path"]),
        source_changed=bool(fields["source_changed"]),
    )
