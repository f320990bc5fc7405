"""Real dispatches: what arrives, what comes back, and what Ray is told."""

from __future__ import annotations

import inspect
import os
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
import ray
from ray._private.worker import global_worker
from ray.exceptions import GetTimeoutError

from chia_bypass import Bypass, ChiaCallRemote, ChiaFunction, UsageError, get
from chia_bypass.bypass.runtime import activate

if TYPE_CHECKING:  # workers import this module, and have no helpers of the tests
    from support.loop_runner import Loops

pytestmark = pytest.mark.usefixtures("ray_session")


@pytest.fixture(autouse=True)
def _no_bypass() -> None:
    activate(None)


def _task_name() -> str | None:
    name: str | None = ray.get_runtime_context().get_task_name()
    return name


@ChiaFunction()
def add(a: int, b: int = 1) -> int:
    """Adds."""
    return a + b


@ChiaFunction()
def anything(*args: Any, **kwargs: Any) -> Any:
    return args, kwargs


@ChiaFunction(num_cpus=0)
def task_name() -> str | None:
    return _task_name()


class Node:
    def __init__(self, gain: int) -> None:
        self.gain = gain

    @ChiaFunction()
    def scale(self, x: int) -> int:
        return self.gain * x

    @staticmethod
    @ChiaFunction()
    def static(x: int) -> int:
        return x + 1

    @ChiaFunction()
    @staticmethod
    def static_inside(x: int) -> int:
        return x + 2


def test_a_call_in_place_runs_here() -> None:
    assert add(1, b=2) == 3
    assert Node(3).scale(2) == 6
    # Checkers lose what a static method of an object takes.
    static: list[Any] = [Node.static, Node(0).static]
    static_inside: list[Any] = [Node.static_inside, Node(0).static_inside]
    assert [call(1) for call in static] == [2, 2]
    assert [call(1) for call in static_inside] == [3, 3]


def test_every_way_to_dispatch() -> None:
    assert get(add.chia_remote(1, b=2)) == 3
    assert add.chia_remote_blocking(1) == 2
    assert get(ChiaCallRemote(add, 5)) == 6
    assert get(add.options(num_cpus=0).chia_remote(1)) == 2
    assert get(add.options(num_cpus=0).remote(2)) == 3
    assert add.options(num_cpus=0).chia_remote_blocking(3) == 4


def test_methods_are_dispatched_with_their_object() -> None:
    node = Node(3)
    assert get(node.scale.chia_remote(node, 2)) == 6
    assert get(Node.scale.chia_remote(node, x=3)) == 9
    assert get(node.scale.options(num_cpus=0).chia_remote(node, 4)) == 12
    assert get(ChiaCallRemote(node.scale, node, 5)) == 15
    assert get(Node.static.chia_remote(1)) == 2
    assert get(Node(0).static_inside.chia_remote(1)) == 3  # type: ignore[call-overload]


def test_get_takes_one_reference_or_a_list() -> None:
    assert get([add.chia_remote(i) for i in range(3)]) == [1, 2, 3]
    assert get([]) == []


def test_get_gives_up_after_the_timeout() -> None:
    with pytest.raises(GetTimeoutError):
        get(add.options(resources={"nowhere": 1}).chia_remote(1), timeout=0.01)


def undecorated() -> None: ...


def test_call_remote_refuses_what_is_not_decorated() -> None:
    with pytest.raises(TypeError, match="undecorated is not decorated"):
        ChiaCallRemote(undecorated)  # type: ignore[call-overload]


def test_references_work_as_rays_own() -> None:
    first = add.chia_remote(1)
    assert isinstance(first, ray.ObjectRef)
    second = add.chia_remote(first, b=ray.put(10))
    done, pending = ray.wait([first, second], num_returns=2, timeout=60)
    assert (len(done), pending) == (2, [])
    assert ray.get(second) == 12


KEYWORDS = ("tag", "data_path", "state", "func", "self", "envelope", "args", "kwargs", "name")


@pytest.mark.parametrize("options", [{}, {"num_cpus": 0.5}])
def test_a_keyword_argument_may_have_any_name(options: dict[str, Any]) -> None:
    given = {name: name for name in KEYWORDS}
    handle = anything.options(**options) if options else anything
    assert get(handle.chia_remote(1, **given)) == ((1,), given)
    assert anything(**given) == ((), given)


def test_reserved_keywords_do_not_reach_the_function() -> None:
    reserved: dict[str, Any] = {
        "_chia_tag": "t",
        "_chia_display_name": "d",
        "_chia_setup": print,
        "_chia_setup_args": (1,),
        "_chia_cleanup": print,
        "_chia_cleanup_args": ("x",),
    }
    assert get(anything.chia_remote(1, b=2, **reserved)) == ((1,), {"b": 2})


def test_ray_knows_a_real_task_by_its_qualified_name() -> None:
    @ChiaFunction()
    def local() -> str | None:
        return _task_name()

    assert get(task_name.chia_remote()) == "task_name"
    assert get(local.chia_remote()) == local.__qualname__
    assert get(task_name.options(name="mine").chia_remote()) == "mine"
    assert get(task_name.options(num_cpus=0).chia_remote()) == "task_name"


def test_the_name_in_the_decorator_is_kept() -> None:
    @ChiaFunction(name="decorated")
    def named() -> str | None:
        return _task_name()

    assert get(named.chia_remote()) == "decorated"


def test_options_of_decorator_and_call_are_merged() -> None:
    @ChiaFunction(num_cpus=2, resources={"sim": 1}, max_retries=None)
    def assigned() -> dict[str, float]:
        return dict(ray.get_runtime_context().get_assigned_resources())

    assert get(assigned.chia_remote()) == {"CPU": 2, "sim": 1}
    assert get(assigned.options(num_cpus=1).chia_remote()) == {"CPU": 1, "sim": 1}
    assert get(assigned.options(num_cpus=None, resources={"db1": 2}).chia_remote()) == {
        "CPU": 2,
        "db1": 2,
    }


def test_equal_options_share_a_handle_and_others_do_not() -> None:
    same = {"resources": {"sim": 1, "db1": 1}, "num_cpus": 1}
    handle = add.options(**same)
    assert add.options(num_cpus=1, resources={"db1": 1, "sim": 1}) is handle
    assert add.options(num_cpus=1, resources={"db1": 1, "sim": 2}) is not handle
    environment = {"runtime_env": {"env_vars": {"A": "1"}}}
    assert add.options(**environment) is not add.options(**environment)


def test_options_that_ray_refuses_are_refused_where_they_are_written() -> None:
    with pytest.raises(ValueError, match="num_cpu"):
        ChiaFunction(num_cpu=1)(lambda: None)
    with pytest.raises(ValueError, match="max_calls"):
        add.options(max_calls=1)


def test_max_calls_ends_the_worker() -> None:
    @ChiaFunction(max_calls=1)
    def process() -> int:
        return os.getpid()

    assert len({process.chia_remote_blocking() for _ in range(3)}) == 3
    assert len({process.options(num_cpus=0).chia_remote_blocking() for _ in range(3)}) == 3


def test_the_function_is_exported_once(monkeypatch: pytest.MonkeyPatch) -> None:
    exported: list[Any] = []
    manager = global_worker.function_actor_manager
    export = manager.export

    def export_noted(function: Any) -> None:
        exported.append(function)
        export(function)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(manager, "export", export_noted)

    @ChiaFunction()
    def counted() -> int:
        return 1

    for cpus in (1, 2, 1):
        assert get([counted.chia_remote(), counted.options(num_cpus=cpus).chia_remote()]) == [1, 1]
    assert len(exported) == 1


def test_several_returns() -> None:
    @ChiaFunction(num_returns=2)
    def pair(x: int) -> tuple[int, int]:
        return x, -x

    references: Any = pair.chia_remote(3)
    assert get(references) == [3, -3]
    three: Any = anything.options(num_returns=2).chia_remote(1)
    assert get(three) == [(1,), {}]


def test_generators_stream() -> None:
    @ChiaFunction()
    def count(n: int) -> Iterator[int]:
        yield from range(n)

    streamed: Any = count.chia_remote(3)
    assert [get(ref) for ref in streamed] == [0, 1, 2]
    limited: Any = count.options(num_returns=2).chia_remote(2)
    assert get(limited) == [0, 1]


@pytest.mark.parametrize("kind", ["streaming", "dynamic"])
def test_a_function_that_returns_a_generator_streams_when_asked(kind: str) -> None:
    @ChiaFunction()
    def count(n: int) -> Iterator[int]:
        return (i for i in range(n))

    result: Any = count.options(num_returns=kind).chia_remote(3)
    references = get(result) if kind == "dynamic" else result
    assert [get(ref) for ref in references] == [0, 1, 2]


def test_an_async_function_is_refused_with_a_way_out() -> None:
    with pytest.raises(UsageError, match=r"async.*asyncio\.run"):

        @ChiaFunction()
        async def wrong() -> None: ...


def test_exceptions_reach_the_caller_as_themselves() -> None:
    @ChiaFunction(max_retries=0)
    def fail() -> None:
        raise LookupError("where")

    with pytest.raises(LookupError, match="where"):
        get(fail.chia_remote())


def test_metadata_is_the_functions() -> None:
    assert (add.__name__, add.__doc__, add.__module__) == ("add", "Adds.", __name__)  # type: ignore[attr-defined]
    assert inspect.signature(add) == inspect.signature(add.__wrapped__)
    assert inspect.signature(add.chia_remote_blocking) == inspect.signature(add.__wrapped__)
    assert str(inspect.signature(Node(1).scale)) == "(x: 'int') -> 'int'"
    assert "add" in repr(add)


def test_threads_may_dispatch_together() -> None:
    @ChiaFunction(num_cpus=0)
    def identity(x: int) -> int:
        return x

    results: dict[int, int] = {}

    def dispatch(x: int) -> None:
        results[x] = get(identity.chia_remote(x))

    threads = [threading.Thread(target=dispatch, args=(x,)) for x in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {x: x for x in range(8)}


def test_a_bypass_without_yaml_changes_nothing() -> None:
    Bypass(None)
    assert get(add.chia_remote(1)) == 2
    assert get(task_name.chia_remote()) == "task_name"


SCRIPT = """
import ray
from chia_bypass import ChiaFunction, get
from helper_module import imported

ray.init(include_dashboard=False)

@ChiaFunction()
def fib(n):
    return n if n < 2 else sum(get([fib.chia_remote(n - 1), fib.chia_remote(n - 2)]))

class Node:
    @ChiaFunction(num_cpus=0)
    def build(self, x):
        return get(self.part.chia_remote(self, x)) + get(handle.chia_remote(x)) + imported(x)

    @ChiaFunction(num_cpus=0)
    def part(self, x):
        return x + get(imported.chia_remote(x))

handle = fib.options(num_cpus=0)

def undecorated():
    return get(fib.chia_remote(3))

@ray.remote
def plain_task():
    return undecorated()

print(get(fib.chia_remote(4)))
print(get(Node().build.chia_remote(Node(), 2)))
print(ray.get(plain_task.remote()))
"""


def test_functions_of_main_and_of_modules_travel(loops: Loops) -> None:
    (loops.folder / "helper_module.py").write_text(
        "from chia_bypass import ChiaFunction\n"
        "@ChiaFunction(num_cpus=0)\ndef imported(x): return 100 * x\n"
    )
    (loops.folder / "loop.py").write_text(SCRIPT)
    run = loops.python("loop.py")
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == ["3", str(2 + 200 + 1 + 200), "2"]
