"""What loops call of Ray is watched under each of its names, and given back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
import ray

from chia_bypass import engine as engines
from chia_bypass import ray_private
from chia_bypass.patches import ray_put, ray_start, ray_wait
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


class Seen:
    """Keeps the names of the actors that it is told of."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def group(self, bundles: Sequence[Mapping[str, float]], strategy: str, name: str) -> None:
        """Not asked for here."""

    def actor(self, class_name: str, name: str, options: Mapping[str, Any]) -> None:
        """Keep it."""
        self.names.append(name)

    def group_removed(self, id_: str) -> None:
        """Not asked for here."""


@pytest.mark.usefixtures("ray_session")
def test_an_actor_that_ray_creates_from_within_creating_it_is_seen_once() -> None:
    @ray.remote(num_cpus=0)
    class Counter:
        """An actor."""

    seen, told = Seen(), list[None]()
    undo = ray_start.install(lambda: told.append(None), lambda: seen)
    try:
        actor: Any = Counter
        handles = [actor.options(name=name, get_if_exists=True).remote() for name in "ab"]
    finally:
        undo()
    assert seen.names == ["a", "b"]
    assert len(told) == 2
    for handle in handles:
        ray.kill(handle)
