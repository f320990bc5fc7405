"""The one question: is this recording the user's own?

What a recording can make happen (start its command, rebuild its values, let calls run for real)
asks it. What only reads does not.
"""

from __future__ import annotations

from pathlib import Path

from chia_bypass.ownership.state import Marks, StateUnusable, state_folder
from chia_bypass.ownership.tracked import came_with_the_code
from chia_bypass.recording.confined import map_in
from chia_bypass.recording.folder import end_of_frames
from chia_bypass.recording.layout import MANIFEST, read_nonce


def is_foreign(folder: Path) -> bool:
    """Whether nothing tells that this user made or trusted the recording.

    It is the user's own if its nonce and manifest are marked in the user's state folder, wherever
    the recording was moved to, or if it is tracked and unchanged in the git work tree of the
    working directory.
    """
    try:
        nonce, manifest = _identity(folder)
        if Marks(state_folder()).has(nonce, nonce + manifest):
            return False
        return not came_with_the_code(folder, Path.cwd())
    except (OSError, StateUnusable):
        return True


def make_own(folder: Path) -> str:
    """Mark the recording, as it is now, as the user's own; returns why that failed, or ''."""
    try:
        nonce, manifest = _identity(folder)
        Marks(state_folder()).add(nonce, nonce + manifest)
    except (OSError, StateUnusable) as error:
        return str(error)
    return ""


def _identity(folder: Path) -> tuple[bytes, bytes]:
    """The nonce, and the manifest up to the last whole record: a killed run may have torn more."""
    whole = bytes(map_in(folder, MANIFEST)[: end_of_frames(folder)])
    try:
        return read_nonce(folder), whole
    except FileNotFoundError:
        return b"", whole
