"""Whether a recording came with the code: tracked by git beside it, and as it was committed.

The index of git is read, and the files are hashed here: `git status` would run programs that the
configuration of a repository names, which a stranger may have written.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from chia_bypass.recording.layout import LOCK, files_of

_SAFE: Final = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
_SECONDS: Final = 20
_REGULAR: Final = (b"100644", b"100755")


def came_with_the_code(folder: Path, working: Path) -> bool:
    """Whether all files in ``folder`` are tracked in the git work tree of ``working``, unchanged.

    What git would convert when it checks it out (line ends, LFS) counts as changed.
    """
    git = shutil.which("git")
    if git is None or (tree := _tree(git, working)) is None:
        return False
    folder = folder.resolve()
    if not folder.is_relative_to(tree) or _tree(git, folder) != tree:  # a work tree in it
        return False
    tracked = _tracked(git, tree, folder)
    if not tracked:
        return False
    there = {os.fsencode(path.relative_to(tree)): path for path in files_of(folder)}
    there.pop(os.fsencode((folder / LOCK).relative_to(tree)), None)  # left by those who look
    return there.keys() <= tracked.keys() and all(
        _is_object(path, tracked[name]) for name, path in there.items()
    )


def _tree(git: str, folder: Path) -> Path | None:
    shown = _ask(git, folder, "rev-parse", "--show-toplevel")
    return Path(os.fsdecode(shown.rstrip(b"\n"))).resolve() if shown else None


def _tracked(git: str, tree: Path, folder: Path) -> Mapping[bytes, str]:
    """Names and object ids of the regular files that the index has below ``folder``."""
    found = {}
    below = f":(top,literal){folder.relative_to(tree).as_posix()}"
    shown = _ask(git, tree, "ls-files", "--stage", "-z", "--", below)
    for line in filter(None, (shown or b"").split(b"\0")):
        facts, _, name = line.partition(b"\t")
        mode, digest, stage = facts.split(b" ")
        if mode in _REGULAR and stage == b"0":
            found[name] = digest.decode()
    return found


def _ask(git: str, folder: Path, *arguments: str) -> bytes | None:
    environment = {name: text for name, text in os.environ.items() if not name.startswith("GIT_")}
    try:
        answer = subprocess.run(
            [git, *_SAFE, *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout if answer.returncode == 0 else None


def _is_object(path: Path, digest: str) -> bool:
    """Whether the file is the one with that id in git's index."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(file, "rb") as source:
            found = os.fstat(file)
            if not stat.S_ISREG(found.st_mode):
                return False
            made = hashlib.new("sha1" if len(digest) == 40 else "sha256", usedforsecurity=False)
            made.update(b"blob %d\0" % found.st_size)
            while block := source.read(1 << 20):
                made.update(block)
    except OSError:
        return False
    return made.hexdigest() == digest
