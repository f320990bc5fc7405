"""On the worker: files of a served call are put back, and what became of them is noted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from chia_bypass.inputs.digests import Trees
from chia_bypass.outputs.restore import LeftBy, PastState, PutBack, put_back
from chia_bypass.recording.layout import blob_path
from chia_bypass.recording.records import Blob
from chia_bypass.recording.schema import given
from chia_bypass.replay_engine.answers import Answers, Index, Reading
from chia_bypass.replay_engine.events import Event, Keeper, Kind, Log
from chia_bypass.replay_engine.shared_state import Kind as State
from chia_bypass.replay_engine.shared_state import named_state

if TYPE_CHECKING:
    from chia_bypass.replay_engine.server import RemoteServer

_NAMED: Final = 20
"""Files that an event names of each kind."""
_trees: Final = Trees()
"""What this process has read."""


class Source(Protocol):
    """Where the recording is: `provider.Source`."""

    @property
    def folder(self) -> str: ...
    @property
    def control(self) -> str: ...
    @property
    def reading(self) -> Reading: ...
    def __hash__(self) -> int: ...
    def is_here(self) -> bool: ...
    def server(self) -> RemoteServer: ...
    def read(self, blob: Blob) -> memoryview: ...


def restore(files: Sequence[LeftBy], source: Source) -> PutBack:
    """Put back what calls had left, the one that is served as the last of them, and note it."""
    contents = _Contents(source, here=source.is_here())
    done = put_back(files, contents, contents.past, _trees, (source.folder,))
    if source.control:
        noted = Event(
            Kind.PUT_BACK,
            "",
            recorded=files[-1].call,
            put_back=done.written,
            put_back_bytes=done.size,
            later=done.later,
            conflicts=_some(done.conflicts),
            missing=_some(done.absent),
        )
        _keeper(source).append([json.dumps(given(noted)).encode() + b"\n"])
        for state, cause in done.lost.items():  # a real call must not meet it
            _keeper(source).claim(named_state(state), f"{State.LOST.value} {cause}")
    return done


def _some(sentences: Sequence[str]) -> tuple[str, ...]:
    more = len(sentences) - _NAMED
    return (*sentences[:_NAMED], *([f"{more} more"] if more > 0 else []))


@dataclass(frozen=True, slots=True)
class _Contents:
    """What this process can read of the recording."""

    source: Source
    here: bool

    def read(self, blob: Blob) -> memoryview:
        return self.source.read(blob)

    def file(self, blob: Blob) -> Path | None:
        return blob_path(Path(self.source.folder), blob.digest) if self.here else None

    def past(self, path: str) -> Sequence[PastState]:
        return _answers(self.source).past(path)


@lru_cache(maxsize=8)
def _answers(source: Source) -> Answers:
    """Asked only where what is there is not what was expected."""
    if source.is_here():
        return Index.open(Path(source.folder), source.reading)
    return source.server()


@lru_cache(maxsize=8)
def _keeper(source: Source) -> Keeper:
    return Log(Path(source.control)) if source.is_here() else source.server()
