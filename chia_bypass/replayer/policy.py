"""What a replay may do, as its options and the YAML say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chia_bypass.bypass.config import Entry, Match, Repeats
from chia_bypass.recording.redaction import NO_RULES, Redaction
from chia_bypass.replayer.matching import Rule


@dataclass(frozen=True, slots=True)
class Policy:
    """The options of one replay."""

    strict: bool = False
    """``--args strict``: tagged calls, too, must have the recorded arguments."""
    match: Match | None = None
    """``--match``: for all functions, over the YAML."""
    live: tuple[str, ...] = ()
    """``--live``: globs of functions that run for real."""
    allow_local: tuple[str, ...] = ()
    """``--allow-local``: globs of functions that may run for real on invented resources."""
    allow_import: tuple[str, ...] = ()
    """``--allow-import``: modules that may be imported to rebuild values."""
    allow_pickle: bool = False
    """``--allow-pickle``: unpickle what was kept as pickle, which runs code of the recording."""
    closed: bool = True
    """A function that the YAML does not list is a miss; False: it runs for real, as the
    bypass runtime by itself has it."""

    redaction: Redaction = NO_RULES
    """The rules under which the calls were recorded: their digests know nothing else."""

    @staticmethod
    def of(options: Mapping[str, Any]) -> Policy:
        """From the options of a session."""
        match = options.get("match")
        return Policy(
            strict=options.get("args") == "strict",
            match=None if match is None else Match(match),
            live=tuple(options.get("live", ())),
            allow_local=tuple(options.get("allow_local", ())),
            allow_import=tuple(options.get("allow_import", ())),
            allow_pickle=bool(options.get("allow_pickle", False)),
            redaction=Redaction.of(options),
        )

    def rule(self, entry: Entry | None) -> Rule:
        """How the calls of the function with this entry are matched."""
        entry = entry or Entry()
        return Rule(
            match=self.match or entry.match or Match.ARGUMENTS,
            ignored=frozenset(entry.ignore_args),
            repeats_last=entry.repeats is Repeats.LAST,
            strict=self.strict,
            was=entry.was,
        )


def serves(entry: Entry, tag: str | None) -> bool:
    """Whether the YAML wants a call with this tag served: by its flag and its tag patterns."""
    if not entry.bypass:
        return False
    if entry.tags is None:
        return True
    return tag is not None and any(re.fullmatch(pattern, tag) for pattern in entry.tags)
