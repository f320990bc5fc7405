"""On the worker: what a call reads and writes at the paths that its arguments name, as records."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Final, NamedTuple

from chia_bypass.engine import Invocation
from chia_bypass.inputs.digests import Trees
from chia_bypass.inputs.entries import Entry, Kind, Limits
from chia_bypass.inputs.observe import Change, Look, look_at, written
from chia_bypass.inputs.paths import Found, Named, may_name, paths_in
from chia_bypass.record_engine.engine import RecordEngine
from chia_bypass.recording.listings import (
    NO_LISTING,
    Hide,
    Listing,
    changes_listing,
    input_of,
    tree_listing,
    written_of,
)
from chia_bypass.recording.records import UNSEEN, Input, Outcome, Written
from chia_bypass.recording.redaction import Redaction
from chia_bypass.values.digest import bind
from chia_bypass.values.encode import Buffer

_LISTINGS: Final = 8
"""Large listings that are remembered, for calls that read the same tree again."""
trees: Final = Trees()
"""What this process has read."""


class Noted(NamedTuple):
    """For the record of one result."""

    inputs: tuple[Input, ...] = ()
    wrote: tuple[Written, ...] = ()
    buffers: tuple[Buffer, ...] = ()
    """What these name."""


NOTHING_NOTED: Final = Noted()
UNSEEN_INPUT: Final = Input("", "", UNSEEN, partial=True)


def begin_noting(engine: RecordEngine, function: str, invocation: Invocation) -> Noting | None:
    """Look at what the arguments name, before the function can change it; None: nothing.

    Never raises: the call goes on, whatever ails its arguments or the disk.
    """
    if not (may_name(invocation.args) or may_name(invocation.kwargs.values())):
        return None
    options = engine.context.session.record
    if options.inputs == "none":
        return None
    try:
        found = paths_in(bind(*invocation.call))
        if not found.named and not found.cut:
            return None
        scope = _Scope(
            Limits(*options.inputs_limits), recording_of(engine.context.session.recording)
        )
        return Noting(engine.redaction, function, found, scope)
    except Exception:  # what is no path after all, to the operating system
        return None


@lru_cache(maxsize=8)
def recording_of(folder: str) -> Collection[tuple[int, int]]:
    """The recording that is being written, which no call reads, by device and inode."""
    try:
        found = Path(folder).stat()
    except OSError:  # on another machine
        return ()
    return frozenset({(found.st_dev, found.st_ino)})


class _Scope(NamedTuple):
    """What is looked at."""

    limits: Limits
    without: Collection[tuple[int, int]]
    """Folders, by device and inode."""


class Noting:
    """Notes of one call."""

    def __init__(self, redaction: Redaction, function: str, found: Found, scope: _Scope) -> None:
        self._hide: Hide = partial(redaction.shown, function=function)
        self._rules = redaction.redactor(function) is not None
        self._found, self._scope = found, scope
        self.wrote: list[tuple[Named, tuple[Change, ...]]] = []
        """What changed at each path, once the call has ended."""
        self._before = self._look()

    def _look(self) -> Look:
        return look_at(self._found, trees, *self._scope)

    def ended(self, outcome: Outcome) -> Noted:
        """What the call read, and what it wrote; of one that was cancelled only the former."""
        buffers: list[Buffer] = []
        try:
            inputs = tuple(self._inputs(buffers))
            wrote = () if outcome is Outcome.CANCELLED else tuple(self._wrote(buffers))
        except Exception:  # the result is worth more than what is noted beside it
            return Noted((UNSEEN_INPUT,))
        return Noted(inputs, wrote, tuple(buffers))

    def _inputs(self, buffers: list[Buffer]) -> Iterator[Input]:
        for looked in self._before.looked:
            listing = self._listing(looked.entry)
            _add(buffers, listing)
            yield input_of(looked, listing, self._hide)
        if self._before.cut:
            yield UNSEEN_INPUT

    def _wrote(self, buffers: list[Buffer]) -> Iterator[Written]:
        self.wrote = list(written(self._before, self._look()))
        for named, changes in self.wrote:
            listing = changes_listing(changes, self._hide)
            _add(buffers, listing)
            yield written_of(named, len(changes), listing, self._hide)

    def _listing(self, entry: Entry) -> Listing:
        if entry.kind is not Kind.DIRECTORY:
            return NO_LISTING
        if self._rules:  # they differ from function to function
            return tree_listing(entry, self._hide)
        found = _listings.pop(entry, None) or tree_listing(entry, self._hide)
        if found.blob is not None:
            _listings[entry] = found
            if len(_listings) > _LISTINGS:
                _listings.pop(next(iter(_listings)), None)
        return found


_listings: OrderedDict[Entry, Listing] = OrderedDict()
"""Of folders, which are the same objects as long as they are as they were."""


def _add(buffers: list[Buffer], listing: Listing) -> None:
    buffer = listing.buffer
    if buffer is not None and all(other.digest != buffer.digest for other in buffers):
        buffers.append(buffer)
