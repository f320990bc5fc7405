"""Which words of a command may be paths: a text for a shell, or an argument of a program.

The file system is not asked. What a shell would make of a word is done as far as it needs no shell:
quotes, redirections, ``name=value``, options with a path behind their letter, ``+incdir+a+b``, and
``~/``. A pattern counts as the folder in which its names are looked for. Sentences are no commands:
a prompt speaks of files that nobody reads for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

LONGEST: Final = 4_095
"""Characters of a text that is looked into: longer ones are prompts and logs."""
MOST: Final = 100
"""Words of a text that may be paths."""

PLAIN_FILE: Final = re.compile(r"[A-Z][a-z]+file")
"""``Makefile``, ``Dockerfile``: the name of a file has neither a slash nor a suffix."""

_SENTENCE: Final = re.compile(r"[a-z]{2}[.:?!](?:\s|$)")
_BETWEEN: Final = re.compile(r"""[\s'"`;|&<>(){}=,]+""")
_OPTION: Final = re.compile(r"^-[A-Za-z](?=.*/)")
_PATTERN: Final = re.compile(r"[*?\[]")
_FILE: Final = re.compile(rf"[^./~].*\.[A-Za-z]\w{{0,15}}|{PLAIN_FILE.pattern}")
_NEITHER: Final = re.compile(r".*[$\\%]|[A-Za-z][A-Za-z0-9+.-]*://")
"""Needs a shell, or is a URL."""


def may_hold_path(text: str) -> bool:
    """Whether it is worth looking into: most texts are no paths and hold none."""
    return "/" in text or "." in text or "file" in text


def path_words(text: str) -> list[tuple[int, str]]:
    """The words of ``text`` that may be paths, with their positions in it, from 1.

    Empty for sentences, and for a single plain word: that is a path itself, or none.
    """
    if len(text) > LONGEST or not may_hold_path(text) or _SENTENCE.search(text):
        return []
    words = [word for word in _BETWEEN.split(text) if word]
    if words == [text] and text[0] not in "-+":
        return []
    found = [(at, path) for at, word in enumerate(words, 1) for path in _paths(word)]
    return found[:MOST]


def _paths(word: str) -> Iterator[str]:
    """What a word may name."""
    if _NEITHER.match(word):
        return
    parts = word[1:].split("+") if word.startswith("+") else [_OPTION.sub("", word)]
    for path in parts:
        if pattern := _PATTERN.search(path):
            path = path[: pattern.start()].rpartition("/")[0]
            path = f"{path}/" if path else ""
        if path.startswith("~/"):
            yield str(Path.home() / path[2:])
        elif not path.startswith("-") and ("/" in path or _FILE.fullmatch(path)):
            yield path
