"""What became of the files that served calls had left when they were recorded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chia_bypass.errors import ChiaBypassError
from chia_bypass.inputs.digests import Trees
from chia_bypass.outputs.entries import LeftEntry, Trace
from chia_bypass.outputs.left_index import LeftIndex
from chia_bypass.outputs.states import state_at
from chia_bypass.outputs.tree_states import is_one_of
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.schema import Malformed
from chia_bypass.replay_engine.events import Event, Kind


@dataclass(frozen=True, slots=True)
class FilesPutBack:
    """Of all served calls of one replay."""

    count: int = 0
    """Files, links and folders that were made, changed or removed."""
    size: int = 0
    """Bytes of these."""
    later: int = 0
    """Left as recorded calls wrote them later."""
    conflicts: tuple[str, ...] = ()
    """Left as somebody else wrote them, as sentences."""
    missing: tuple[str, ...] = ()
    """What could not be put back, as sentences."""
    held_back: int = 0
    """What is not here as served calls had left it: nothing is put back in this replay."""
    example: str = ""
    """Path of one of these."""

    @property
    def not_put_back(self) -> tuple[str, ...]:
        """What is not as served calls had left it, and was not asked for, as sentences."""
        held = f"{self.held_back} files of served calls, such as {self.example}"
        return (*self.conflicts, *self.missing, *([held] if self.held_back else []))


def files_put_back(
    recording: Recording, events: Sequence[Event], served: Iterable[str], *, puts_back: bool
) -> FilesPutBack:
    """From the events of a replay, and the paths of the calls that it served."""
    if not puts_back:
        try:
            return _held_back(recording, served)
        except (ChiaBypassError, Malformed) as error:  # the replay is over: it is told
            return FilesPutBack(missing=(f"the files of served calls: {error}",))
    found = [event for event in events if event.kind is Kind.PUT_BACK]
    return FilesPutBack(
        sum(event.put_back for event in found),
        sum(event.put_back_bytes for event in found),
        sum(event.later for event in found),
        tuple(dict.fromkeys(text for event in found for text in event.conflicts)),
        tuple(dict.fromkeys(text for event in found for text in event.missing)),
    )


def _held_back(recording: Recording, served: Iterable[str]) -> FilesPutBack:
    index = LeftIndex(recording)
    if not index.results:
        return FilesPutBack()
    wanted: dict[str, LeftEntry] = {}
    for path in served:
        stored = recording.result(path)
        for one in () if stored is None else index.below(stored.result):
            root = one.left.root.rstrip("/")
            wanted.update({f"{root}/{entry.name}": entry for entry in index.entries(one.left)})
    trees = Trees()
    here = (str(recording.folder),)
    missing = [p for p, entry in wanted.items() if not _is_as_left(p, entry, trees, here)]
    return FilesPutBack(held_back=len(missing), example=next(iter(missing), ""))


def _is_as_left(path: str, entry: LeftEntry, trees: Trees, without: Sequence[str]) -> bool:
    if entry.trace is Trace.TREE:
        return is_one_of(path, (entry.digest,), without)
    return state_at(path, trees) == entry.state
