"""What an earlier attempt of a call returned, as long as its run still writes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from chia_bypass.files import sync_path
from chia_bypass.recording.reader import document_of, read_blob
from chia_bypass.recording.records import Outcome, Result
from chia_bypass.recording.segments import Segments


class Kept(NamedTuple):
    """The stored form of a value."""

    document: bytes
    buffers: Mapping[bytes, Any]
    """Bytes by their digest."""
    classes: tuple[str, ...]
    """Classes that rebuilding it needs, ``module:qualname``."""


def kept_value(folder: Path, run: str, path: str) -> Kept | None:
    """The value that the run has recorded for the call at ``path``, made durable.

    None if there is none, or none to give back as it was: references to other calls ended with the
    worker that returned them, and what redaction has changed is not what was returned. Raises
    RecordingCorrupt and OSError.
    """
    segments = Segments(folder)
    named = re.compile(re.escape(path.encode()))
    for name in segments.written_by(run, "worker", "recorder"):
        # There may be a hundred thousand records: only a segment that has the name is looked at.
        if named.search(segments.data(name)) is None:
            continue
        for content, spot in segments.maps(name):
            if content["kind"] != "result" or content["call"]["path"] != path:
                continue
            result = segments.build(content, spot)
            if isinstance(result, Result) and _as_returned(result):
                sync_path(segments.path(name))  # its writer may have died before it could
                document = bytes(document_of(segments, name, result))
                buffers = {b.digest: read_blob(folder, b.digest, b.length) for b in result.buffers}
                return Kept(document, buffers, result.classes)
    return None


def _as_returned(result: Result) -> bool:
    whole = not result.references and not result.redacted and result.yielded < 0
    return result.outcome is Outcome.VALUE and whole
