"""Keeping and putting back files without a loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from chia_bypass.inputs.digests import Trees
from chia_bypass.outputs import snapshots
from chia_bypass.outputs.keep import Kept, Rules, keep
from chia_bypass.outputs.restore import LeftBy, PastState, PutBack, put_back
from chia_bypass.outputs.touched import Touches
from chia_bypass.recording.folder import RunFolder
from chia_bypass.recording.layout import blob_path
from chia_bypass.recording.reader import Recording, read_blob
from chia_bypass.recording.records import Blob, Left
from chia_bypass.recording.writer import (
    ResultWriter,
    SegmentWriter,
    segment_header,
    store_blob,
    store_file,
)
from support.sample_records import encoded, make_call, make_result, make_run

ALL = snapshots.patterns(["*"])
EVER = 1e12
"""A time after everything."""


@dataclass
class Store:
    """A recording folder as far as files go."""

    folder: Path

    def read(self, blob: Blob) -> memoryview:
        return read_blob(self.folder, blob.digest, blob.length)

    def file(self, blob: Blob) -> Path | None:
        return blob_path(self.folder, blob.digest)

    def keep(self, before: snapshots.Snapshot) -> tuple[Left, ...]:
        """What differs from ``before``, kept."""
        kept = self.kept(before)
        for buffer in kept.buffers:
            store_blob(self.folder, buffer)
        return kept.files

    def kept(self, before: snapshots.Snapshot, limit: int = 2**40) -> Kept:
        """As `keep`, with buffers that are not stored yet."""
        after = snapshots.after(before, ALL, Trees())
        touches = Touches()
        touches.declare(before.root, snapshots.touched(before, after, ALL, delete=True))
        rules = Rules(limit, lambda source: store_file(self.folder, source), lambda path: path)
        return keep(touches, rules)

    def put_back(
        self, files: Sequence[Left], past: Sequence[PastState] = (), finished: float = EVER
    ) -> PutBack:
        left = [LeftBy(one, "loop.0/0", EVER, finished) for one in files]
        return put_back(left, self, lambda path: past, Trees())


def snapshot(root: Path) -> snapshots.Snapshot:
    """What is below ``root`` now."""
    return snapshots.take(str(root), ALL, Trees())


def recording_of(folder: Path, *made: tuple[object, snapshots.Snapshot, int]) -> Recording:
    """A recording of calls: what each returned, what it found, and how many bytes are kept."""
    store = Store(folder)
    with RunFolder.create(folder, make_run(), "host") as run:
        header = segment_header(run.run.id, "worker", "host", 1, 0.0, files=True)
        segment = SegmentWriter.unique(folder, header)
        for number, (value, before, limit) in enumerate(made):
            kept = store.kept(before, limit)
            result = replace(make_result(make_call(number)), files=kept.files)
            ResultWriter(folder, segment).write(result, encoded(value), kept.buffers)
        segment.close()
        run.close(0, 1000.0)
    return Recording.open(folder)
