"""Before a replay: is what the loop reads what it read then?"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chia_bypass.loop_files.reading import digest_of
from chia_bypass.options import LoopInputs
from chia_bypass.recording.records import LoopFile

_AT_MOST: Final = 2**40


@dataclass(frozen=True, slots=True)
class Restored:
    """A file that is in the sandbox as the loop found it."""

    path: str
    file: LoopFile


@dataclass(frozen=True, slots=True)
class LoopState:
    """How the files of a loop are here, compared with its recorded run."""

    changed: tuple[str, ...] = ()
    """Files that are neither what the loop read nor what it left, as sentences."""
    overwritten: tuple[str, ...] = ()
    """Files that are as the recorded run itself left them, and not as it read them, likewise."""
    absent: int = 0
    """Files that are not here."""
    restored: tuple[Restored, ...] = ()
    """What is put back, in a sandbox."""
    removed: tuple[str, ...] = ()
    """Paths of what the recorded run made, and that is not there yet in a sandbox."""
    emptied: tuple[str, ...] = ()
    """Folders that its drivers made, inner ones first: so are these, once they are empty."""

    def arranged(self, path: str, content: Path | None) -> bool:
        """Whether it is so at ``path`` because it was put back or removed; None: it is gone."""
        if content is None:
            return path in self.removed or path in self.emptied
        digests = {one.file.digest for one in self.restored if one.path == path}
        return bool(digests) and _digest(str(content)) in digests


def compare(
    files: Sequence[LoopFile],
    working: Path,
    wanted: LoopInputs | None,
    *,
    sandboxed: bool,
    comes_back: Callable[[str], object] = lambda path: False,
) -> LoopState:
    """Compare the files of a recorded loop with those for a command in ``working``.

    ``comes_back``: whether a served call puts a file back. Of what the run made, this and what a
    driver wrote is not there at the beginning in a sandbox, since it will be; what a driver has
    overwritten is there as it was; all else stays.
    """
    changed, overwritten, restored, removed, emptied = [], [], [], [], []
    again = sandboxed and wanted != "present"
    absent = 0
    for file in files:
        path = os.path.join(working, file.path)  # noqa: PTH118 - a path may be absolute
        if file.folder:
            if again and file.driver and not file.before and Path(path).is_dir():
                emptied.append(path)
            continue
        if not file.read:
            made = file.written and not file.before and file.left
            if again and made and (file.driver or comes_back(path)) and _digest(path) == file.left:
                removed.append(path)
            if again and file.kept and file.written and _digest(path) == (file.left or None):
                restored.append(Restored(path, file))
            continue
        if file.source or not file.digest:
            continue
        now = _digest(path)
        if now == file.digest:
            continue
        as_left = file.written and now == (file.left or None)
        if sandboxed and file.kept and (wanted == "recorded" or (as_left and wanted is None)):
            restored.append(Restored(path, file))
        elif as_left:
            overwritten.append(
                f"{file.path} is what the recorded run wrote at its end; it read another one"
            )
        elif now is None:
            absent += 1
        else:
            changed.append(f"{file.path}, which the loop read, is not what it was")
    emptied.sort(reverse=True)
    return LoopState(
        tuple(changed),
        tuple(overwritten),
        absent,
        tuple(restored),
        tuple(removed),
        tuple(emptied),
    )


def _digest(path: str) -> bytes | None:
    found = digest_of(path, _AT_MOST)
    return None if found is None else bytes.fromhex(found)
