"""`record` and `replay` around a block, in the process of the test."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
from support.loop_runner import IMPORTS, Loops

import chia_bypass
from chia_bypass import ChiaFunction, Miss, RecordingExists, Swallowed, get
from chia_bypass.recording.reader import Recording

pytestmark = pytest.mark.usefixtures("ray_session")


@ChiaFunction(num_cpus=0)
def draw(x: int) -> tuple[int, bytes]:
    return x, os.urandom(8)


@ChiaFunction(num_cpus=0)
def repeat(text: str) -> str:
    return text


def test_a_block_is_recorded_and_replayed(tmp_path: Path) -> None:
    with chia_bypass.record(tmp_path / "r") as folder:
        recorded = [get(draw.chia_remote(x)) for x in (1, 1, 2)]
    assert Recording.open(folder).complete
    assert get(draw.chia_remote(1)) not in recorded  # outside, it is drawn anew
    with chia_bypass.replay(folder) as replaying:
        assert [get(draw.chia_remote(x)) for x in (1, 1, 2)] == recorded
    assert (len(replaying.outcome.events), replaying.outcome.unused) == (3, ())
    assert repr(replaying) == f"<Replaying: {replaying.outcome.final_line}>"
    assert get(draw.chia_remote(1)) not in recorded


def test_a_miss_is_raised_where_it_happens_and_cannot_be_swallowed(tmp_path: Path) -> None:
    with chia_bypass.record(tmp_path / "r") as folder:
        get(draw.chia_remote(1))
    with pytest.raises(Miss, match="recorded under other arguments"):
        with chia_bypass.replay(folder):
            draw.chia_remote(2)
    with pytest.raises(Miss, match=r"or use live=\['repeat'\]"):
        with chia_bypass.replay(folder):
            repeat.chia_remote("a")
    with pytest.raises(Swallowed, match="recorded under other arguments"):
        with chia_bypass.replay(folder):
            with contextlib.suppress(Miss):
                draw.chia_remote(2)


def test_a_block_that_raises_leaves_its_recording(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), chia_bypass.record(tmp_path / "r"):
        get(draw.chia_remote(1))
        raise ZeroDivisionError
    recording = Recording.open(tmp_path / "r")
    assert [closed.status for closed in recording.contents.closed] == [1]
    assert len(list(recording.calls())) == 1
    with pytest.raises(RecordingExists), chia_bypass.record(tmp_path / "r"):
        pass


def test_a_block_without_a_call_leaves_nothing(tmp_path: Path) -> None:
    with chia_bypass.record(tmp_path / "r"):
        pass
    assert not (tmp_path / "r").exists()


def test_a_block_keeps_secrets_and_counts_other_arguments_as_it_is_told(tmp_path: Path) -> None:
    with chia_bypass.record(tmp_path / "r", redact=[r"hush-\d+"], keep_env=["HOME"]) as folder:
        assert get(repeat.chia_remote("hush-1 said", _chia_tag="t")) == "hush-1 said"
    recording = Recording.open(folder)
    assert recording.contents.runs[0].kept == {"HOME": os.environ["HOME"]}
    with chia_bypass.replay(folder, args="strict", latency="recorded") as replaying:
        served = get(repeat.chia_remote("hush-2 said", _chia_tag="t"))  # the same but for a secret
    assert "hush" not in served
    assert served.endswith(" said")
    assert not replaying.outcome.drifted
    with chia_bypass.replay(folder) as replaying:
        assert get(repeat.chia_remote("other", _chia_tag="t")) == served
    assert len(replaying.outcome.drifted) == 1
    with pytest.raises(Miss), chia_bypass.replay(folder, args="strict"):
        repeat.chia_remote("other", _chia_tag="t")


IN_A_SCRIPT = """
import chia_bypass

@ChiaFunction(num_cpus=0)
def build(x):
    real("build")
    return x + 1

with chia_bypass.record("r"):
    ray.init(address=ADDRESS)
    print(get(build.chia_remote(1)))
    ray.shutdown()
with chia_bypass.replay("r", address=ADDRESS, live=["build"]) as replaying:
    ray.init(resources={"fpga": 1})  # joins: a Ray made for the replay would only pretend to
    print(get(build.chia_remote(1)), ray.get_runtime_context().gcs_address == ADDRESS)
print(replaying.outcome.served)
"""


def test_a_block_replays_on_the_cluster_that_it_is_told(loops: Loops) -> None:
    script = IMPORTS.format(log=str(loops.log)) + IN_A_SCRIPT
    (loops.folder / "loop.py").write_text(script.replace("ADDRESS", repr(loops.address)))
    done = loops.python("loop.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-3:] == ["2", "2 True", "Counter()"]
    assert loops.real_runs() == ["build", "build"]


def test_a_parent_that_returns_its_childs_reference_does_not_hang(loops: Loops) -> None:
    printed = loops.round_trip_here("""
@ChiaFunction(resources={"fpga": 1})
def child(x):
    real("child")
    return x + 1

@ChiaFunction(resources={"fpga": 1})
def parent(x):
    real("parent")
    return child.chia_remote(x)

reference = get(parent.chia_remote(1))
print(get(reference))
""")
    assert printed == "2\n"


def test_threads_that_make_the_same_call_keep_their_answers(loops: Loops) -> None:
    printed = loops.round_trip_here("""
@ChiaFunction(num_cpus=0)
def f(x):
    real("f")
    return int.from_bytes(os.urandom(8), "big")

answers = {}
started = threading.Barrier(4)

def work_a():
    started.wait()
    answers["a"] = [get(f.chia_remote(1)) for _ in range(3)]

def work(name):
    started.wait()
    answers[name] = [get(f.chia_remote(1)) for _ in range(3)]

threads = [threading.Thread(target=work_a)]
threads += [threading.Thread(target=work, args=(name,)) for name in "bcd"]
for thread in threads: thread.start()
for thread in threads: thread.join()
for name in sorted(answers): print(name, answers[name])
""")
    assert len(printed.splitlines()) == 4
