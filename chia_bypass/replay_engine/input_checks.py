"""On the worker: whether what a call reads is what it read when it was recorded."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import cached_property, partial
from typing import Any, Final

from chia_bypass.engine import Invocation
from chia_bypass.inputs.compare import Writes, compare
from chia_bypass.inputs.digests import Trees
from chia_bypass.inputs.entries import Limits
from chia_bypass.inputs.findings import Inputs
from chia_bypass.inputs.observe import Look, look_at
from chia_bypass.inputs.paths import paths_in
from chia_bypass.recording.listings import add_writes, recorded
from chia_bypass.recording.records import UNSEEN, Blob, Result
from chia_bypass.replay_engine.answers import Answers
from chia_bypass.replay_engine.context import ReplayContext
from chia_bypass.values.digest import bind

MOST: Final = 200
"""Other recorded calls with the same arguments whose inputs are compared with what is here."""
_trees: Final = Trees()
"""What this process has read."""


def reads_something(result: Result) -> bool:
    """Whether the arguments of the recorded call named anything that was there."""
    return any(one.kind != UNSEEN for one in result.inputs)


class InputChecks:
    """Those of one process."""

    def __init__(self, context: ReplayContext, index: Answers) -> None:
        self._policy, self._source, self._index = context.policy, context.source, index

    def look(self, invocation: Invocation) -> Look:
        """What is now at the paths that the arguments name."""
        return look_at(paths_in(bind(*invocation.call)), _trees, Limits(*self._policy.limits))

    def compare(self, result: Result, now: Look, ignored: Sequence[str]) -> Inputs:
        """Hold what is there now against what ``result`` says was read.

        ``ignored``: globs of paths that need not be as they were. Raises RecordingCorrupt.
        """
        hide = partial(self._policy.redaction.shown, function=result.call.function)
        found = compare(
            recorded(result.inputs, self._read),
            now,
            lambda: self._writes,
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
