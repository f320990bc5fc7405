"""Which files the text of a function names: what it reads by names of its own."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Final

from chia_bypass.inputs.digests import LEFT_OUT
from chia_bypass.inputs.paths import Named, may_be_path
from chia_bypass.inputs.words import LONGEST, path_words

PLACE: Final = "source: "
"""Begins the place of a file that is named in the text of a function, and by no argument."""
MOST: Final = 2_000
"""Paths that are looked for."""
_CODE: Final = (".py", ".pyc", ".pyi", ".so")
"""What an import reads: what a function is made of counts as its source."""
_INSTALLED: Final = frozenset({"site-packages", "dist-packages", "node_modules"})


def named_at(path: str, working: str) -> Named:
    """The file at ``path``, which is below ``working``."""
    given = path[len(working) + 1 :]
    return Named(f"{PLACE}{given}", path, given)


@lru_cache(maxsize=1_000)
def candidates(texts: frozenset[str], file: str, working: str, here: str) -> tuple[str, ...]:
    """Absolute paths below ``working`` that may be those of files which ``texts`` name.

    A relative one begins in the working directory, in that of the process (``here``), beside the
    source ``file`` or above it, or in a folder that another text names. Nothing says that there is
    anything, but for these folders.
    """
    names = sorted({name for text in texts for name in _names(text)})
    roots = [*dict.fromkeys((working, here, *_around(file, working)))]
    folders = [path for path in _below(sorted(texts), roots, working) if Path(path).is_dir()]
    found = _below(names, [*roots, *folders], working)
    return tuple(dict.fromkeys(path for path in found if _counts(path, working)))[:MOST]


def _names(text: str) -> Iterator[str]:
    if may_be_path(text):
        yield text
        yield text.lstrip("/")  # of f"{ROOT}/rtl/top.v"
    for _, word in path_words(text):
        yield word


def _around(file: str, working: str) -> Iterator[str]:
    """The folder of a source and those above it, up to the working directory."""
    above = map(str, PurePath(file).parents)
    return (folder for folder in above if folder.startswith(f"{working}/"))


def _below(names: Iterable[str], roots: Sequence[str], working: str) -> Iterator[str]:
    for name in names:
        if not name or len(name) > LONGEST or "\0" in name:
            continue
        for root in roots:
            path = os.path.normpath(name if name.startswith("/") else f"{root}/{name}")
            if path.startswith(f"{working}/"):
                yield path


def _counts(path: str, working: str) -> bool:
    parts = path[len(working) + 1 :].split("/")
    if path.endswith(_CODE):
        return False
    return not any(one[:1] == "." or one in LEFT_OUT or one in _INSTALLED for one in parts)
