"""A source tree under git as one state: which content it has now, how it differs from its HEAD,
and how it gets another content.

Git works on a copy of the index and puts objects into a scratch folder: the user's index, objects
and references stay as they are. What git ignores, and what is inside submodules, does not count.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

_NOT_OURS: Final = frozenset(
    [
        *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"),
        *("GIT_NAMESPACE", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_PREFIX", "GIT_EXTERNAL_DIFF"),
    ]
)
"""Variables that would lead git elsewhere."""
_DIFFERENCE: Final = (
    *("diff", "--cached", "--binary", "--full-index", "--no-ext-diff", "--no-textconv"),
    *("--no-renames", "--no-color", "--src-prefix=a/", "--dst-prefix=b/", "--submodule=short"),
)


class GitRefused(Exception):
    """Git cannot do it, and why."""


class GitTree:
    """The tree that a folder belongs to, in a ``with``. It raises GitRefused and OSError."""

    def __init__(self, folder: str, without: Sequence[str] = ()) -> None:
        """``without``: folders in the tree that do not count, such as the recording."""
        self._folder, self._without = folder, without
        self._variables = {k: v for k, v in os.environ.items() if k not in _NOT_OURS}
        self._variables.update(LC_ALL="C", GIT_OPTIONAL_LOCKS="0", GIT_TERMINAL_PROMPT="0")

    def __enter__(self) -> GitTree:
        lines = self._text(
            *("rev-parse", "--path-format=absolute", "--show-toplevel"),
            *("--git-path", "index", "--git-path", "objects"),
        )
        self.root, index, objects = lines.split("\n")
        self._folder = self.root
        self._scratch = tempfile.mkdtemp(prefix="chia-bypass-git-")
        try:
            if Path(index).exists():
                shutil.copy2(index, f"{self._scratch}/index")
            Path(self._scratch, "objects").mkdir()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self._variables.update(
            GIT_INDEX_FILE=f"{self._scratch}/index",
            GIT_OBJECT_DIRECTORY=f"{self._scratch}/objects",
            GIT_ALTERNATE_OBJECT_DIRECTORIES=objects,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        shutil.rmtree(self._scratch, ignore_errors=True)

    def head(self) -> str:
        """The commit that HEAD stands for."""
        return self._text("rev-parse", "--verify", "--quiet", "HEAD^{commit}")

    def content(self) -> str:
        """The id of what is in the tree now, tracked or not."""
        root = Path(self.root)
        inside = [Path(one) for one in self._without if Path(one).is_relative_to(root)]
        left_out = [f":(top,exclude,literal){one.relative_to(root)}" for one in inside]
        self._git("add", "-A", "--", ":(top)", *left_out)
        return self._text("write-tree")

    def difference(self) -> bytes:
        """How what was found by `content` differs from HEAD."""
        return self._git(*_DIFFERENCE, "HEAD")

    def become(self, content: str, difference: bytes) -> None:
        """Give the tree the ``content`` that this ``difference`` from HEAD makes.

        It must be as the last `content` told.
        """
        now = self._text("write-tree")
        self._build(content, difference)
        self._git("read-tree", "-m", "-u", now, content)

    def names(self, content: str, difference: bytes) -> list[str]:
        """Where the tree, as the last `content` told, differs from that content."""
        now = self._text("write-tree")
        self._build(content, difference)
        told = self._git("diff-tree", "-r", "-z", "--name-only", now, content)
        return [os.fsdecode(name) for name in told.split(b"\0") if name]

    def _build(self, content: str, difference: bytes) -> None:
        """Make the objects of a content."""
        self._variables["GIT_INDEX_FILE"] = f"{self._scratch}/other"
        try:
            self._git("read-tree", "HEAD")
            if difference:
                whole = ("apply", "--cached", "--binary", "--whitespace=nowarn", "-")
                self._git(*whole, given=difference)
            if self._text("write-tree") != content:
                raise GitRefused("the recorded difference does not give the recorded tree")
        finally:
            self._variables["GIT_INDEX_FILE"] = f"{self._scratch}/index"

    def _text(self, *words: str) -> str:
        return os.fsdecode(self._git(*words)).rstrip("\n")

    def _git(self, *words: str, given: bytes = b"") -> bytes:
        done = subprocess.run(
            ["git", *words],
            cwd=self._folder,
            env=self._variables,
            input=given,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            lines = os.fsdecode(done.stderr).strip().splitlines() or [f"status {done.returncode}"]
            raise GitRefused(f"git {words[0]}: {lines[0]}")
        return done.stdout
