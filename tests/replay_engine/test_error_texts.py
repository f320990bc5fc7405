"""The text of an error is part of the loop: the same plain, recorded and replayed."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import ray
from ray.exceptions import TaskCancelledError
from support.chia_loop_runner import ChiaLoops
from support.loop_runner import Loops

from chia_bypass.patches.ray_errors import RecordedText
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import Outcome, Raised
from chia_bypass.replay_engine.provider import Pending

SHOWN = """
import asyncio, builtins, re, traceback, warnings

def say(what, text):
    for line in f"{what}: {text}".split("\\n"):
        builtins.print("|", line.rstrip())  # Ray prints among it

def show(name, make):
    try:
        say(name, make())
    except BaseException as error:
        say(name, type(error).__mro__)
        say("str", error)
        say("repr", repr(error))
        cause = getattr(error, "cause", None)
        say("cause", (type(cause), str(cause), repr(cause), getattr(cause, "__dict__", None)))
        for attribute in ("function_name", "proctitle", "traceback_str"):
            say(attribute, getattr(error, attribute, None))
        say("traceback", traceback.format_exc())
"""

ERRORS = (
    SHOWN
    + """
class Custom(Exception):
    def __init__(self, message, number):
        super().__init__(message, number)
        self.number = number

class NoArguments(Exception):  # Ray cannot unpickle it
    def __init__(self, first, second):
        super().__init__(f"{first}, {second}")

class Locked(Exception):  # Ray cannot pickle it
    def __init__(self, message):
        super().__init__(message)
        self.lock = threading.Lock()

@ChiaFunction()
def plain(x):
    real("plain")
    raise ValueError(f"bad {x}")

@ChiaFunction()
def bare(x):
    raise Exception(f"bare {x}")

@ChiaFunction()
def chained(x):
    try:
        {}[x]
    except KeyError as error:
        raise RuntimeError("chained") from error

@ChiaFunction()
def in_context(x):
    try:
        {}[x]
    except KeyError:
        raise OSError(2, "no such file", "f")

@ChiaFunction()
def custom(x):
    raise Custom("token: abcdefgh", 3)  # looks like a secret

@ChiaFunction()
def not_unpickled(x):
    raise NoArguments("a", 3)

@ChiaFunction()
def not_pickled(x):
    raise Locked("locked")

@ChiaFunction(max_retries=1, retry_exceptions=[ValueError])
def retried(x):
    real("retried")
    raise ValueError("again")

@ChiaFunction()
def nested(x):
    return get(plain.chia_remote(x))

@ChiaFunction()
def nested_as_cause(x):
    try:
        get(plain.chia_remote(x))
    except ValueError as error:
        raise RuntimeError("outer") from error

@ChiaFunction()
def nested_text(x):
    try:
        get(plain.chia_remote(x))
    except ValueError as error:
        return str(error) + traceback.format_exc()

@ChiaFunction()
def interrupted(x):
    raise KeyboardInterrupt("by itself")

@ChiaFunction()
def warning(x):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.warn("here")
        warnings.warn("the caller", stacklevel=2)
        return [str(one) for one in caught]

@ChiaFunction()
def fine(x):
    return x

class Node:
    @ChiaFunction()
    def method(self, x):
        raise ValueError(f"method {x}")

@ray.remote
class Actor:
    def go(self, x):
        return get(plain.chia_remote(x))

def setup():
    raise ValueError("setup failed")

async def awaited(ref):
    return await ref

def with_masks(make):
    try:
        return make()
    except ValueError as error:
        return re.sub("(pid|actor_id)=[0-9a-f]+| at 0x[0-9a-f]+", "", traceback.format_exc())

for function in (plain, bare, chained, in_context, custom, not_unpickled, not_pickled, retried,
                 nested, nested_as_cause, nested_text, interrupted, warning):
    show(function.__name__, lambda: get(function.chia_remote(1)))
if sys.version_info >= (3, 11):
    @ChiaFunction()
    def group(x):
        raise ExceptionGroup("many", [ValueError("a"), TypeError("b")])

    show("group", lambda: get(group.chia_remote(1)))
node, actor = Node(), Actor.remote()
show("options", lambda: plain.options(num_cpus=0.5).chia_remote_blocking(2))
show("ray.get", lambda: ray.get(plain.chia_remote(3)))
show("method", lambda: get(node.method.chia_remote(node, 1)))
show("actor", lambda: with_masks(lambda: ray.get(actor.go.remote(1))))
show("setup", lambda: get(fine.chia_remote(1, _chia_setup=setup)))
show("too many arguments", lambda: get(nested.chia_remote(1, _chia_tag="t")))
show("waited for", lambda: ray.get(ray.wait([plain.chia_remote(4)])[0]))
show("awaited", lambda: asyncio.run(awaited(plain.chia_remote(5))))
show("future", lambda: plain.chia_remote(6).future().result())
"""
)

AGENT = """
@ChiaFunction()
def build(prompt):
    real("build")
    raise ValueError(f"no such register, asked for in {len(prompt)} characters")

@ChiaFunction()
def fix(prompt):
    real("fix")
    get(build.chia_remote(prompt))

prompt = "start"
for step in range(3):
    try:
        get(build.chia_remote(prompt, **({"_chia_tag": f"step {step}"} if step == 1 else {})))
    except ValueError as error:
        prompt = str(error)
    say("prompt", prompt)
    try:
        get(fix.chia_remote(prompt))
    except ValueError:
        prompt = traceback.format_exc()
    say("prompt", prompt)
"""
"""What follows the errors: each text of an error is an argument of the next call."""


def said(printed: str) -> list[str]:
    """What the loop printed."""
    return [line for line in printed.splitlines() if line.startswith("| ")]


def masked(lines: list[str]) -> list[str]:
    """Without what cannot be equal in two runs that compute.

    Our own package is one of them where it is installed and in a checkout, too: workers of a plain
    run find the first, those of a recorded run get the driver's.
    """
    own = [re.sub(r'"[^"]*/(chia_bypass/[^"]*")', r'"\1', line) for line in lines]
    return [re.sub(r"\b(pid=|TaskID\()[0-9a-f]+", r"\1", line) for line in own]


def of_kind(kind: str, loops: Loops, body: str) -> Loops:
    """A folder with the loop, as one of ours or of CHIA's."""
    if kind == "chia":
        loops = ChiaLoops(loops.folder, loops.environment, loops.address)
        body = "ray.init(include_dashboard=False)\n" + body
    loops.write(body)
    return loops


@pytest.mark.parametrize("kind", ["ours", "chia"])
def test_errors_are_told_as_in_the_plain_run(kind: str, loops: Loops) -> None:
    loops = of_kind(kind, loops, ERRORS)
    plain = loops.python("loop.py")
    assert plain.returncode == 0, plain.stderr
    of_kind(kind, loops, ERRORS + AGENT)
    loops.real_runs()
    recorded = loops.record()
    assert recorded.returncode == 0, recorded.stderr
    assert "_bypass/record_engine" not in recorded.stdout
    shown = len(said(plain.stdout))
    assert masked(said(recorded.stdout)[:shown]) == masked(said(plain.stdout))
    real = loops.real_runs()
    assert (real.count("retried"), real.count("build")) == (2, 6)
    replayed = loops.replay()
    assert replayed.returncode == 0, replayed.stderr
    assert loops.real_runs() == []
    assert said(replayed.stdout) == said(recorded.stdout)
    # The next call that is given the text is found.
    assert " 0 real · 0 missed · 0 unused" in replayed.stderr
    assert "drift" not in replayed.stderr


def test_an_interrupt_of_its_own_is_an_exception_and_one_of_rays_a_cancellation(
    loops: Loops,
) -> None:
    loops.write(
        """
import time

@ChiaFunction()
def by_itself():
    raise KeyboardInterrupt

@ChiaFunction()
def held(started):
    open(started, "w").close()
    while True:
        time.sleep(0.01)

refs = [by_itself.chia_remote(), held.chia_remote(os.path.abspath("started"))]
while not os.path.exists("started"):
    time.sleep(0.01)
ray.cancel(refs[1])
for ref in refs:
    try:
        get(ref)
    except ray.exceptions.TaskCancelledError:
        print("cancelled")
"""
    )
    recorded = loops.record()
    assert recorded.stdout == "cancelled\n" * 2, recorded.stderr
    results = Recording.open(loops.folder / "r").contents.results
    outcomes = [results[path][0].result.outcome for path in ("loop.0/0", "loop.0/1")]
    assert outcomes == [Outcome.EXCEPTION, Outcome.CANCELLED]
    replayed = loops.replay()
    assert replayed.stdout == "cancelled\n" * 2, replayed.stderr


def test_a_cancelled_call_is_told_as_it_was(ray_session: str, tmp_path: Path) -> None:
    raised = Raised("loop.f", "ray::f", "10.0.0.1", len(HEADER), task="ab" * 24)
    pending = Pending(RecordedText(HEADER + FRAME + LAST, 123, raised))

    @ray.remote(max_retries=0)
    def serve(started: str) -> None:
        Path(started).touch()
        pending(None, None)

    ref = serve.remote(str(tmp_path / "started"))
    while not (tmp_path / "started").exists():
        ray.wait([ref], timeout=0.01)
    ray.cancel(ref)
    with pytest.raises(TaskCancelledError) as caught:
        ray.get(ref)
    plain = re.sub("\x1b.*?m", "", str(caught.value))
    assert plain == "ray::f() (pid=123, ip=10.0.0.1)\n" + FRAME + LAST.rstrip()
    assert caught.value.cause.task_id.hex() == "ab" * 24  # type: ignore[attr-defined]


HEADER = "Traceback (most recent call last):\n"
FRAME = '  File "loop.py", line 1, in f\n    sleep()\n'
LAST = "ray.exceptions.TaskCancelledError: Task: it was cancelled. \n"

if sys.version_info < (3, 11):  # the frame of CHIA's trampoline that we stand in for is Ray's there
    ERRORS = ERRORS.replace('"proctitle", "traceback_str"', '"proctitle"').replace("bare, ", "")
