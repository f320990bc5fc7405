"""Bypassed dispatches on a real Ray: the provider runs where the function would have run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import ray
from ray._private.worker import global_worker
from ray.exceptions import TaskUnschedulableError
from ray.util.placement_group import placement_group, remove_placement_group
from ray.util.scheduling_strategies import (
    NodeAffinitySchedulingStrategy,
    PlacementGroupSchedulingStrategy,
)

from chia_bypass import Bypass, ChiaFunction, NotPicklable, get, get_active_bypass

if TYPE_CHECKING:
    from support.fixture_types import MakeBypass

pytestmark = pytest.mark.usefixtures("ray_session")


def where() -> dict[str, Any]:
    """What Ray says about the task that this runs in."""
    context = ray.get_runtime_context()
    return {
        "name": context.get_task_name(),
        "resources": dict(context.get_assigned_resources()),
        "group": context.get_placement_group_id(),
        "node": context.get_node_id(),
        "environment": context.runtime_env.env_vars().get("FLAVOUR"),
    }


def location(tag: str | None, data: str | None, *args: Any, **kwargs: Any) -> Any:
    return where()


def echo(tag: str | None, data_path: str | None, *args: Any, **kwargs: Any) -> Any:
    return tag, data_path, args, kwargs


@ChiaFunction()
def work(*args: Any, **kwargs: Any) -> Any:
    return "real"


class Build:
    @ChiaFunction(resources={"fpga": 1}, num_cpus=2)
    def run(self, x: int) -> Any:
        return where()


def test_only_matching_calls_are_bypassed(bypass: MakeBypass) -> None:
    bypass("{work: {bypass: true, tags: 'iter0_.*', data: d}}").set_provider("work", echo)
    assert get(work.chia_remote(1, _chia_tag="iter0_a", b=2)) == ("iter0_a", "d", (1,), {"b": 2})
    assert get(work.chia_remote(1, _chia_tag="iter1_a")) == "real"
    assert get(work.chia_remote(1)) == "real"
    assert work.options(num_cpus=0).chia_remote_blocking(_chia_tag="iter0_b")[0] == "iter0_b"


def test_an_in_place_call_is_never_bypassed(bypass: MakeBypass) -> None:
    bypass("{work: true}").set_provider("work", echo)
    assert work(1) == "real"


def test_the_condition_runs_on_the_caller(bypass: MakeBypass) -> None:
    made, processes = bypass("{work: true}"), []

    def even(tag: str | None, data: str | None, x: int) -> bool:
        processes.append(os.getpid())
        return x % 2 == 0

    made.set_provider("work", echo)
    made.set_cond("work", even)
    assert get(work.chia_remote(2)) == (None, None, (2,), {})
    assert get(work.chia_remote(3)) == "real"
    assert processes == [os.getpid()] * 2


def test_the_provider_runs_on_a_worker(bypass: MakeBypass) -> None:
    bypass("{work: true}").set_provider("work", lambda *_: os.getpid())
    assert get(work.chia_remote()) != os.getpid()


def test_ray_sees_the_same_task_under_a_name_that_says_so(bypass: MakeBypass) -> None:
    build = Build()
    real = get(build.run.options(name="mine").chia_remote(build, 1))
    made = bypass("{Build.run: true}")
    assert (real["name"], real["resources"]) == ("mine", {"CPU": 2, "fpga": 1})
    bypassed = []
    made.set_provider("Build.run", location)
    for handle in (build.run, build.run.options(name="mine"), build.run.options(num_cpus=2)):
        bypassed.append(get(handle.chia_remote(build, 1)))
    assert bypassed == [{**real, "name": "BYPASS_Build.run"}] * 3


def test_options_of_the_call_hold_for_the_provider(bypass: MakeBypass) -> None:
    bypass("{Build.run: true}").set_provider("run", location)
    build = Build()
    handle = build.run.options(
        num_cpus=1, resources={"sim": 2}, runtime_env={"env_vars": {"FLAVOUR": "sour"}}
    )
    seen = get(handle.chia_remote(build, 1))
    assert (seen["resources"], seen["environment"]) == ({"CPU": 1, "sim": 2}, "sour")


@pytest.mark.parametrize("by_strategy", [True, False])
def test_placement_groups_hold_for_the_provider(bypass: MakeBypass, by_strategy: bool) -> None:
    bypass("{work: true}").set_provider("work", location)
    group = placement_group([{"CPU": 1, "sim": 1}])
    ray.get(group.ready(), timeout=60)
    strategy = PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=0)
    try:
        options: dict[str, Any] = (
            {"scheduling_strategy": strategy}
            if by_strategy
            else {"placement_group": group, "placement_group_bundle_index": 0}
        )
        seen = get(work.options(resources={"sim": 1}, **options).chia_remote())
    finally:
        remove_placement_group(group)
    assert seen["group"] == group.id.hex()
    assert seen["name"] == "BYPASS_work"


def test_other_strategies_hold_for_the_provider(bypass: MakeBypass) -> None:
    bypass("{work: true}").set_provider("work", location)
    node = ray.get_runtime_context().get_node_id()
    there = NodeAffinitySchedulingStrategy(node, soft=False)
    assert get(work.options(scheduling_strategy=there).chia_remote())["node"] == node
    nowhere = NodeAffinitySchedulingStrategy("1" * len(node), soft=False)
    with pytest.raises(TaskUnschedulableError):
        get(work.options(scheduling_strategy=nowhere).chia_remote())


def test_several_returns_of_a_provider(bypass: MakeBypass) -> None:
    bypass("{work: true}").set_provider("work", lambda *_: ("a", "b"))
    references: Any = work.options(num_returns=2).chia_remote()
    assert get(references) == ["a", "b"]


def test_retries_are_those_of_the_call(bypass: MakeBypass, tmp_path: Path) -> None:
    tries = tmp_path / "tries"

    def second_time_lucky(*_: Any) -> int:
        with tries.open("a") as file:
            file.write("x")
        if tries.stat().st_size < 2:
            raise ValueError("again")
        return tries.stat().st_size

    bypass("{work: true}").set_provider("work", second_time_lucky)
    assert get(work.options(retry_exceptions=True, max_retries=1).chia_remote()) == 2


def test_the_provider_of_a_generator_may_return_a_list(bypass: MakeBypass) -> None:
    @ChiaFunction()
    def count(n: int) -> Iterator[int]:
        yield from range(n)

    made = bypass("{count: true}")
    made.set_provider("count", lambda *_: [7, 8])
    streamed: Any = count.chia_remote(3)
    assert [get(ref) for ref in streamed] == [7, 8]

    def generator(*_: Any) -> Iterator[int]:
        yield 9

    made.set_provider("count", generator)
    streamed = count.chia_remote(3)
    assert [get(ref) for ref in streamed] == [9]


def test_references_are_resolved_and_passed_on_as_for_real_calls(bypass: MakeBypass) -> None:
    @ChiaFunction()
    def real(x: Any, y: int = 0) -> Any:
        return x, y

    bypass("{work: true}").set_provider("work", lambda tag, data, *args, **kw: (args, kw))
    first = real.chia_remote(ray.put(1), y=real.chia_remote(2))
    second = work.chia_remote(first, key=ray.put("value"))
    third = real.chia_remote(second)
    ready, pending = ray.wait([first, second, third], num_returns=3, timeout=60)
    assert (len(ready), pending) == (3, [])
    expected = (((1, (2, 0)),), {"key": "value"})
    assert get([second, third]) == [expected, (expected, 0)]
    assert ray.get(second) == expected


def test_an_exception_in_a_provider_reaches_the_caller_as_itself(bypass: MakeBypass) -> None:
    class Custom(Exception):
        pass

    def fail(tag: str | None, *_: Any) -> None:
        raise (Custom if tag else LookupError)("why")

    bypass("{work: true}").set_provider("work", fail)
    with pytest.raises(LookupError, match="why"):
        get(work.chia_remote())
    with pytest.raises(Custom, match="why"):
        get(work.chia_remote(_chia_tag="t"))


def test_hooks_are_skipped(bypass: MakeBypass, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    bypass("{work: {bypass: true, tags: served}}").set_provider("work", echo)
    hooks: dict[str, Any] = {"_chia_setup": mark.touch, "_chia_cleanup": mark.touch}
    assert get(work.chia_remote(1, _chia_tag="served", **hooks)) == ("served", None, (1,), {})
    assert not mark.exists()
    assert get(work.chia_remote(1, **hooks)) == "real"
    assert mark.exists()


def test_keywords_of_any_name_reach_a_provider_that_can_take_them(bypass: MakeBypass) -> None:
    given = dict.fromkeys(("tag", "data_path", "state", "func", "self", "provider"), 1)
    made = bypass("{work: true}")
    made.set_provider("work", lambda t, d, /, *args, **kwargs: (args, kwargs))
    made.set_cond("work", lambda t, d, /, *args, **kwargs: kwargs == given)
    assert get(work.chia_remote(2, **given)) == ((2,), given)


def test_a_keyword_tag_goes_by_position_past_a_parameter_tag(bypass: MakeBypass) -> None:
    @ChiaFunction()
    def tagged(x: int, tag: str = "", *, data: int = 0) -> str:
        return "real"

    made, asked = bypass("{tagged: true}"), []

    def cond(tag: str | None, data_path: str | None, *args: Any, **kwargs: Any) -> bool:
        asked.append((tag, args, kwargs))
        return True

    made.set_provider("tagged", echo)
    made.set_cond("tagged", cond)
    result: Any = get(tagged.chia_remote(1, tag="theirs", data=2, _chia_tag="ours"))
    assert result == ("ours", None, (1, "theirs"), {"data": 2})
    assert asked == [("ours", (1, "theirs"), {"data": 2})]


def test_providers_are_pickled_at_each_dispatch(bypass: MakeBypass) -> None:
    captured = {"value": 1}
    bypass("{work: true}").set_provider("work", lambda *_: captured["value"])
    first = get(work.chia_remote())
    captured["value"] = 2
    assert (first, get(work.chia_remote())) == (1, 2)


def test_a_provider_may_capture_references_and_handles(bypass: MakeBypass) -> None:
    reference = ray.put("kept")
    bypass("{work: true}").set_provider("work", lambda *_: ray.get(reference))
    assert get([work.chia_remote() for _ in range(3)]) == ["kept"] * 3


class Locked:
    """What cannot be pickled."""

    def __call__(self, *_: Any) -> bool:
        return True

    def __reduce__(self) -> Any:
        raise RuntimeError("not me")


@pytest.mark.parametrize("role", ["provider", "condition"])
def test_what_cannot_be_pickled_fails_at_the_dispatch(bypass: MakeBypass, role: str) -> None:
    made = bypass("{other: true}")
    made.set_provider("other", echo)
    if role == "provider":
        made.set_provider("other", Locked())
    else:
        made.set_cond("other", Locked())
    with pytest.raises(TypeError) as caught:
        work.chia_remote()
    assert isinstance(caught.value, NotPicklable)
    for part in ("other", role, "Locked object", "RuntimeError: not me"):
        assert part in str(caught.value)


def test_an_argument_that_cannot_be_pickled_is_not_blamed_on_the_provider(
    bypass: MakeBypass,
) -> None:
    bypass("{work: true}").set_provider("work", echo)
    with pytest.raises(RuntimeError, match="not me"):
        work.chia_remote(Locked())


def test_a_hook_that_cannot_be_pickled_is_named(bypass: MakeBypass) -> None:
    with pytest.raises(NotPicklable, match="work: its setup hook"):
        work.chia_remote(_chia_setup=Locked())


def test_the_trampoline_is_exported_once(
    bypass: MakeBypass, monkeypatch: pytest.MonkeyPatch
) -> None:
    @ChiaFunction()
    def counted() -> int:
        return 0

    made = bypass("{counted: true}")
    exported: list[Any] = []
    manager = global_worker.function_actor_manager
    export = manager.export

    def export_noted(function: Any) -> None:
        exported.append(function)
        export(function)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(manager, "export", export_noted)
    for value in (1, 2, 3):
        made.set_provider("counted", lambda *_, value=value: value)
        assert get(counted.chia_remote()) == value
        assert get(counted.options(num_cpus=value % 2).chia_remote()) == value
    assert len(exported) == 1


def test_the_function_itself_does_not_travel_with_a_bypassed_call(bypass: MakeBypass) -> None:
    locked = Locked()

    @ChiaFunction()
    def heavy() -> Any:
        return locked

    bypass("{heavy: true}").set_provider("heavy", echo)
    assert get(heavy.chia_remote()) == (None, None, (), {})


def test_max_calls_ends_the_worker_of_a_provider(bypass: MakeBypass) -> None:
    @ChiaFunction(max_calls=1)
    def process() -> int:
        return 0

    bypass("{process: true}").set_provider("process", lambda *_: os.getpid())
    assert len({process.chia_remote_blocking() for _ in range(3)}) == 3


def test_a_second_bypass_replaces_the_first(bypass: MakeBypass) -> None:
    bypass("{work: true}").set_provider("work", lambda *_: "first")
    assert get(work.chia_remote()) == "first"
    second = bypass("{work: true}")
    second.set_provider("work", lambda *_: "second")
    assert get(work.chia_remote()) == "second"
    assert get_active_bypass() is second
    Bypass(None)
    assert get(work.chia_remote()) == "real"
