"""Which calls are captured: all, unless the user narrows it."""

from __future__ import annotations

from dataclasses import dataclass

from chia_bypass.names import named, tag_fits
from chia_bypass.options import RecordOptions
from chia_bypass.recording.records import Call


@dataclass(frozen=True, slots=True)
class Filters:
    """``--tagged-only``, ``--function`` and ``--tag`` of ``record``."""

    tagged_only: bool = False
    functions: tuple[str, ...] = ()
    """Globs of functions; none: all functions."""
    tags: tuple[str, ...] = ()
    """Regexes that match a whole tag; none: all calls."""

    @staticmethod
    def of(options: RecordOptions) -> Filters:
        """From what a user said."""
        return Filters(options.tagged_only, tuple(options.function), tuple(options.tag))

    def accept(self, call: Call) -> bool:
        """Whether ``call`` is to be captured."""
        if self.tagged_only and call.tag is None:
            return False
        if self.functions and not named(call.function, self.functions):
            return False
        return not self.tags or tag_fits(call.tag, self.tags)
