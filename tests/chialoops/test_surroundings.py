"""What a loop of CHIA's brings along or asks of Ray: all of it goes on working."""

from __future__ import annotations

from collections import Counter

from support.chia_loop_runner import ChiaLoops

from chia_bypass.recording.reader import Recording


def test_the_loops_own_bypass_and_cache(chia_loops: ChiaLoops) -> None:
    (chia_loops.folder / "bypass.yaml").write_text(
        """\
bypass:
  Node.build: true
  served: {bypass: true, tags: ["yes.*"]}
  asked: true
  text: {bypass: true, data: %s}
cache:
  cached: true
"""
        % (chia_loops.folder / "text.txt")
    )
    (chia_loops.folder / "text.txt").write_text("from the file server")
    output = chia_loops.same("""
from chia.base.bypass import Bypass, get_active_bypass
from chia.base.cache import get_active_cache, start_cache, stop_cache

ray.init(namespace="mine")
print(get_active_bypass())

@ChiaFunction()
def leaf(x):
    real("leaf")
    return fresh()

@ChiaFunction()
def served(x):
    real("served")
    return fresh()

@ChiaFunction()
def asked(x):
    real("asked")
    return fresh()

@ChiaFunction()
def text(): return "never"

@ChiaFunction(num_cpus=0)
def parent(x):
    real("parent")
    return get(served.chia_remote(x, _chia_tag="yes")), get(served.chia_remote(x, _chia_tag="no"))

@ChiaFunction()
def cached(x):
    real("cached")
    return fresh()

class Node:
    @ChiaFunction()
    def build(self, x): return "never"

def nested_provider(tag, data, self, x):
    return tag, x, get(leaf.chia_remote(x))

bypass = Bypass("bypass.yaml")
bypass.set_provider("Node.build", nested_provider)
bypass.set_provider("served", lambda tag, data, x: ("provided", tag, x))
bypass.set_provider("asked", lambda tag, data, x: "provided")
bypass.set_cond("asked", lambda tag, data, x: get(leaf.chia_remote(x)) and x > 1)
assert get_active_bypass() is bypass
print(get(Node().build.chia_remote(Node(), 1, _chia_tag="t")))
print(get(served.chia_remote(1, _chia_tag="yes1")), get(served.chia_remote(1)))
print(get(asked.chia_remote(1)), get(asked.chia_remote(2)), get(text.chia_remote()))
print(get(parent.chia_remote(3)))
start_cache(1, "cache", "MB", "bypass.yaml")
reference = cached.chia_remote(1, _chia_tag="kept")
print(type(reference).__name__, get(reference))
print(ray.get(get_active_cache().read.remote("kept")), bypass.active)
stop_cache()
""")
    assert output.startswith("None\n('t', 1, ")
    assert "ObjectRefCallback" in output
    bypassed: Counter[str] = Counter()
    for counted in Recording.open(chia_loops.folder / "r").contents.uncaptured.values():
        if counted.how == "bypassed":
            bypassed[counted.function] += counted.count
    assert bypassed == {
        "loop:Node.build": 1,
        "loop:served": 2,
        "loop:asked": 1,
        "loop:text": 1,
    }


def test_the_profile_lists_served_calls_too(chia_loops: ChiaLoops) -> None:
    output = chia_loops.same("""
from collections import Counter
from chia.trace.profiler import get_collector, start_collector, stop_collector

ray.init(include_dashboard=False)
start_collector(os.getcwd())

@ChiaFunction()
def leaf(x):
    real("leaf")
    return [fresh()]

@ChiaFunction(num_cpus=0)
def parent(x):
    real("parent")
    return get(leaf.chia_remote(x))

@ChiaFunction()
def glue(x): return x

def setup(): pass

print(get(parent.chia_remote(1)), get(leaf.chia_remote(2, _chia_display_name="shown")))
print(glue(1), glue(2))
print(get(leaf.options(num_cpus=0).chia_remote(3, _chia_setup=setup)))
events = ray.get(get_collector().get_events.remote())
print(sorted(Counter((e["func"], e["type"], e.get("display_name", "")) for e in events
                     if e["caller_worker_id" if e["type"] == "dispatch" else "worker_id"]
                     and e["func"] == "leaf" and e.get("display_name"))))
stop_collector()
""")
    assert "('leaf', 'dispatch', 'shown')" in output
    recording = Recording.open(chia_loops.folder / "r")
    stored = [s for call in recording.calls() if (s := recording.result(call.path))]
    assert all("ProfiledResult" not in s.result.type for s in stored)
    counted = recording.contents.uncaptured.values()
    assert [(c.function, c.count) for c in counted if c.how == "in place"] == [("loop:glue", 2)]


def test_actors_and_tasks_that_dispatch(chia_loops: ChiaLoops) -> None:
    output = chia_loops.same("""
ray.init(include_dashboard=False)

@ChiaFunction()
def leaf(x):
    real("leaf")
    return fresh()

@ray.remote
class Tool:
    def __init__(self, children=0):
        self.first = get(leaf.chia_remote(0))
        self.children = [Tool.options(name=f"child{i}").remote() for i in range(children)]
    def work(self, x):
        below = [ray.get(child.work.remote(x)) for child in self.children]
        return self.first, get(leaf.chia_remote(x)), below

@ray.remote(num_cpus=0)
class Asynchronous:
    async def work(self, x):
        return await leaf.chia_remote(x)

@ray.remote(num_cpus=0)
def plain(x):
    threads = []
    found = []
    for _ in range(2):
        threads.append(threading.Thread(target=lambda: found.append(get(leaf.chia_remote(x)))))
        threads[-1].start()
        threads[-1].join()
    return found, get(leaf.chia_remote(x))

tools = [Tool.options(num_cpus=0).remote(children) for children in (0, 1)]
print(ray.get([tool.work.remote(1) for tool in tools] + [tool.work.remote(1) for tool in tools]))
print(get(chia_actor(tools[0]).work.chia_remote(2)))
print(ray.get(Asynchronous.remote().work.remote(3)))
print(ray.get([plain.remote(4) for _ in range(3)]))
""")
    assert len(output.splitlines()) == 4


def test_runtime_environment_and_setup_hook(chia_loops: ChiaLoops) -> None:
    output = chia_loops.same("""
from ray.runtime_env import RuntimeEnv
from ray.job_config import JobConfig

def setup():
    os.environ["SET_UP"] = os.environ.get("GIVEN", "") + "!"

@ChiaFunction()
def where(x):
    real("where")
    return os.environ.get("SET_UP"), os.environ.get("GIVEN"), os.environ.get("TASK"), fresh()

@ray.remote
def plain(): return os.environ.get("SET_UP"), sorted(os.listdir(".")) == ["data.txt"]

os.makedirs("work", exist_ok=True)
open("work/data.txt", "w").close()
given = {"env_vars": {"GIVEN": "a"}, "worker_process_setup_hook": setup}
ray.init(runtime_env=given)
assert list(given["env_vars"]) == ["GIVEN"] and given["worker_process_setup_hook"] is setup
print(get(where.chia_remote(1)), ray.get(plain.remote()))
print(get(where.options(runtime_env={"env_vars": {"TASK": "t"}}).chia_remote(1)))
ray.shutdown()
ray.init(runtime_env=RuntimeEnv(working_dir="work", env_vars={"GIVEN": "b"}))
print(get(where.chia_remote(1)), ray.get(plain.remote()))
ray.shutdown()
ray.init(job_config=JobConfig(runtime_env={"env_vars": {"GIVEN": "c"}}))
print(get(where.chia_remote(1)))
""")
    assert output.splitlines()[0].startswith("('a!', 'a', None, ")
    assert output.splitlines()[1].startswith("('a!', 'a', 't', ")
    assert output.splitlines()[2].startswith("(None, 'b', None, ")
    assert output.splitlines()[3].startswith("(None, 'c', None, ")
