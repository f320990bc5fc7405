"""What a loop reads, and what somebody changes of it between two runs."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from random import Random

from generated.writing import FILES, WITHIN


def write_inputs(folder: Path, seed: int) -> None:
    """Every file that a loop may read, as that seed has it."""
    chance = Random(seed)
    for name in FILES:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{name} {chance.randrange(10**6):06}\n" * chance.randrange(1, 4))


@dataclass(frozen=True)
class Edit:
    """One change of the inputs."""

    how: str
    name: str
    """Of the file, relative to the folder of the inputs."""

    @property
    def matters(self) -> bool:
        """Whether anything is other than it was, but for times."""
        return self.how not in ("touch", "rewrite")

    def __str__(self) -> str:
        return f"{self.how} {self.name}"

    def apply(self, folder: Path) -> None:
        """Make it."""
        path = folder / self.name
        if self.how == "flip":  # of the same length, and with the same times
            old, times = path.read_text(), path.stat()
            path.write_text(old[:-2] + ("1" if old[-2] != "1" else "2") + "\n")
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        elif self.how == "append":
            path.write_text(path.read_text() + "more\n")
        elif self.how == "touch":
            path.touch()
        elif self.how == "rewrite":
            content = path.read_text()
            path.unlink()
            path.write_text(content)
        elif self.how == "add":
            (path.parent / "new.txt").write_text("new\n")
        elif self.how == "remove":
            path.unlink()
        elif self.how == "rename":
            path.rename(path.with_name("other.txt"))
        else:
            raise ValueError(self.how)


_HOW = ("flip", "flip", "flip", "append", "append", "add", "remove", "rename", "touch", "rewrite")


def random_edit(chance: Random, read: Collection[str]) -> Edit:
    """Any of the files that the loop may ``read`` changes; only files of folders may come and go,
    since what is not there at all counts as being on another machine.
    """
    how = chance.choice(_HOW)
    within = [name for name in WITHIN if name in read]
    if how in ("add", "remove", "rename") and within:
        return Edit(how, chance.choice(within))
    return Edit(how if how in ("touch", "rewrite") else "flip", chance.choice(sorted(read)))
