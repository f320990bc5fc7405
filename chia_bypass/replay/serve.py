"""On the worker: give back what was recorded. The provider that a replay dispatches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray

from chia_bypass.recording.classes import ImportedClasses
from chia_bypass.recording.decode import decode
from chia_bypass.recording.layout import NONCE, blob_path
from chia_bypass.recording.reader import read_blob
from chia_bypass.recording.records import Blob, Outcome
from chia_bypass.recording.reference import Reference
from chia_bypass.replay import classes


@dataclass(frozen=True, slots=True)
class Source:
    """Where the bytes are that do not ride with the dispatch."""

    folder: str
    """The recording folder on the node of the one that opened it."""
    nonce: bytes
    server: Any
    """Handle of the file server there."""

    def read(self, blob: Blob) -> memoryview:
        """The bytes of ``blob``: mapped where this process sees the folder, else fetched."""
        folder = Path(self.folder)
        if _sees(folder, self.nonce):
            return read_blob(folder, blob.digest, blob.length)
        path = str(blob_path(folder, blob.digest))
        return memoryview(ray.get(self.server.get_bytes.remote(path)))


def _sees(folder: Path, nonce: bytes) -> bool:
    try:
        return (folder / NONCE).read_bytes() == nonce
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class Serve:
    """A provider for one call: its recorded outcome."""

    outcome: Outcome
    document: bytes | Blob
    """The encoded value: small ones ride along."""
    source: Source
    modules: tuple[str, ...]
    """Modules that may be imported to rebuild the value."""
    table: bytes
    """Classes that travel by value, packed."""
    references: Mapping[Reference, Any]
    """What stands for the references inside the value."""
    allow_pickle: bool

    def __call__(self, tag: str | None, data_path: str | None, /, *args: Any, **kwargs: Any) -> Any:
        """The recorded value, or the recorded exception raised."""
        value = decode(
            self._bytes(),
            classes=ImportedClasses(self.modules, classes.unpack(self.table)),
            buffer=lambda digest, length: self.source.read(Blob(digest, length)),
            reference=self.references.__getitem__,
            allow_pickle=self.allow_pickle,
        )
        if self.outcome is Outcome.EXCEPTION and isinstance(value, BaseException):
            raise value
        return value

    def _bytes(self) -> bytes:
        if isinstance(self.document, bytes):
            return self.document
        return bytes(self.source.read(self.document))


def serve_reference(serve: Serve) -> Any:
    """Stands for a call that a served result refers to, and that is not dispatched itself."""
    return serve(None, None)
