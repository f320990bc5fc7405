"""What a replay did: how its calls went, what was not asked for, and its exit status."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from chia_bypass.control.drift_causes import Cause, causes
from chia_bypass.control.files_put_back import FilesPutBack, files_put_back
from chia_bypass.exit_status import ExitStatus
from chia_bypass.look.analysis.replay_outcome import final_line
from chia_bypass.loop_files.compare import LoopState
from chia_bypass.names import short_name
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import Call, Outcome
from chia_bypass.replay_engine.events import Event, Kind
from chia_bypass.replay_engine.miss_reasons import MissReason

_NO_CALLS: Final = frozenset(
    {Kind.OUT_OF_ORDER, Kind.PUT_BACK, Kind.MADE_AGAIN, Kind.UNCHECKED, Kind.COMPARED}
)
"""Events about calls, or about what the loop did, that tell of no call how it went."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay did."""

    recording: Recording
    events: tuple[Event, ...]
    entered: bool
    """Whether we got into a Python process of the command at all."""
    spoiled: tuple[str, ...] = ()
    """Why results were not added that the loop has seen."""
    puts_back: bool = True
    """Whether files that served calls had left were put back at all."""
    loop: LoopState = field(default_factory=LoopState)
    """How the files were that the loop itself reads."""

    def __repr__(self) -> str:
        """Short, for a notebook: the fields of a long loop fill its page."""
        return f"<{type(self).__name__}: {self.final_line}>"

    @property
    def final_line(self) -> str:
        """All in one line."""
        return final_line(
            served=self.count(Kind.SERVED),
            real=self.count(Kind.REAL),
            missed=self.count(Kind.MISSED),
            unused=len(self.unused),
            saved_seconds=self.saved,
        )

    def count(self, kind: Kind) -> int:
        """How many calls went that way."""
        return sum(event.kind is kind for event in self.events)

    @property
    def served(self) -> Counter[str]:
        """How often each recorded call was served, by path."""
        return Counter(e.recorded for e in self.events if e.kind is Kind.SERVED and e.recorded)

    @property
    def unused(self) -> tuple[Call, ...]:
        """Recorded calls that were not asked for, without those that served calls had made.

        Those are the calls below a served one, below one that was still to be compared, or below
        one that a fault broke, and what a plain actor or task dispatched while a served call was
        running: it may have been asked to, by that call.
        """
        left = {e.recorded for e in self.events if e.kind in (Kind.COMPARED, Kind.FAULTED)}
        answered = {*self.served, *left}
        asked_for = {event.recorded for event in self.events}
        index = self.recording.index
        unused = (
            path
            for path in index.paths
            if path not in asked_for
            and index.has_answer(path)
            and not any(parent in answered for parent in _ancestors(path))
        )
        calls = [self.recording.contents.calls[path] for path in unused]
        ran = self._served_times() if any(map(_by_plain_process, calls)) else ()
        return tuple(
            call
            for call in calls
            if not (_by_plain_process(call) and any(a <= call.dispatched <= b for a, b in ran))
        )

    def _served_times(self) -> tuple[tuple[float, float], ...]:
        """When each of the served calls ran as it was recorded: from, until, in Unix seconds."""
        stored = filter(None, map(self.recording.result, self.served))
        return tuple((s.result.started, s.result.finished) for s in stored)

    @property
    def saved(self) -> float:
        """Seconds of recorded work, children in their parents, that was not done again."""
        seconds = 0.0
        index = self.recording.index
        for path, times in self.served.items():
            number = index.number_of.get(path)
            position = None if number is None else index.newest(number)
            seconds += 0.0 if position is None else index.columns["seconds"][position] * times
        return seconds

    @property
    def drifted(self) -> tuple[Event, ...]:
        """Calls that were served although their arguments differ from the recorded ones."""
        return tuple(event for event in self.events if event.drift)

    @property
    def redacted(self) -> tuple[Call, ...]:
        """Calls whose results were served without what the rules of the recording hide."""
        if not any(run.redact for run in self.recording.contents.runs):
            return ()
        stored = filter(None, map(self.recording.result, self.served))
        return tuple(s.result.call for s in stored if s.result.redacted)

    @property
    def causes(self) -> tuple[Cause, ...]:
        """What set off drift, and real calls with other arguments than the recorded ones."""
        events = (event for event in self.events if event.kind is not Kind.MISSED)
        return causes(tuple(events))

    @property
    def reached_end(self) -> bool:
        """Whether a recording that was cut off was served to its end, and the loop went on."""
        contents = self.recording.contents
        if self.recording.complete and contents.closed[-1].status == 0:
            return False
        reasons = {event.reason for event in self.events if event.kind is Kind.MISSED}
        beyond = {MissReason.NEVER_RECORDED, MissReason.EXHAUSTED, MissReason.OTHER_ARGUMENTS}
        cut_off = MissReason.UNFINISHED.value
        at_end = cut_off in reasons or not self.unused
        return bool(reasons) and at_end and reasons <= {cut_off, *(r.value for r in beyond)}

    def exit_status(self, status: int, *, strict: bool = False) -> int:
        """Ours, for a command that ended with ``status``: its own failure wins, unless it missed.

        ``strict``: drift and unused recordings count, too.
        """
        if self.misses:
            reasons = {e.reason for e in self.events if e.kind is Kind.MISSED}
            if strict and (self.loop.changed or reasons == {MissReason.OTHER_INPUTS.value}):
                return ExitStatus.DRIFTED
            if self.reached_end:
                return ExitStatus.INCOMPLETE
            stale = MissReason.STALE.value in reasons
            return ExitStatus.STALE if stale else ExitStatus.MISSED
        if status:
            return status
        if self.spoiled:
            return ExitStatus.SPOILED
        drifted = self.loop.changed or self.drifted or self.changed_sources or self.out_of_order
        if strict and (drifted or self.files.conflicts):
            return ExitStatus.DRIFTED
        # What a loop does not come to since a call broke is a consequence of the fault.
        unused = strict and self.unused and not self.faulted
        return ExitStatus.UNUSED if unused else ExitStatus.OK

    @property
    def faulted(self) -> tuple[Event, ...]:
        """The dispatches that a fault broke."""
        return tuple(event for event in self.events if event.kind is Kind.FAULTED)

    @property
    def faults(self) -> tuple[str, ...]:
        """Each call that broke, and how it went on, as words."""
        broken: dict[str, list[Event]] = {}
        for event in self.faulted:
            broken.setdefault(event.recorded or event.path, []).append(event)
        return tuple(
            f"{short_name(all_[0].function)} at {path} by {all_[0].message}, "
            + self._went_on(path, all_)
            for path, all_ in broken.items()
        )

    def _went_on(self, path: str, broken: Sequence[Event]) -> str:
        if broken[-1].recovered:
            return "recovered by Ray"
        return "recovered by the loop" if path in self.served else "not made again"

    @property
    def changed_sources(self) -> tuple[str, ...]:
        """Functions that were served although their source, or that of what they use, is not the
        recorded one."""
        found = (e.function for e in self.events if e.source_changed and e.kind is Kind.SERVED)
        return tuple(dict.fromkeys(found))

    @property
    def out_of_order(self) -> tuple[str, ...]:
        """Which calls did not come in the recorded order."""
        return tuple(e.message for e in self.events if e.kind is Kind.OUT_OF_ORDER)

    @property
    def changed_inputs(self) -> tuple[str, ...]:
        """What served and real calls read that is not as it was, each once."""
        found = (text for e in self.events if e.kind is not Kind.MISSED for text in e.changed)
        return tuple(dict.fromkeys(found))

    @property
    def not_checked(self) -> Mapping[str, int]:
        """What this replay could not find out, and how often."""
        counts = {
            "inputs that are not here": sum(e.absent for e in self.events) + self.loop.absent,
            "inputs beyond --inputs-limit": sum(event.unchecked for event in self.events),
            "values that count by their type alone": sum(event.unseen for event in self.events),
            "calls that had not ended": sum(map(self._is_left, self.events)),
        }
        told = Counter(e.message for e in self.events if e.kind is Kind.UNCHECKED)
        counts.update(sorted(told.items()))
        return {what: times for what, times in counts.items() if times}

    def _is_left(self, event: Event) -> bool:
        """Whether it tells of a call that its worker had not compared when the loop ended."""
        if event.kind is not Kind.COMPARED or event.recorded is None:
            return False
        stored = self.recording.result(event.recorded)
        return stored is not None and stored.result.outcome is not Outcome.CANCELLED

    @property
    def made_again(self) -> Mapping[str, int]:
        """Methods of actors that served calls had called, and how often they were called again."""
        return Counter(e.function for e in self.events if e.kind is Kind.MADE_AGAIN)

    @property
    def files(self) -> FilesPutBack:
        """What became of the files that served calls had left."""
        return files_put_back(self.recording, self.events, self.served, puts_back=self.puts_back)

    @property
    def misses(self) -> tuple[str, ...]:
        """The messages of the misses, each once."""
        found = (event.message for event in self.events if event.kind is Kind.MISSED)
        return tuple(dict.fromkeys(found))


def _by_plain_process(call: Call) -> bool:
    """Whether a plain actor or task dispatched it, not the driver and not another call."""
    _, _, dispatcher = call.parent.rpartition("/")
    return "/" in call.parent and not dispatcher.partition("@")[0].isdecimal()


def _ancestors(path: str) -> list[str]:
    parts = [part.partition("@")[0] for part in path.split("/")]
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


def totals(events_: Sequence[Event]) -> Mapping[str, Counter[Kind]]:
    """Per function, how many calls went which way."""
    found: dict[str, Counter[Kind]] = {}
    for event in events_:
        if event.kind in _NO_CALLS:
            continue
        found.setdefault(event.function, Counter())[event.kind] += 1
    return found
