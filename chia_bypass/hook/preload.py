"""Importing in the background what a process will need, while it waits for something else."""

from __future__ import annotations

import importlib
import os
import threading
from contextlib import suppress


def preload(module: str) -> None:
    """Import ``module`` in a thread. Whoever imports it meanwhile waits for that.

    What it raises is for them to see.
    """
    thread = threading.Thread(target=_imported, args=(module,), name="chia-bypass", daemon=True)
    thread.start()
    # A forked child would wait for ever for a module that was half imported when it was forked.
    os.register_at_fork(before=thread.join)


def _imported(module: str) -> None:
    with suppress(Exception):
        importlib.import_module(module)
