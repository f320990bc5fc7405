"""On the worker: whether what a call reads is what it read when it was recorded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase
from functools import cached_property, partial
from typing import Any, Final

from chia_bypass.engine import Invocation
from chia_bypass.inputs.compare import Writes, compare
from chia_bypass.inputs.entries import Limits
from chia_bypass.inputs.findings import Inputs
from chia_bypass.inputs.observe import Look, look_at, written
from chia_bypass.inputs.paths import may_name, paths_in
from chia_bypass.record_engine.noting import trees
from chia_bypass.recording.listings import add_writes, recorded
from chia_bypass.recording.records import UNSEEN, Blob, Result
from chia_bypass.replay_engine.answers import Answers
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
        hide = partial(self._policy.redaction.shown, function=result.call.function)
        found = compare(
            recorded(result.inputs, self._read),
            now,
            self._explaining,
            partial(_fits, ignored),
            hide,
        )
        return Inputs(
            tuple(map(str, found.changed)),
            tuple(dict.fromkeys(one.place for one in found.changed)),
            len(found.absent),
            len(found.unchecked),
        )

    def other(self, paths: Sequence[str], now: Look, ignored: Sequence[str]) -> Result | None:
        """The first of the recorded calls at ``paths`` that read just what is there now."""
        for path in paths:
            result = self._index.answer(path)
            if result is None or not reads_something(result):
                continue
            if not self.compare(result, now, ignored).changed:
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
        return writes

    def _read(self, blob: Blob) -> Any:
        return self._source.read(blob)


def _fits(globs: Sequence[str], path: str) -> bool:
    return any(fnmatchcase(path, glob) or fnmatchcase(path, f"*/{glob}") for glob in globs)
