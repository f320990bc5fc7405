"""Telling an actor that serves values which call it is asked for."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from chia_bypass.bypass.sources import DataProvider
from chia_bypass.engine import Dispatch, Provider
from chia_bypass.identity import position

_asked: Counter[tuple[str | None, str, str | None]] = Counter()
"""Calls so far, by parent, function and tag; a parent dispatches from one process."""


def located(provider: Provider, dispatch: Dispatch) -> Provider:
    """``provider`` for this very call: the default one is told parent and occurrence.

    The caller counts, not the actor, so that a task that Ray runs again asks for the same.
    """
    if not isinstance(provider, DataProvider):
        return provider
    here = position.current()
    parent = None if here is None else here.parent.path
    key = (parent, provider.function, dispatch.tag)
    occurrence = _asked[key]
    _asked[key] += 1
    return replace(provider, parent=parent, occurrence=occurrence)
