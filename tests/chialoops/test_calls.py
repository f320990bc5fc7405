"""Every way in which CHIA dispatches a call, recorded and replayed."""

from __future__ import annotations

from support.chia_loop_runner import ChiaLoops

from chia_bypass.recording.reader import Recording


def test_functions_methods_options_and_references(chia_loops: ChiaLoops) -> None:
    output = chia_loops.same("""
ray.init(include_dashboard=False)

@ChiaFunction()
def leaf(x):
    real("leaf")
    return (x, fresh())

@ChiaFunction(num_cpus=0)
def parent(n):
    real("parent")
    return get([leaf.chia_remote(i) for i in range(n)])

@ChiaFunction(num_cpus=0)
def child_of(x):
    real("child_of")
    return leaf.chia_remote(x)

@ChiaFunction(num_returns=2)
def pair(x):
    real("pair")
    return fresh(), x

@ChiaFunction()
def keywords(**kwargs):
    real("keywords")
    return sorted(kwargs), fresh()

@ChiaFunction()
def glue(x):
    return x + 1

class Node:
    def __init__(self, name): self.name = name

    @ChiaFunction(resources={"fpga": 1})
    def build(self, x, tag=None):
        real("build")
        return self.name, x, tag, fresh()

    @staticmethod
    @ChiaFunction()
    def inner(x):
        real("inner")
        return fresh()

    @ChiaFunction()
    @staticmethod
    def outer(x):
        real("outer")
        return fresh()

n = Node("n")
print(get(parent.chia_remote(2)))
print(get(get(child_of.chia_remote(3))))
print(get(n.build.chia_remote(n, 1, tag="a user's own", _chia_tag="iter0")))
print(get(n.build.options(num_cpus=0, name="mine").chia_remote(n, 2, _chia_display_name="shown")))
print(n.build.chia_remote_blocking(n, 3), leaf.options(num_cpus=0).chia_remote_blocking(4))
print(get(ChiaCallRemote(leaf, 5)), get(leaf.options(num_cpus=0).remote(6)))
print(get(Node.inner.chia_remote(1)), get(Node.outer.chia_remote(1)))
print(get(keywords.chia_remote(tag=1, name=2, provider=3, args=4)))
first, second = pair.chia_remote(7)
print(get([second, first]), get(leaf.chia_remote(first)))
print(get(leaf.chia_remote(leaf.chia_remote(8))))
print(ray.get(leaf.chia_remote([leaf.chia_remote(9)]))[1])
ready, rest = ray.wait([leaf.chia_remote(x) for x in range(2)], num_returns=2)
print([type(r).__name__ for r in ready], rest, glue(10), parent.chia_remote_blocking.__name__)
""")
    assert output.count("a user's own") == 1
    calls = {call.path: call for call in Recording.open(chia_loops.folder / "r").calls()}
    assert calls["loop.0/0/1"].function == "loop:leaf"
    assert {c.tag for c in calls.values()} == {None, "iter0"}


def test_exceptions_setup_and_cleanup(chia_loops: ChiaLoops) -> None:
    output = chia_loops.same(
        """
class Broken(Exception):
    def __init__(self, step):
        super().__init__(step)
        self.step = step

def setup(place): real(f"setup-{place}")
def bad_setup(): raise Broken("setup")
def bad_cleanup(): raise ValueError("never seen")

@ChiaFunction()
def step(x):
    real("step")
    if x == 2:
        raise Broken(x)
    return fresh()

@ChiaFunction(max_retries=2, retry_exceptions=[Broken])
def retried(path):
    real("retried")
    with open(path, "a") as file: file.write("x")
    if os.path.getsize(path) < 3:
        raise Broken(os.path.getsize(path))
    return fresh()

for x in range(3):
    try:
        print(get(step.chia_remote(
            x, _chia_setup=setup, _chia_setup_args=(x,), _chia_cleanup=setup,
            _chia_cleanup_args=(-x,))))
    except Broken as error:
        print("broken at", error.step, isinstance(error, ray.exceptions.RayTaskError))
try:
    get(step.chia_remote(5, _chia_setup=bad_setup))
except Broken as error:
    print("broken in", error.step)
print(get(step.chia_remote(6, _chia_cleanup=bad_cleanup)))
print(get(retried.chia_remote(os.path.abspath("retried.txt"))))
sys.exit(3 if step.chia_remote_blocking(7) else 4)
""",
        status=3,
    )
    assert "broken at 2 True" in output
    assert "broken in setup" in output
