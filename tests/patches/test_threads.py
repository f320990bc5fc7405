"""Threads and pools while positions are handed on, and afterwards."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from inspect import unwrap
from typing import Any

import pytest

from chia_bypass.patches import threads

PATCHED: Any = ((threading.Thread, "start"), (ThreadPoolExecutor, "submit"))


def test_undoing_gives_the_threads_back(monkeypatch: pytest.MonkeyPatch) -> None:
    for owner, name in PATCHED:  # an engine in this process may have patched them for good
        monkeypatch.setattr(owner, name, unwrap(getattr(owner, name)))
    bare = [getattr(owner, name) for owner, name in PATCHED]
    undo = threads.install()
    installed = [getattr(owner, name) for owner, name in PATCHED]
    assert not set(installed) & set(bare)
    threads.install()()  # a second time, which changes nothing and has nothing to undo
    assert [getattr(owner, name) for owner, name in PATCHED] == installed
    undo()
    assert [getattr(owner, name) for owner, name in PATCHED] == bare
