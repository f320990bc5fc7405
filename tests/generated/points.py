"""A loop for each way in which a replay could be wrong and end with 0.

Each is put through the same trial as generated loops: run plainly, recorded, replayed, checked;
after an edit of one input checked, resumed and replayed; stopped half-way and resumed.
"""

from __future__ import annotations

from typing import Final

from generated.writing import Loop

_READ = """
@ChiaFunction(num_cpus=0)
def read(path):
    real("read")
    return h("read", text(path))

@ChiaFunction(num_cpus=0)
def mix(first, second=0):
    real("mix")
    return h("mix", first, second)

"""

POINTS: Final[dict[str, str]] = {
    "paths": """
@ChiaFunction(num_cpus=0)
def build(folder, top):
    real("build")
    files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    return h([(path.name, text(path)) for path in files], text(top))

for top in (IN / 'a.txt', IN / 'b.txt'):
    show(top.name, get(build.chia_remote(IN / 'tree', top)))
show("twice", get([read.chia_remote(str(IN / 'a.txt')), read.chia_remote(IN / 'c.txt')]))
""",
    "named in the source": """
@ChiaFunction(num_cpus=0)
def own(x):
    real("own")
    return h("own", x, text(IN / 'a.txt'))

@ChiaFunction(num_cpus=0)
def program(x):
    real("program")
    done = subprocess.run(["sort", IN / 'b.txt'], check=True, capture_output=True)
    Path(OUT / "sorted.txt").write_bytes(done.stdout)
    return h("program", x, text(OUT / "sorted.txt"))

value = get(own.chia_remote(1))
show("own", value)
show("program", get(program.chia_remote(value)))
show("mixed", get(mix.chia_remote(value, 2)))
""",
    "actors": """
@ChiaFunction(num_cpus=0)
def add(tally, path):
    real("add")
    return ray.get(tally.add.remote(h(text(path))))

tally = Tally.remote()
for number, name in enumerate('aba'):
    show(f"add{number}", get(add.chia_remote(tally, IN / f"{name}.txt")), "@ ")
# Of IN / 'a.txt' and IN / 'b.txt'.
show("alone", get(read.chia_remote(IN / 'a.txt')))
""",
    "nodes": """
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy as At

@ChiaFunction(num_cpus=0)
def place(path):
    real("place")
    return h(text(path)), ray.get_runtime_context().get_node_id()

value, node = get(place.chia_remote(IN / 'a.txt'))
show("value", value)
for step in range(2):
    there = mix.options(scheduling_strategy=At(node, soft=False))
    show(f"there{step}", get(there.chia_remote(value, step)))
show("known", any(one["NodeID"] == node for one in ray.nodes()))
""",
    "unfinished": """
@ChiaFunction(num_cpus=0, max_retries=0)
def hang(x):
    real("hang")
    while True:
        time.sleep(0.02)

@ChiaFunction(num_cpus=0, max_retries=0)
def once(flag, x):
    real("once")
    while not (GATES / flag).exists():
        time.sleep(0.01)
    return h("once", x)

def told(name, error):
    show(name, "cancelled")
    chance("told", (type(error).__name__, "pid=" in str(error)))

async def awaited(ref):
    try:
        show("awaited", await ref)
    except TaskCancelledError as error:
        told("awaited", error)

(GATES / "late").unlink(missing_ok=True)
value = get(read.chia_remote(IN / 'a.txt'))
show("value", value)
queued = hang.chia_remote(value)
HUNG.append(queued)
stop(queued)
try:
    show("stopped", get(queued))
except TaskCancelledError as error:
    told("stopped", error)
stopped = hang.chia_remote(value - 1)
HUNG.append(stopped)
stop(stopped)
asyncio.run(awaited(stopped))
late = once.chia_remote("late", value)
show("in vain", len(ray.wait([late], timeout=0.2)[0]))
try:
    show("got", ray.get(late, timeout=0.2))
except GetTimeoutError:
    show("got", "nothing")
stop(late)
(GATES / "late").touch()
show("again", get(once.chia_remote("late", value)))
killed = hang.chia_remote(value + 1)
HUNG.append(killed)
stop(killed, force=True)  # the last of all: Ray may kill the worker of the call that follows
try:
    show("killed", get(killed))
except (TaskCancelledError, WorkerCrashedError) as error:
    told("killed", error)
""",
    "not checked": """
@ChiaFunction(num_cpus=0)
def add(tally, path):
    real("add")
    return ray.get(tally.add.remote(h(text(path))))

tally = Tally.remote()
show("add", get(add.chia_remote(tally, IN / 'a.txt')))
show("asked", ray.get(tally.now.remote()), "@ ")
racing = [Tally.remote().soon.remote(number) for number in range(3)]
ready, _ = ray.wait(racing, timeout=20)
show("first", h(ray.get(ready)), "~@ ")
show("alone", get(read.chia_remote(IN / 'b.txt')))
# It reads IN / 'a.txt' as it has been edited, or not, when the loop has ended: nobody asks.
left = read.chia_remote(IN / 'a.txt')
""",
    "errors": """
import traceback

@ChiaFunction(num_cpus=0, max_retries=0)
def fail(x):
    real("fail")
    raise Bad(f"build {x} failed")

value = get(read.chia_remote(IN / 'a.txt'))
show("value", value)
for step in range(2):
    try:
        get(fail.chia_remote(value + step))
    except Exception as error:
        show(f"text{step}", masked(str(error)))
        show(f"asked{step}", get(mix.chia_remote(masked(traceback.format_exc()), step)))
""",
    "order": """
@ChiaFunction(num_cpus=0)
def soon(path, number):
    real("soon")
    time.sleep(random.SystemRandom().random() / 50)
    return h(text(path), number)

def work(number):
    return get(soon.chia_remote(IN / 'a.txt', number))

best = 0
with ThreadPoolExecutor(3) as pool:
    for done in as_completed([pool.submit(work, number) for number in range(4)]):
        best = get(mix.chia_remote(best, done.result()))
        chance("best", best)
with ThreadPool(2) as pool:
    show("pooled", pool.map(work, range(10, 13)))
left = [soon.chia_remote(IN / 'b.txt', number) for number in range(3)]
while left:
    (first,), left = ray.wait(left)
    best = get(mix.chia_remote(best, get(first)))
    chance("waited", best)
""",
    "plain classes": """
class Design:
    def __init__(self, name, parts):
        self.name, self.parts, self.twin = name, parts, None

@ChiaFunction(num_cpus=0)
def make(path):
    real("make")
    design = Design("a", [text(path)])
    design.twin = Design("b", design.parts)
    design.twin.twin = design
    return design

@ChiaFunction(num_cpus=0)
def grown(design):
    real("grown")
    design.twin.parts.append(str(isinstance(design, Design)))
    return design

design = get(make.chia_remote(IN / 'a.txt'))
for step in range(2):
    design = get(grown.chia_remote(design))
    same = design.parts is design.twin.parts and design.twin.twin is design
    show(f"step{step}", (h(design.parts), len(design.parts), same, isinstance(design, Design)))
""",
    "generators": """
@ChiaFunction(num_cpus=0, num_returns="dynamic")
def lines(path, count):
    real("lines")
    for number in range(count):
        yield h(number, text(path))

@ChiaFunction(num_cpus=0, num_returns="streaming")
def stream(path, count):
    real("stream")
    for number in range(count):
        yield h("stream", number, text(path))

show("lines", [get(one) for one in get(lines.chia_remote(IN / 'a.txt', 3))])
for one in stream.chia_remote(IN / 'b.txt', 3):
    show("streamed", get(mix.chia_remote(get(one))))
pool, total = ActorPool([Tally.remote(), Tally.remote()]), 0
for got in pool.map_unordered(lambda actor, x: actor.soon.remote(x), [3, 1, 2]):
    total = get(mix.chia_remote(h(total, got)))
    chance("total", total)
""",
}
"""The scripts, without what all generated loops begin with."""

TWO_DRIVERS: Final = {
    "loop.py": """
ray.init(include_dashboard=False, log_to_driver=False, logging_level="ERROR")
value = get(read.chia_remote(IN / 'a.txt'))
show("value", value)
address = ray.get_runtime_context().gcs_address
second = [sys.executable, str(FOLDER / "second.py"), str(value)]
done = subprocess.run(second, env={**os.environ, "RAY_ADDRESS": address}, capture_output=True)
show("second", (done.returncode, done.stdout.decode()))
show("after", get(mix.chia_remote(value, len(done.stdout))))
""",
    "second.py": """
ray.init(include_dashboard=False, log_to_driver=False, logging_level="ERROR")
value = int(sys.argv[1])
for step in range(2):
    value = get(mix.chia_remote(value, step))
    print("second", value, flush=True)
""",
}
"""A second driver that joins the Ray of the first."""


def loop_of(point: str, flavour: str, seed: int) -> Loop:
    """The loop for one of POINTS; ``seed`` chooses what is edited, and where it stops."""
    return Loop(seed, flavour, {"loop.py": _READ + POINTS[point]}, frozenset({point}))


def two_drivers(flavour: str, seed: int) -> Loop:
    """The loop whose second driver joins the Ray of the first."""
    scripts = {name: _READ + text for name, text in TWO_DRIVERS.items()}
    return Loop(seed, flavour, scripts, frozenset({"two drivers"}))
