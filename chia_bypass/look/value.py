"""A recorded value for people: rebuilt without importing anything."""

from __future__ import annotations

from typing import Any

from chia_bypass.errors import ChiaBypassError
from chia_bypass.look.calls import Row
from chia_bypass.recording.classes import Sketches
from chia_bypass.recording.decode import decode
from chia_bypass.recording.reader import Recording


def sketched(recording: Recording, row: Row) -> Any:
    """The value of the call, classes that would have to be imported as sketches of them.

    What cannot be shown is a sentence that says why.
    """
    stored = recording.result(row.call.path)
    assert stored is not None
    try:
        return decode(
            bytes(recording.document(stored)),
            classes=Sketches(),
            buffer=recording.buffer,
            reference=lambda reference: reference,
        )
    except ChiaBypassError as error:
        return f"cannot be shown: {error}"
