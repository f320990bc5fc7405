"""In a sandbox, before the command starts: the files of the loop as it found them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from chia_bypass.loop_files.compare import LoopState, Restored
from chia_bypass.recording.reader import Recording


def arrange(state: LoopState, folders: Sequence[str], recording: Recording) -> None:
    """Put back and remove files, nowhere but in ``folders``. Raises OSError, RecordingCorrupt."""
    for path in state.removed:
        if _inside(path, folders):
            with suppress(FileNotFoundError):
                Path(path).unlink()
    for path in state.emptied:
        if _inside(path, folders):
            with suppress(OSError):  # something is left in it
                Path(path).rmdir()
    for one in state.restored:
        if _inside(one.path, folders):
            _restore(one, recording)


def _inside(path: str, folders: Sequence[str]) -> bool:
    """Whoever made the recording: nothing outside is touched, by links neither."""
    parent = Path(os.path.realpath(Path(path).parent))
    return any(parent.is_relative_to(folder) for folder in folders)


def _restore(one: Restored, recording: Recording) -> None:
    path, file = Path(one.path), one.file
    content = recording.buffer(file.digest, file.size) if file.size else b""
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        path.unlink()
    path.write_bytes(content)
    path.chmod(file.mode)
