"""The control folder of a command: in a place where nobody else can make one of its name.

The folder is removed when the command ends, and processes of the command may outlive it. In a
folder that all can write to, another user could make it again and tell them what to do.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from chia_bypass.privacy import is_private


def control_folder() -> Path:
    """A new folder in one of this user's own, which stays. Raises OSError."""
    parent = Path(tempfile.gettempdir()) / f"chia-bypass-{os.geteuid()}"
    with suppress(FileExistsError):
        parent.mkdir(mode=0o700)
    if not is_private(str(parent)):  # somebody else was first
        parent = Path(tempfile.mkdtemp(prefix=f"{parent.name}-"))
    return Path(tempfile.mkdtemp(dir=parent))


def discard(folder: Path) -> None:
    """Remove a control folder, to which workers of the command may be writing yet.

    Under another name first: what they made at its own, while this lists and removes, would stay.
    """
    gone = folder.with_name(f"{folder.name}.ended")
    try:
        folder.rename(gone)
    except OSError:
        gone = folder
    shutil.rmtree(gone, ignore_errors=True)
