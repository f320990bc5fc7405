"""What a worker must know to record a call: packed once by the driver, sent with each dispatch."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from chia_bypass.recording.layout import has_nonce
from chia_bypass.runtime.companion import DriverProcess
from chia_bypass.session import Session


@dataclass(frozen=True, slots=True)
class RecordContext:
    """Where the recording lives, seen from anywhere in the cluster."""

    session: Session
    script: str
    """The driver's normalised script, which stands for ``__main__``."""
    nonce: bytes
    """Content of the recording's nonce file."""
    driver: DriverProcess

    @property
    def folder(self) -> Path:
        """The recording folder on the driver's machine."""
        return Path(self.session.recording)

    def is_here(self) -> bool:
        """Whether this process sees that very folder, and not just one of the same name."""
        return has_nonce(self.folder, self.nonce)

    def packed(self) -> bytes:
        """The form that travels; :func:`unpack` gives it back, the same object every time."""
        return pickle.dumps(self, protocol=5)


@lru_cache(maxsize=8)
def unpack(packed: bytes) -> RecordContext:
    """The context in ``packed``, built once per process."""
    context: RecordContext = pickle.loads(packed)
    return context
