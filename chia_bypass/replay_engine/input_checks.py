"""On the worker: whether what a call reads is what it read when it was recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase
from functools import cached_property, partial
from typing import Any, Final

from chia_bypass.engine import Invocation
from chia_bypass.inputs.compare import Comparison, Writes, alike, compare
from chia_bypass.inputs.entries import Limits
from chia_bypass.inputs.findings import Inputs
from chia_bypass.inputs.observe import Look, look_at, written
from chia_bypass.inputs.paths import Found, Named, may_name, paths_in
from chia_bypass.inputs.sources import PLACE
from chia_bypass.record_engine.noting import trees
from chia_bypass.recording.listings import add_writes, entry_of, recorded
from chia_bypass.recording.records import UNSEEN, Blob, Input, Result
from chia_bypass.replay_engine.answers import Aftermath, Answers
from chia_bypass.replay_engine.context import ReplayContext
from chia_bypass.replay_engine.events import Outcomes
from chia_bypass.values.digest import bind

MOST: Final = 200
"""Other recorded calls with the same arguments whose inputs are compared with what is here."""


def reads_something(result: Result) -> bool:
    """Whether the arguments of the recorded call named anything that was there."""
    return any(one.kind != UNSEEN for one in result.inputs)


class InputChecks:
    """Those of one process."""

    def __init__(self, context: ReplayContext, index: Answers, outcomes: Outcomes | None) -> None:
        self._policy, self._source, self._index = context.policy, context.source, index
        self._outcomes = outcomes

    def look(self, invocation: Invocation) -> Look:
        """What is now at the paths that the arguments name."""
        return look_at(paths_in(bind(*invocation.call)), trees, Limits(*self._policy.limits))

    @contextmanager
    def noting_writes(self, function: str, invocation: Invocation) -> Iterator[None]:
        """Inside, the call runs for real: note what it writes at the paths that it names.

        Who reads that afterwards is not answered as if it were what the recorded call wrote.
        """
        before = self._before(invocation)
        try:
            yield
        finally:
            if before is not None:
                with suppress(Exception):  # as when recording: the call goes on
                    self._note_writes(function, before, self.look(invocation))

    def _before(self, invocation: Invocation) -> Look | None:
        if self._outcomes is None or not self._policy.checks_inputs:
            return None
        if not (may_name(invocation.args) or may_name(invocation.kwargs.values())):
            return None
        with suppress(Exception):
            return self.look(invocation)
        return None

    def _note_writes(self, function: str, before: Look, after: Look) -> None:
        hide = partial(self._policy.redaction.shown, function=function)
        paths = [
            f"{hide(named.path)}/{hide(change.name)}" if change.name else hide(named.path)
            for named, changes in written(before, after)
            for change in changes
        ]
        if paths and self._outcomes is not None:
            self._outcomes.add_written(paths)

    def compare(self, result: Result, now: Look, ignored: Sequence[str]) -> Inputs:
        """Hold what is there now against what ``result`` says was read.

        ``ignored``: globs of paths that need not be as they were. Raises RecordingCorrupt.
        """
        found, unknown = self._compared(result, now, ignored)
        return Inputs(
            tuple(map(str, found.changed)),
            tuple(dict.fromkeys(one.place for one in found.changed)),
            len(found.absent),
            len(found.unchecked) + unknown,
        )

    def _compared(
        self, result: Result, now: Look, ignored: Sequence[str]
    ) -> tuple[Comparison, int]:
        """With how many files of its source nobody knows."""
        hide = partial(self._policy.redaction.shown, function=result.call.function)
        now, by_source, unknown = self._with_sources(result, now)
        named = (one for one in result.inputs if not one.place.startswith(PLACE))
        found = compare(
            recorded((*named, *by_source.values()), self._read),
            now,
            self._explaining,
            partial(_fits, ignored),
            hide,
        )
        return found, unknown

    def _with_sources(self, result: Result, now: Look) -> tuple[Look, Mapping[str, Input], int]:
        """``now``, and what is at the files that the source of the recorded call had named.

        With those of them that are to be compared: not those that are as a recorded run left them.
        What else a run changed after the call is not compared either, and counted: nobody knows by
        whom, or what the call would read.
        """
        inputs = {one.place: one for one in result.inputs if one.place.startswith(PLACE)}
        if not inputs:
            return now, inputs, 0
        moved = self._source.reading.moved
        paths = {
            place: one.path if moved is None else moved.places(one.path)[-1]
            for place, one in inputs.items()
        }
        named = [Named(place, path, inputs[place].given) for place, path in paths.items()]
        more = look_at(Found(tuple(named), cut=False), trees, Limits(*self._policy.limits))
        unknown = 0
        for place, entry in ((one.named.place, one.entry) for one in more.looked):
            if place not in inputs or alike(entry_of(inputs[place]), entry):
                continue
            after = self._aftermath
            if entry.state in after.left(inputs[place].path):
                del inputs[place]
            elif any(began < entry.changed / 1e9 < ended for began, ended in after.runs):
                del inputs[place]
                unknown += 1
        look = Look((*now.looked, *more.looked), (*now.absent, *more.absent), now.cut)
        return look, inputs, unknown

    @cached_property
    def _aftermath(self) -> Aftermath:
        return self._index.aftermath()

    def other(self, paths: Sequence[str], now: Look, ignored: Sequence[str]) -> Result | None:
        """The first of the recorded calls at ``paths`` that read just what is there now."""
        for path in paths:
            result = self._index.answer(path)
            if result is None or not reads_something(result):
                continue
            found, _ = self._compared(result, now, ignored)
            if not found.changed and not found.explained:
                return result
        return None

    def _explaining(self) -> Writes:
        written = frozenset[str]() if self._outcomes is None else self._outcomes.written()
        return self._writes.anew(written)

    @cached_property
    def _writes(self) -> Writes:
        """What calls of the recording wrote: nobody asks unless something differs."""
        writes = Writes()
        for wrote in self._index.writes():
            add_writes(writes, wrote, self._read)
        for path, changes in self._aftermath.by_calls.items():
            for before, after in changes:
                writes.add(path, before, after)
        for path, (found, left) in self._aftermath.by_drivers.items():
            writes.add_of_driver(path, found, left)
        return writes

    def _read(self, blob: Blob) -> Any:
        return self._source.read(blob)


def _fits(globs: Sequence[str], path: str) -> bool:
    return any(fnmatchcase(path, glob) or fnmatchcase(path, f"*/{glob}") for glob in globs)
