"""What a loop read and wrote, as records of its recording."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from chia_bypass.loop_files.collect import Begun
from chia_bypass.loop_files.watch import ROOM
from chia_bypass.recording.records import LoopFile, Record, Surroundings
from chia_bypass.recording.writer import (
    SegmentWriter,
    append_records,
    segment_header,
    store_blob,
)
from chia_bypass.values.encode import Buffer

ROLE = "command"


def write_loop_files(
    folder: Path,
    run: str,
    files: Sequence[LoopFile],
    contents: Begun | None,
    surroundings: Surroundings | None = None,
) -> None:
    """Add them to the recording in ``folder``. Raises OSError.

    ``contents`` has what was read; None: none of that is kept.
    """
    room, records = ROOM, list[Record]()
    for file in files:
        keep = file.kept and contents is not None and file.size <= room
        if keep and contents is not None and file.size:
            content = memoryview(contents.content(file))
            store_blob(folder, Buffer(file.digest, content))
            room -= file.size
        records.append(replace(file, kept=keep))
    if surroundings is not None:
        records.append(surroundings)
    if records:
        header = segment_header(run, ROLE, socket.gethostname(), os.getpid(), time.time())
        writer = SegmentWriter.unique(folder, header)
        append_records(writer, records, sync=True)
        writer.close()
