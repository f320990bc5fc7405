"""What dispatching owes to an engine that records or replays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
import ray

from chia_bypass import Bypass, ChiaFunction, engine, get, get_active_bypass
from chia_bypass.bypass.runtime import activate
from chia_bypass.engine import Dispatch, Invocation, Plan, Unanswered

pytestmark = pytest.mark.usefixtures("ray_session")

R = TypeVar("R")


class Marking:
    """A token that shows what it saw of the body."""

    def run(self, body: Callable[[], R], invocation: Invocation) -> Any:
        try:
            return ("value", body())
        except Exception as error:
            return ("error", str(error))


@dataclass
class Recording:
    """An engine that notes what it is told and plans as it was told."""

    planned: Plan = field(default_factory=Plan)
    told: list[Any] = field(default_factory=list)

    def plan(self, dispatch: Dispatch) -> Plan:
        self.told.append(("plan", dispatch))
        return self.planned

    def bypassed(self, dispatch: Dispatch) -> None:
        self.told.append(("bypassed", dispatch))

    def ran_in_place(self, function: Callable[..., Any]) -> None:
        self.told.append(("in place", function))

    def stored(self, reference: Any, value: Any) -> None:
        self.told.append(("stored", value))

    def unanswered(
        self, reference: Any, how: Unanswered, error: BaseException | None = None
    ) -> None:
        self.told.append(("unanswered", how))

    def completions(self) -> None:
        return None

    def flush(self) -> None:
        self.told.append(("flush",))

    def started(self, kind: str, name: str, process: bytes) -> None:
        self.told.append(("started", kind, name))

    def asks(self, actor: Any, method: str, args: Any, kwargs: Any) -> None: ...

    def asked(self, actor: Any, method: str, returned: Any) -> None:
        self.told.append(("asked", method))


@pytest.fixture
def running() -> Iterator[Recording]:
    activate(None)
    recording = Recording()
    engine.activate(recording)
    yield recording
    engine.activate(None)
    activate(None)


@ChiaFunction(resources={"sim": 1}, num_cpus=1)
def work(x: Any, **kwargs: Any) -> Any:
    if x == "fail":
        raise ValueError("failed")
    return x, kwargs, get_active_bypass() is not None


def test_it_is_asked_with_the_call_as_the_loop_made_it(running: Recording) -> None:
    reference = ray.put(1)
    handle = work.options(num_cpus=2, name="n")
    ref = handle.chia_remote(reference, self=2, _chia_tag="t", _chia_setup=print)
    (dispatch,) = [told for kind, told in running.told if kind == "plan"]
    assert {kind for kind, _ in running.told} <= {"plan", "stored"}  # what ray.put is given, too
    assert dispatch == Dispatch(
        work.__wrapped__,
        "t",
        (reference,),
        {"self": 2},
        {"resources": {"sim": 1}, "num_cpus": 2, "name": "n"},
    )
    assert get(ref) == (1, {"self": 2}, False)


def test_the_token_wraps_the_real_function(running: Recording) -> None:
    running.planned = Plan(token=Marking())
    assert get(work.chia_remote(1)) == ("value", (1, {}, False))
    assert get(work.chia_remote("fail")) == ("error", "failed")


def test_what_a_setup_raises_is_the_outcome_and_what_a_cleanup_raises_is_not(
    running: Recording,
) -> None:
    def fail() -> None:
        raise ValueError("hook")

    running.planned = Plan(token=Marking())
    assert get(work.chia_remote(1, _chia_setup=fail)) == ("error", "hook")
    assert get(work.chia_remote(1, _chia_cleanup=fail)) == ("value", (1, {}, False))


def test_a_planned_provider_serves_the_call(running: Recording) -> None:
    returned: list[Any] = []

    def provider(tag: str | None, data: str | None, *args: Any, **kwargs: Any) -> Any:
        context = ray.get_runtime_context()
        return tag, data, args, kwargs, context.get_task_name(), get_active_bypass() is None

    running.planned = Plan(provider, "data", dispatched=returned.append)
    ref = work.chia_remote(1, y=2, _chia_tag="t")
    assert get(ref) == ("t", "data", (1,), {"y": 2}, "work", True)
    assert returned == [ref]


def test_the_plan_learns_what_ray_returned(running: Recording) -> None:
    returned: list[Any] = []
    running.planned = Plan(dispatched=returned.append)
    pair: Any = work.options(num_returns=3).chia_remote(1)
    assert returned == [pair]
    assert get(pair) == [1, {}, False]


def test_a_miss_comes_out_of_the_dispatch(running: Recording) -> None:
    class Miss(Exception):
        pass

    def refuse(dispatch: Dispatch) -> Plan:
        raise Miss

    running.plan = refuse  # type: ignore[method-assign]
    with pytest.raises(Miss):
        work.chia_remote(1)


def test_the_loops_own_bypass_comes_first(running: Recording, tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("bypass: {work: {bypass: true, tags: mine}}")
    Bypass(tmp_path / "b.yaml").set_provider("work", lambda *_: "mine")
    running.planned = Plan(token=Marking())
    assert get(work.chia_remote(1, _chia_tag="mine")) == "mine"
    assert get(work.chia_remote(1, _chia_tag="other")) == ("value", (1, {}, True))
    assert [(kind, dispatch.tag) for kind, dispatch in running.told] == [
        ("bypassed", "mine"),
        ("plan", "other"),
    ]


def test_calls_in_place_are_counted(running: Recording) -> None:
    assert work(1) == (1, {}, False)
    assert running.told == [("in place", work.__wrapped__)]


def test_a_generator_passes_through_the_token(running: Recording) -> None:
    @ChiaFunction(num_cpus=0)
    def count() -> Iterator[int]:
        yield 1

    class Passing:
        def run(self, body: Callable[[], R], invocation: Invocation) -> R:
            return body()

    running.planned = Plan(token=Passing())
    streamed: Any = count.chia_remote()
    assert [get(ref) for ref in streamed] == [1]
