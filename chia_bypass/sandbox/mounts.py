"""What is mounted where, and which sockets are open, as this process sees it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

_ESCAPED: Final = re.compile(r"\\([0-7]{3})")
_OF_KERNEL: Final = re.compile(
    "autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|mqueue"
    "|nsfs|proc|pstore|rpc_pipefs|securityfs|selinuxfs|sysfs|tracefs"
)
"""File systems that hold no files of anybody's."""


class Mount(NamedTuple):
    """One row of ``/proc/self/mountinfo``."""

    path: str
    kind: str

    @property
    def holds_files(self) -> bool:
        """Whether it is a folder in which a program may want to write."""
        return _OF_KERNEL.fullmatch(self.kind) is None and os.path.isdir(self.path)  # noqa: PTH112 - it may be closed to us


def mounts() -> tuple[Mount, ...]:
    """What can be seen; of what is mounted over each other, the topmost. Outer ones first."""
    found: dict[str, Mount] = {}
    for line in Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines():
        before, _, after = line.partition(" - ")
        path = _ESCAPED.sub(lambda code: chr(int(code[1], 8)), before.split(" ")[4])
        found[path] = Mount(path, after.split(" ")[0])
    return tuple(sorted(found.values(), key=lambda mount: mount.path.count("/")))


def sockets() -> Iterator[Path]:
    """The sockets with a path, to which a program can connect."""
    for line in Path("/proc/net/unix").read_text(errors="surrogateescape").splitlines()[1:]:
        fields = line.split(maxsplit=7)
        if len(fields) == 8 and fields[7].startswith("/"):
            yield Path(fields[7])
