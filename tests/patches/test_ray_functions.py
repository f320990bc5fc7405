"""What loops call of Ray is watched under each of its names, and given back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chia_bypass import engine as engines
from chia_bypass import ray_private
from chia_bypass.patches import ray_put, ray_wait
from chia_bypass.patches.patching import Undo


class Told(Exception):
    """The engine was asked."""


class Telling:
    """An engine that raises where it is asked about completions."""

    def completions(self) -> None:
        raise Told


@pytest.mark.parametrize("install", [ray_wait.install, ray_put.install])
def test_given_back_under_both_names(install: Callable[[], Undo]) -> None:
    name = "wait" if install is ray_wait.install else "put"
    install_before = install()  # an engine in this process may have them for good
    before = [getattr(place, name) for place in ray_private.homes()]
    install()()
    assert [getattr(place, name) for place in ray_private.homes()] == before
    install_before()
    bare = [getattr(place, name) for place in ray_private.homes()]
    undo = install()
    undo()
    assert [getattr(place, name) for place in ray_private.homes()] == bare


def test_waits_are_seen_under_both_names_again_and_again() -> None:
    engine, telling = engines.current(), Telling()
    for _ in range(2):
        undo = ray_wait.install()
        engines.activate(telling)  # type: ignore[arg-type]
        try:
            for place in ray_private.homes():
                wait: Any = place.wait
                with pytest.raises(Told):
                    wait([])
        finally:
            engines.activate(engine)
            undo()
