"""State on the workers: nested dispatches decide alike, and reused workers forget."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
import ray

from chia_bypass import Bypass, ChiaFunction, get, get_active_bypass

if TYPE_CHECKING:
    from support.fixture_types import MakeBypass

pytestmark = pytest.mark.usefixtures("ray_session")


@ChiaFunction(num_cpus=0)
def leaf(x: int) -> Any:
    return ("real", x)


@ChiaFunction(num_cpus=0)
def dive(depth: int) -> Any:
    """``leaf``, dispatched from ``depth`` levels down, tagged by its depth."""
    if depth == 0:
        return get(leaf.chia_remote(depth, _chia_tag="bottom"))
    return [
        depth,
        get(leaf.chia_remote(depth, _chia_tag=f"d{depth}")),
        dive.chia_remote_blocking(depth - 1),
    ]


def test_three_levels_down_the_same_is_decided(bypass: MakeBypass) -> None:
    made = bypass("{leaf: {bypass: true, tags: ['d[13]', bottom]}}")
    made.set_provider("leaf", lambda tag, data, x: ("provided", tag))
    made.set_cond("leaf", lambda tag, data, x: x != 3)
    assert get(dive.chia_remote(3)) == [
        3,
        ("real", 3),
        [2, ("real", 2), [1, ("provided", "d1"), ("provided", "bottom")]],
    ]


def test_a_provider_that_dispatches_has_its_calls_decided(bypass: MakeBypass) -> None:
    made = bypass("{dive: true, leaf: true}")
    made.set_provider("dive", lambda tag, data, n: ("dived", get(leaf.chia_remote(n))))
    made.set_provider("leaf", lambda tag, data, n: ("provided", n))
    assert get(dive.chia_remote(5)) == ("dived", ("provided", 5))


SLOT = {"fpga": 1.0}
"""There is one such resource, so that calls that take it run one after the other."""


def _reuse(calls: list[Callable[[], Any]]) -> list[Any]:
    """Results of ``calls``, which ran in one process each time: ``max_calls`` is not set, they
    are of one function, and each ends before the next is dispatched."""
    results = [call() for call in calls]
    assert len({result[0] for result in results}) == 1, "not one worker; the test shows nothing"
    return [result[1] for result in results]


@ChiaFunction(num_cpus=1, resources=SLOT)
def observe() -> Any:
    """Process, whether a Bypass is active, and what a nested call gives."""
    return os.getpid(), (get_active_bypass() is not None, get(leaf.chia_remote(1)))


def observed() -> Any:
    return get(observe.chia_remote())


def test_a_reused_worker_follows_the_state_of_the_call_it_runs(bypass: MakeBypass) -> None:
    def first() -> Any:
        bypass("{leaf: true}").set_provider("leaf", lambda *_: "first")
        return observed()

    def second() -> Any:
        bypass("{leaf: true}").set_provider("leaf", lambda *_: "second")
        return observed()

    def none() -> Any:
        Bypass(None)
        return observed()

    def off() -> Any:
        bypass("{leaf: false}").set_provider("leaf", lambda *_: "off")
        return observed()

    assert _reuse([first, second, none, off, first]) == [
        (True, "first"),
        (True, "second"),
        (False, ("real", 1)),
        (True, ("real", 1)),
        (True, "first"),
    ]


@ChiaFunction(num_cpus=1, resources=SLOT, max_retries=0)
def construct(fail: bool) -> Any:
    """A task that makes a Bypass of its own, as loops do on workers."""
    Bypass(None)
    if fail:
        raise LookupError(os.getpid())
    return os.getpid(), get_active_bypass() is not None


@ray.remote(num_cpus=1, resources=SLOT)
def left_behind(make: bool) -> Any:
    """A plain task, which nobody restores anything for."""
    if make:
        Bypass(None)
    before = get_active_bypass() is not None
    return os.getpid(), before


def test_after_the_call_the_worker_has_what_it_had_before() -> None:
    def failing() -> Any:
        with pytest.raises(LookupError) as caught:
            get(construct.chia_remote(True))
        return int(caught.value.args[0].args[0]), "failed"

    assert _reuse(
        [
            lambda: ray.get(left_behind.remote(False)),
            lambda: get(construct.chia_remote(False)),
            failing,
            lambda: ray.get(left_behind.remote(False)),
            lambda: ray.get(left_behind.remote(True)),
            observed,
            lambda: ray.get(left_behind.remote(False)),
        ]
    ) == [False, True, "failed", False, True, (False, ("real", 1)), True]


def test_a_generator_has_its_state_until_it_ends(bypass: MakeBypass) -> None:
    @ChiaFunction(num_cpus=0)
    def count() -> Iterator[Any]:
        yield get(leaf.chia_remote(1))
        yield get(leaf.chia_remote(2))

    bypass("{leaf: true}").set_provider("leaf", lambda tag, data, x: ("provided", x))
    streamed: Any = count.chia_remote()
    assert [get(ref) for ref in streamed] == [("provided", 1), ("provided", 2)]


def test_settings_are_unpickled_once_on_a_worker(bypass: MakeBypass) -> None:
    @ChiaFunction(num_cpus=1, resources=SLOT)
    def settings() -> Any:
        active = get_active_bypass()
        assert active is not None
        return os.getpid(), id(active.get_state()["settings"])

    bypass("{settings: false}")
    one, two = _reuse([lambda: get(settings.chia_remote()), lambda: get(settings.chia_remote())])
    assert one == two


def test_threads_of_a_task_decide_as_the_task_does(bypass: MakeBypass) -> None:
    import threading

    @ChiaFunction(num_cpus=0)
    def threaded() -> Any:
        results: list[Any] = []
        thread = threading.Thread(target=lambda: results.append(get(leaf.chia_remote(1))))
        thread.start()
        thread.join()
        return results

    bypass("{leaf: true}").set_provider("leaf", lambda *_: "provided")
    assert get(threaded.chia_remote()) == ["provided"]
