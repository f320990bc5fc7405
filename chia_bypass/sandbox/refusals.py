"""Why there is no sandbox, in words that say whom to ask."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_SETTINGS: Final = {
    "user/max_user_namespaces": "0",
    "user/max_mnt_namespaces": "0",
    "kernel/unprivileged_userns_clone": "0",
    "kernel/apparmor_restrict_unprivileged_userns": "1",
}
"""Settings of the kernel, and the value with which each forbids it."""
_OF_NAMESPACES: Final = ("unshare", "a second unshare", "mapping of users")


def explained(problem: str) -> str:
    """``problem`` is the text of a Refused or of an OSError."""
    because = "".join(f"; {setting}" for setting in _forbidding())
    if problem.startswith(_OF_NAMESPACES):
        return f"user namespaces are off here ({problem}{because})"
    return f"private mounts do not work here ({problem}{because})"


def _forbidding() -> list[str]:
    found = []
    for name, forbids in _SETTINGS.items():
        try:
            value = Path("/proc/sys", name).read_text().strip()
        except OSError:
            continue
        if value == forbids:
            found.append(f"{name.replace('/', '.')} is {value}")
    return found
