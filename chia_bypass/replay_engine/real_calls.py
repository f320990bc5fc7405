"""What travels with the calls of a replay that run for real, and what their references count as."""

from __future__ import annotations

from dataclasses import dataclass

from chia_bypass.identity import position
from chia_bypass.identity.producers import Producers
from chia_bypass.recording.records import Call
from chia_bypass.replay_engine.argument_checks import LIVE
from chia_bypass.replay_engine.decision import Asked
from chia_bypass.replay_engine.growth import Growth, Keep
from chia_bypass.replay_engine.matcher import Found, Missed
from chia_bypass.replay_engine.miss_reasons import MissReason
from chia_bypass.replay_engine.parents import RecordedParent

Nested = tuple[tuple[bytes, str, int], ...]
"""Object id, call and index of each reference inside the arguments of a call."""


@dataclass(frozen=True, slots=True)
class RealCall:
    """What the worker of a real call must know of it."""

    function: str
    tag: str | None
    path: str
    """Its path in this run."""
    recorded: str | None
    """The path that it has as a parent in the recording, if it was recorded."""
    after: bool
    """It is on the real side of a cut, and so is what it dispatches."""
    nested: Nested
    ran: frozenset[str]
    """Which of those calls ran for real."""
    keep: Keep | None
    """How it is recorded, if it is."""


class RealCalls:
    """The real calls that one process dispatches."""

    def __init__(self, producers: Producers, growth: Growth | None) -> None:
        self._producers, self.growth = producers, growth
        self.ran: set[str] = set()
        """What references count as whose call ran for real, or may have."""

    def named(
        self,
        asked: Asked,
        parent: position.Parent,
        known: RecordedParent,
        *,
        certain: bool = True,
        filtered: bool = False,
    ) -> tuple[RealCall, str]:
        """What goes with the call, and what its references count as.

        Not ``certain``: its worker decides whether it runs at all. ``filtered``: the YAML does not
        serve it, so that it is not recorded, either.
        """
        call, answer = asked.call, asked.answer
        below = known.kept or parent.path
        recorded: str | None
        if filtered and not isinstance(answer, Found):
            # A recording that left it out knows what it dispatched by its number alone.
            produced, keep, recorded = f"{LIVE}{call.path}", None, f"{below}/{call.number}"
        else:
            produced, keep = self._kept(call, answer, known, below, certain=certain)
            recorded = _recorded(answer, produced if keep is not None else None)
        references = {p for argument in call.arguments for p in argument.producers}
        real = RealCall(
            function=call.function,
            tag=call.tag,
            path=call.path,
            recorded=recorded,
            after=known.after,
            nested=self._producers.ids_of(references) if references else (),
            ran=frozenset(reference.call for reference in references) & self.ran,
            keep=keep,
        )
        self.ran.add(produced)
        return real, produced

    def _kept(
        self,
        call: Call,
        answer: Found | Missed,
        known: RecordedParent,
        below: str,
        *,
        certain: bool,
    ) -> tuple[str, Keep | None]:
        if self.growth is None:
            if isinstance(answer, Found):
                return answer.stored.result.call.path, None
            return f"{LIVE}{call.path}", None
        named = self.growth.named(call, answer, known, below)
        if certain:
            self.growth.dispatched(named)
        return named.path, self.growth.keep(named, answer)


def _recorded(answer: Found | Missed, kept: str | None) -> str | None:
    """The path that the call has as a parent in the recording.

    A new one has the path under which it is kept: a kill may have cost the note of its dispatch,
    and not the results of what it had dispatched.
    """
    if isinstance(answer, Found):
        return answer.stored.result.path
    if answer.reason is MissReason.UNFINISHED and answer.nearest is not None:
        return answer.nearest.path
    return kept
