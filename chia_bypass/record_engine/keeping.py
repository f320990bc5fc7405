"""On the worker: the files that a call leaves, kept with its result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from chia_bypass.names import named
from chia_bypass.options import FunctionFiles
from chia_bypass.outputs import snapshots, touched, tree_states
from chia_bypass.outputs.keep import NOTHING_KEPT, Kept, Rules, keep
from chia_bypass.outputs.snapshots import Snapshot
from chia_bypass.outputs.touched import Touches
from chia_bypass.record_engine.engine import RecordEngine
from chia_bypass.record_engine.noting import Noting, recording_of, trees
from chia_bypass.recording.records import Outcome


class _Watched(NamedTuple):
    """A folder that the user declared, as it was before the call."""

    declared: FunctionFiles
    before: Snapshot


class Keeping:
    """The files of one call. Made before its body runs."""

    def __init__(self, engine: RecordEngine, function: str) -> None:
        self._engine, self._function = engine, function
        recording = engine.context.session.recording
        self._without = recording_of(recording)
        declared = [one for one in _declared(engine) if named(function, (one.function,))]
        self._watched = [
            _Watched(one, self._look(_folder(one), one)) for one in declared if not one.state
        ]
        self._trees = [
            tree_states.look(one.state, _folder(one), (recording,)) for one in declared if one.state
        ]
        self._since = touched.now()

    def _look(self, root: str, declared: FunctionFiles) -> Snapshot:
        wanted = snapshots.patterns(declared.globs)
        return snapshots.take(root, wanted, trees, self._without)

    def ended(self, outcome: Outcome, value: object, noting: Noting | None) -> Kept:
        """What the call left. Raises OSError where the recording cannot be written."""
        if outcome is Outcome.CANCELLED:
            return NOTHING_KEPT
        touches = Touches(self._without)
        for declared, before in self._watched:
            self._compare(touches, declared, before)
        options = self._engine.context.session.record
        if noting is not None:
            touches.add_arguments(noting.wrote, self._since)
        if outcome is Outcome.VALUE:
            touches.add_value(value, self._since, options.inputs_limits[0])
        if not touches.by_root and not self._trees:
            return NOTHING_KEPT
        redaction = self._engine.redaction
        rules = Rules(
            options.files_bytes,
            self._engine.sink.store,
            partial(redaction.shown, function=self._function),
            redaction.redactor(self._function),
        )
        trees = [tree_states.keep(tree, rules) for tree in self._trees]
        files, buffers = keep(touches, rules)
        return Kept(  # a tree is put back before what else was left in it
            (*(left for left, _ in trees), *files),
            (*(buffer for _, inner in trees for buffer in inner), *buffers),
        )

    def _compare(self, touches: Touches, declared: FunctionFiles, before: Snapshot) -> None:
        wanted = snapshots.patterns(declared.globs)
        after = snapshots.after(before, wanted, trees, self._without)
        found = snapshots.touched(before, after, wanted, delete=declared.delete)
        touches.declare(before.root, replace(found, limit=declared.limit))


def begin_keeping(engine: RecordEngine, function: str) -> Keeping | None:
    """Look at what a call may change, before it does; None: nothing is kept.

    Never raises: the call goes on, whatever ails its folders.
    """
    if not engine.context.session.record.files_bytes:
        return None
    try:
        return Keeping(engine, function)
    except Exception:  # the working directory is gone, a file system that answers nonsense
        return None


def _declared(engine: RecordEngine) -> Sequence[FunctionFiles]:
    session = engine.context.session
    given = session.record.files
    return (*map(FunctionFiles.of, given), *session.declared) if given else session.declared


def _folder(declared: FunctionFiles) -> str:
    """Absolute, links resolved: there the files are put back."""
    return str((Path.cwd() / (declared.root or ".")).resolve())
