"""A recording as it grows: every call once it has ended."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from chia_bypass.look.calls import Place, places
from chia_bypass.recording.layout import LOCK
from chia_bypass.recording.reader import Recording

_SHORTEST, _LONGEST = 0.5, 10.0
_SHARE: Final = 10
"""Reading a long recording anew takes time: we pause this many times as long."""


def follow(
    folder: Path, pause: Callable[[float], object] = time.sleep
) -> Iterator[tuple[Recording, list[Place]]]:
    """The calls that have ended since the last time, until the recording is complete or given up.

    Raises RecordingError as `Recording.open` does.
    """
    known: set[str] = set()
    while True:
        began = time.monotonic()
        running = being_written(folder)  # before reading: what ends meanwhile is read once more
        recording = Recording.open(folder, tolerant=True)
        index = recording.index
        ended = [
            place
            for place in places(index)
            if index.paths[place.number] not in known and index.newest(place.number) is not None
        ]
        known.update(index.paths[place.number] for place in ended)
        yield recording, ended
        if recording.complete or not running:
            return
        took = time.monotonic() - began
        pause(min(max(_SHORTEST, took * _SHARE), _LONGEST))


def being_written(folder: Path) -> bool:
    """Whether a run says that it writes there, and is alive as far as can be seen from here.

    The lock itself is not tried: holding it for a moment could turn away a run that begins.
    """
    try:
        holder = json.loads((folder / LOCK).read_bytes() or b"null")
        host, pid = (holder["host"], int(holder["pid"])) if holder else ("", 0)
    except (OSError, ValueError, KeyError, TypeError):
        return False
    if not pid or host != socket.gethostname():
        return bool(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
