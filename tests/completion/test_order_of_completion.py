"""A loop that decides on what finishes first takes the recorded way, each time it is replayed."""

from __future__ import annotations

import inspect
import os
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
import ray
from ray import cloudpickle
from support import plain_races, search_loops
from support.search_loops import SEARCHES

import chia_bypass
from chia_bypass import ChiaFunction, get

# Workers cannot import the modules of tests.
for module in (search_loops, plain_races):
    cloudpickle.register_pickle_by_value(module)  # type: ignore[no-untyped-call]
TIMES, CALLS = (50, 200) if os.environ.get("CHIA_BYPASS_THOROUGH") else (2, 60)


@pytest.mark.usefixtures("ray_session")
@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_takes_the_recorded_way(tmp_path: Path, name: str) -> None:
    search = SEARCHES[name]
    with chia_bypass.record(tmp_path / "r") as folder:
        recorded = search(CALLS)
    for _ in range(TIMES):
        with chia_bypass.replay(folder) as replaying:
            assert search(CALLS) == recorded
        replayed = replaying.outcome
        assert (replayed.unused, replayed.out_of_order) == ((), ())
        assert len(replayed.served) == CALLS


@ChiaFunction(num_cpus=0)
def when(flag: str, x: int) -> int:
    """``x``, once the file is there; at once if there is to be none."""
    while flag and not Path(flag).exists():
        time.sleep(0.01)
    return x


@ChiaFunction(num_cpus=0)
def searching(calls: int) -> int:
    return SEARCHES["blocking"](calls)


@pytest.mark.usefixtures("ray_session")
def test_so_does_a_real_call_whose_own_calls_are_served(tmp_path: Path) -> None:
    with chia_bypass.record(tmp_path / "r") as folder:
        recorded = get(searching.chia_remote(40))
    for _ in range(3):
        with chia_bypass.replay(folder, live=("searching",)) as replaying:
            assert get(searching.chia_remote(40)) == recorded
        assert (len(replaying.outcome.served), replaying.outcome.out_of_order) == (40, ())


@pytest.mark.usefixtures("ray_session")
@pytest.mark.parametrize("loop", plain_races.LOOPS)
def test_what_plain_actors_and_tasks_return_is_reported_as_it_was(
    tmp_path: Path, loop: Callable[[Path, int], list[object]]
) -> None:
    with chia_bypass.record(tmp_path / "r") as folder:
        recorded = loop(tmp_path / "recorded", 2)
    assert sorted(map(str, recorded)) == ["0", "1", "2"]
    for winner in (0, 1):
        with chia_bypass.replay(folder) as replaying:
            assert loop(tmp_path / str(winner), winner) == recorded
        replayed = replaying.outcome
        assert (replayed.unused, replayed.out_of_order, replayed.not_checked) == ((), (), {})
        assert len(replayed.served) == 3


@pytest.mark.usefixtures("ray_session")
def test_a_wait_for_more_than_was_noted_ends_with_as_many_as_it_wants(tmp_path: Path) -> None:
    task: Any = ray.remote(num_cpus=0)(plain_races._run)

    def two() -> list[Any]:
        get(plain_races.note.chia_remote("begin"))
        return [task.remote("", str(tmp_path / name)) for name in "ab"]

    with chia_bypass.record(tmp_path / "r") as folder:
        first, second = two()
        assert ray.wait([second])[0] == [second]
    with chia_bypass.replay(folder):
        first, second = two()
        assert ray.wait([first, second], num_returns=2)[0] == [first, second]
        first, second = two_more = [task.remote("", str(tmp_path / name)) for name in "cd"]
        assert ray.wait(two_more, num_returns=2) == (two_more, [])


def reversed_pair(folder: Path) -> list[Any]:
    """Record two calls of which the second finishes first, as a wait reports; its references."""
    flag = folder / "flag"
    with chia_bypass.record(folder / "r"):
        pair = [when.chia_remote(str(flag), 0), when.chia_remote("", 1)]
        first, second = ray.wait(pair)
        assert get(first) == [1]
        flag.touch()
        assert ray.wait(second)[0] == second
    return pair


@pytest.mark.usefixtures("ray_session")
@pytest.mark.parametrize(("order", "found"), [("recorded", 0), ("free", 1)])
def test_the_order_may_be_free(
    tmp_path: Path, order: Literal["recorded", "free"], found: int
) -> None:
    reversed_pair(tmp_path)
    with chia_bypass.replay(tmp_path / "r", order=order):
        pair = [when.chia_remote(str(tmp_path / "flag"), 0), when.chia_remote("", 1)]
        inspect.unwrap(ray.wait)(pair, num_returns=2)  # both are there, and the loop was not told
        assert ray.wait(pair[:1], timeout=0)[0] == pair[:found]
        assert ray.wait(pair, num_returns=2) == (pair, [])


@pytest.mark.usefixtures("ray_session")
def test_futures_get_their_results_in_the_recorded_order(tmp_path: Path) -> None:
    def backwards() -> list[int]:
        ended: list[int] = []
        flags = [tmp_path / str(x) for x in range(10)]
        pending = [when.chia_remote(str(flag), x).future() for x, flag in enumerate(flags)]
        for future in pending:
            future.add_done_callback(lambda done: ended.append(done.result()))
        for flag, future in reversed([*zip(flags, pending, strict=True)]):
            flag.touch()
            future.result()
        return [x for x in ended if x != 9]  # which may end before it has its callback

    with chia_bypass.record(tmp_path / "r") as folder:
        recorded = backwards()
    assert recorded == [8, 7, 6, 5, 4, 3, 2, 1, 0]
    with chia_bypass.replay(folder):
        assert backwards() == recorded


@pytest.mark.usefixtures("ray_session")
def test_a_call_that_never_comes_is_waited_for_until_patience_ends(tmp_path: Path) -> None:
    def look(x: int) -> None:
        ray.wait([when.chia_remote("", x)])

    with chia_bypass.record(tmp_path / "r", script="search") as folder:
        other = threading.Thread(target=look, args=(0,))
        other.start()
        other.join()
        look(1)
    with chia_bypass.replay(folder, patience=0.2, script="search") as replaying:
        look(1)
    (reason,) = replaying.outcome.out_of_order
    assert "search.0/0" in reason
    assert "0.2 s" in reason
    assert replaying.outcome.exit_status(0) == 0
    assert replaying.outcome.exit_status(0, strict=True) != 0


@pytest.mark.usefixtures("ray_session")
def test_a_wait_that_timed_out_does_so_again_at_once(tmp_path: Path) -> None:
    flag = tmp_path / "flag"

    def impatient(seconds: float) -> list[int]:
        pair = [when.chia_remote(str(flag), 0), when.chia_remote("", 1)]
        ready, rest = ray.wait(pair, num_returns=2, timeout=seconds)
        assert get(ready) == [1]
        late, rest = ray.wait(rest, timeout=seconds)
        third = when.chia_remote("", 2)
        flag.touch()
        got, _ = ray.wait([*rest, third], num_returns=2)
        return get([*ready, *late, *got])

    with chia_bypass.record(tmp_path / "r") as folder:
        recorded = impatient(3)
    assert recorded == [1, 0, 2]
    with chia_bypass.replay(folder):
        assert impatient(1000) == recorded


@pytest.mark.usefixtures("ray_session")
@pytest.mark.parametrize("name", ["blocking", "polling", "racing", "threads", "first_completed"])
def test_what_a_replay_adds_is_in_the_order_in_which_the_loop_learned_of_it(
    tmp_path: Path, name: str
) -> None:
    """The longer search turns off the shorter one's way while calls of that are under way."""
    search = SEARCHES[name]
    with chia_bypass.record(tmp_path / "r") as folder:
        search(20)
    for calls in (35, 50):
        with chia_bypass.replay(folder, on_miss="record") as adding:
            grown = search(calls)
        assert len(adding.outcome.served) < calls
        for _ in range(TIMES):
            with chia_bypass.replay(folder) as replaying:
                assert search(calls) == grown
            replayed = replaying.outcome
            assert (len(replayed.served), replayed.out_of_order) == (calls, ())


@pytest.mark.usefixtures("ray_session")
def test_polls_that_the_added_to_run_did_not_need_are_not_had_in_its_replay(tmp_path: Path) -> None:
    """What was looked for in vain three times is there at the first look beside another call."""

    @ChiaFunction(num_cpus=0)
    def released(x: int) -> int:
        while not (tmp_path / str(x)).exists():
            time.sleep(0.01)
        return x

    def poll(calls: int) -> list[list[int]]:
        references = [released.chia_remote(x) for x in range(calls)]
        pending, looks = references, list[list[int]]()
        while pending:
            ready, pending = ray.wait(pending, num_returns=len(pending), timeout=0)
            looks.append(get(ready))
            if len(looks) in (3, 5):
                (tmp_path / str(len(looks) // 5)).touch()
                inspect.unwrap(ray.wait)([references[len(looks) // 5]])  # and is not told of it
        return looks

    with chia_bypass.record(tmp_path / "r", script="search") as folder:
        assert poll(1) == [[], [], [], [0]]
    with chia_bypass.replay(folder, on_miss="record", script="search") as adding:
        grown = poll(2)
    assert len(adding.outcome.served) == 1
    assert grown == [[0], [], [], [], [], [1]]
    with chia_bypass.replay(folder, script="search") as replaying:
        assert poll(2) == grown
    assert replaying.outcome.out_of_order == ()


@ChiaFunction(num_cpus=0)
def fail(x: int) -> int:
    raise ValueError(x)


def failures() -> list[str]:
    """The tracebacks of calls that fail, got by the main thread and by another."""

    def look() -> None:
        try:
            get(fail.chia_remote(1))
        except ValueError:
            texts.append(traceback.format_exc())

    texts: list[str] = []
    look()
    other = threading.Thread(target=look)
    other.start()
    other.join()
    return texts


@pytest.mark.usefixtures("ray_session")
def test_errors_that_a_get_raises_do_not_tell_of_us(tmp_path: Path) -> None:
    with chia_bypass.record(tmp_path / "r") as folder:
        recorded = failures()
    with chia_bypass.replay(folder):
        replayed = failures()
    ours = Path(chia_bypass.__file__).parent / "completion"
    assert len(recorded) == len(replayed) == 2
    for text in (*recorded, *replayed):
        assert str(ours) not in text
        assert "ray_wait.py" not in text
