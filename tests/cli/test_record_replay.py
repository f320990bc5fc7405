"""Loops of our own ChiaFunction, recorded and replayed by the command line on a real Ray."""

from __future__ import annotations

import sys

from support.loop_runner import Loops

from chia_bypass.recording.reader import Recording


def test_classes_of_the_script_are_the_drivers_own_again(loops: Loops) -> None:
    recorded, replayed = loops.round_trip("""
@dataclasses.dataclass(frozen=True)
class Result:
    value: int

class Broken(Exception):
    def __init__(self, step):
        super().__init__(step)
        self.step = step

@ChiaFunction()
def build(x):
    real("build")
    if x == 2:
        raise Broken(x)
    return [Result(x)]

for x in range(3):
    try:
        (result,) = get(build.chia_remote(x, _chia_tag=f"iter{x}"))
        print(isinstance(result, Result), result)
    except Broken as error:
        print("broken at", error.step)
""")
    assert recorded == replayed
    assert recorded.splitlines()[-3:] == [
        "True Result(value=0)",
        "True Result(value=1)",
        "broken at 2",
    ]


def test_two_drivers_of_one_shell_script_have_their_own_answers(loops: Loops) -> None:
    loops.write("""
@ChiaFunction()
def f():
    real("f")
    return sys.argv  # the worker's own: same for both

@ChiaFunction()
def g(x):
    real("g")
    return int.from_bytes(os.urandom(8), "big")

print(sys.argv[1], get(g.chia_remote(0)), get(g.chia_remote(0)))
""")
    script = loops.folder / "run.sh"
    script.write_text(f"set -e\n{sys.executable} loop.py a\n{sys.executable} loop.py b\n")
    recorded = loops.record("bash", "run.sh")
    assert recorded.returncode == 0, recorded.stderr
    assert len(loops.real_runs()) == 4
    drivers = Recording.open(loops.folder / "r").contents.drivers
    assert sorted(driver.path for driver in drivers) == ["loop.0", "loop.1"]
    # In the other order: each driver is known by its arguments.
    script.write_text(f"set -e\n{sys.executable} loop.py b\n{sys.executable} loop.py a\n")
    replayed = loops.replay()
    assert replayed.returncode == 0, replayed.stderr
    assert sorted(replayed.stdout.splitlines()) == sorted(recorded.stdout.splitlines())
    assert loops.real_runs() == []


def test_a_second_ray_init_goes_on_where_the_first_ended(loops: Loops) -> None:
    recorded, replayed = loops.round_trip("""
@ChiaFunction()
def f(x):
    real("f")
    return int.from_bytes(os.urandom(8), "big")

print(get(f.chia_remote(1)))
ray.shutdown()
ray.init(include_dashboard=False)
print(get(f.chia_remote(1)))
""")
    assert recorded == replayed
    assert len(set(recorded.splitlines()[-2:])) == 2
    paths = {call.path for call in Recording.open(loops.folder / "r").calls()}
    assert paths == {"loop.0/0", "loop.0/1"}


def test_a_live_parent_has_its_children_served(loops: Loops) -> None:
    loops.write("""
@dataclasses.dataclass
class Part:
    x: int

@ChiaFunction()
def leaf(x):
    real("leaf")
    return Part(x)

@ChiaFunction(num_cpus=0)
def middle(x):
    real("middle")
    part = get(leaf.chia_remote(x, _chia_tag="only"))
    assert isinstance(part, Part), part
    return part

print(get([middle.chia_remote(x) for x in range(2)]))
""")
    loops.recorded()
    assert sorted(loops.real_runs()) == ["leaf", "leaf", "middle", "middle"]
    replayed = loops.replay("--live", "middle")
    assert replayed.returncode == 0, replayed.stderr
    assert loops.real_runs() == ["middle", "middle"]
    assert "2 replayed · 2 real · 0 missed · 0 unused" in replayed.stderr


def test_a_miss_is_an_error_even_if_the_loop_swallows_it(loops: Loops) -> None:
    body = """
@ChiaFunction()
def f(x):
    real("f")
    return x

@ChiaFunction()
def glue(x):
    real("glue")
    return x

for x in {values}:
    try:
        print(get(f.chia_remote(x)))
        print(get(glue.chia_remote(x)))
    except Exception as error:
        print(type(error).__name__)
"""
    loops.write(body.format(values=[1, 2]))
    loops.recorded()
    loops.real_runs()
    loops.write(body.format(values=[1, 3, 2]))
    replayed = loops.replay("--live", "glue")
    assert replayed.returncode == 20
    assert replayed.stdout.splitlines()[-4:] == ["1", "1", "Miss", "2", "RealRunRefused"][-4:]
    assert loops.real_runs() == ["glue"]
    assert (
        "the nearest recorded call is loop.0/2, which differs in x: recorded 2, now 3"
        in replayed.stderr
    )
    assert "ignore_args: [x]" in replayed.stderr


def test_a_function_that_was_never_recorded_is_a_miss(loops: Loops) -> None:
    body = """
@ChiaFunction()
def {name}(x):
    real("ran")
    return x

get({name}.chia_remote(1, _chia_tag="t"))
"""
    loops.write(body.format(name="old"))
    loops.recorded()
    loops.real_runs()
    loops.write(body.format(name="new"))
    replayed = loops.replay()
    assert replayed.returncode == 20
    assert "loop:new (tag t), called by loop.0: not in the bypass YAML" in replayed.stderr
    assert loops.real_runs() == []


def test_filters_leave_out_and_say_so_in_the_yaml(loops: Loops) -> None:
    loops.write("""
@ChiaFunction()
def kept(x):
    real("kept")
    return x

@ChiaFunction()
def left_out(x):
    real("left_out")
    return x

print(get(kept.chia_remote(1, _chia_tag="t")), get(left_out.chia_remote(2)))
""")
    assert loops.record(options=("--tagged-only",)).returncode == 0
    assert "  left_out: false" in (loops.folder / "r" / "bypass.yaml").read_text()
    loops.real_runs()
    replayed = loops.replay()
    assert replayed.returncode == 0, replayed.stderr
    assert loops.real_runs() == ["left_out"]


def test_the_childs_status_is_ours_and_a_failed_run_is_a_recording_to_keep(loops: Loops) -> None:
    loops.write("""
@ChiaFunction()
def f():
    real("f")
    return 1

get(f.chia_remote())
sys.exit(7)
""")
    assert loops.record().returncode == 7
    assert loops.replay().returncode == 7
    assert loops.real_runs() == ["f"]
    again = loops.record()
    assert again.returncode == 2
    assert "is not empty" in again.stderr
    assert loops.real_runs() == []


def test_a_python_that_keeps_us_out_is_an_error_and_no_recording(loops: Loops) -> None:
    done = loops.record(sys.executable, "-I", "-c", "print('hello')")
    assert (done.returncode, done.stdout) == (2, "hello\n")
    assert "python -I" in done.stderr
    assert not (loops.folder / "r").exists()


def test_values_that_need_pickle_or_an_import_are_served_only_if_allowed(loops: Loops) -> None:
    (loops.folder / "parts.py").write_text(
        "import dataclasses\n@dataclasses.dataclass\nclass Part:\n    x: int\n"
    )
    loops.write("""
@ChiaFunction(runtime_env={"env_vars": {"PYTHONPATH": os.getcwd()}})
def build():
    import parts
    real("build")
    return parts.Part(1)

@ChiaFunction()
def odd():
    from operator import itemgetter
    real("odd")
    return itemgetter(1)

for function in (build, odd):
    try:
        print(type(get(function.chia_remote())).__name__)
    except Exception as error:
        print(type(error).__name__)
""")
    recorded = loops.record()
    assert recorded.stdout.splitlines()[-2:] == ["Part", "itemgetter"]
    loops.real_runs()
    refused = loops.replay()
    assert refused.stdout.splitlines()[-2:] == ["Miss", "Miss"]
    assert refused.returncode == 20
    assert "Allow it with --allow-import parts" in refused.stderr
    assert "allow it with --allow-pickle" in refused.stderr
    allowed = loops.replay("--allow-import", "parts", "--allow-pickle")
    assert allowed.stdout.splitlines()[-2:] == ["Part", "itemgetter"]
    assert allowed.returncode == 0
    assert loops.real_runs() == []


def test_nothing_of_a_run_stays_in_the_cluster(loops: Loops) -> None:
    from ray.experimental import internal_kv

    loops.round_trip("""
@ChiaFunction(num_cpus=0)
def leaf(x):
    real("leaf")
    return x

@ChiaFunction(num_cpus=0)
def parent(x):
    real("parent")
    return leaf.chia_remote(x)  # makes known whose reference it is

@ray.remote(num_cpus=0)
class Actor:
    def run(self, x):
        return get(leaf.chia_remote(x))

print(get(get(parent.chia_remote(1))), ray.get(Actor.remote().run.remote(2)))
""")
    (run,) = Recording.open(loops.folder / "r").contents.runs
    left = internal_kv._internal_kv_list(f"{run.id}:".encode(), namespace=b"chia_bypass")
    assert left == []
