"""Modules imported in the background."""

from __future__ import annotations

import importlib
import os
import sys
import threading
from pathlib import Path

import pytest

from chia_bypass.hook.preload import preload

BEGAN, GO = threading.Event(), threading.Event()
SLOW = f"""
import sys
test = sys.modules[{__name__!r}]
test.BEGAN.set()
test.GO.wait(60)
whole = True
"""


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module whose import lasts until GO is set."""
    name = f"slow_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(SLOW)
    monkeypatch.syspath_prepend(tmp_path)
    BEGAN.clear()
    GO.clear()
    return name


def test_whoever_imports_it_meanwhile_waits_for_it(slow: str) -> None:
    preload(slow)
    assert BEGAN.wait(60)
    assert not hasattr(sys.modules[slow], "whole")
    GO.set()
    assert importlib.import_module(slow).whole


def test_a_forked_child_has_it_whole(slow: str) -> None:
    preload(slow)
    assert BEGAN.wait(60)
    os.register_at_fork(before=GO.set)  # of these the last registered comes first
    child = os.fork()
    if child == 0:
        os._exit(0 if hasattr(sys.modules[slow], "whole") else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_what_cannot_be_imported_is_told_to_who_imports_it() -> None:
    preload("no_such_module_anywhere")
    with pytest.raises(ModuleNotFoundError, match="no_such_module_anywhere"):
        importlib.import_module("no_such_module_anywhere")
