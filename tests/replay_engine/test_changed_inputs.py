"""Paths in arguments count by what is there: a changed file is never answered quietly."""

from __future__ import annotations

from support.loop_runner import Loops

LOOP = """
import pathlib

TREE, OUT = pathlib.Path("tree").absolute(), pathlib.Path("out").absolute()

@ChiaFunction(num_cpus=0)
def evaluate(tree):
    real("evaluate")
    return sorted(path.read_text() for path in pathlib.Path(tree).iterdir())

@ChiaFunction(num_cpus=0)
def measure(job):
    real("measure")
    with open(job["netlist"]) as file:
        return len(file.read())

@ChiaFunction(num_cpus=0)
def build(folder, text):
    real("build")
    (pathlib.Path(folder) / "made.o").write_text(text)
    return text

print(get(evaluate.chia_remote(str(TREE))))
print(get(measure.chia_remote({"netlist": str(TREE / "a.v")}, _chia_tag="first")))
print(get(build.chia_remote(str(OUT), "object")))
"""


def prepared(loops: Loops) -> None:
    """A recording of the loop, with what it reads."""
    loops.write(LOOP)
    (loops.folder / "tree").mkdir()
    (loops.folder / "out").mkdir()
    (loops.folder / "tree" / "a.v").write_text("module a")
    (loops.folder / "tree" / "b.v").write_text("module b")
    loops.recorded()
    assert loops.real_runs() == ["evaluate", "measure", "build"]


def unchanged(loops: Loops) -> None:
    """The recorded run's own output is no change."""
    for done in (loops.check(), loops.chia_bypass("resume", "r")):
        assert done.returncode == 0, done.stderr
        assert "input changed" not in done.stderr
        assert loops.real_runs() == []


NEXT = """
import pathlib

STATE, BEST = (pathlib.Path(name).absolute() for name in ("state.txt", "best.txt"))

@ChiaFunction(num_cpus=0)
def read(path):
    real("read")
    return pathlib.Path(path).read_text()

@ChiaFunction(num_cpus=0)
def improve(text):
    real("improve")
    BEST.write_text(text)
    return text + "!", BEST

for _ in range(2):
    before, best = get(read.chia_remote(STATE)), get(read.chia_remote(BEST))
    after, _ = get(improve.chia_remote(before))
    new = STATE.with_suffix(".new")
    new.write_text(after)
    new.rename(STATE)
    print(before, best, after)
"""


def test_a_loop_that_rewrites_what_its_calls_read_replays_as_it_went(loops: Loops) -> None:
    """Afterwards there is what its driver, and a call without saying so, left for the next run."""
    loops.write(NEXT)
    state, best = loops.folder / "state.txt", loops.folder / "best.txt"
    state.write_text("a")
    best.write_text("none")
    recorded = loops.record()
    assert recorded.returncode == 0, recorded.stderr
    assert recorded.stdout == "a none a!\na! a a!!\n"
    assert len(loops.real_runs()) == 6
    for done in (loops.chia_bypass("check", "r"), loops.check(), loops.check("--no-sandbox")):
        assert done.returncode == 0, done.stderr
        assert done.stdout == recorded.stdout
        assert (state.read_text(), best.read_text()) == ("a!!", "a!")
    assert loops.real_runs() == []
    # What a call read of the run's own must be made anew: a driver that does not is no such run.
    loops.write(NEXT.replace("new.rename(STATE)", "new.unlink()"))
    assert loops.check("--no-sandbox").returncode == 21
    loops.write(NEXT)
    state.write_text("b")
    assert loops.check().returncode == 21
    missed = loops.replay()
    assert missed.returncode == 20
    assert f"path ({state}): content changed" in missed.stderr


def gone(loops: Loops) -> None:
    """What is not here is served and counted."""
    tree = loops.folder / "tree"
    tree.rename(loops.folder / "elsewhere")
    served = loops.replay()
    assert served.returncode == 0, served.stderr
    assert "not checked: 2 inputs that are not here" in served.stderr
    assert loops.real_runs() == []
    (loops.folder / "elsewhere").rename(tree)


def accepted(loops: Loops) -> None:
    """A tagged call is served with drift, and globs accept changes."""
    yaml = loops.folder / "r" / "bypass.yaml"
    before = yaml.read_text()
    yaml.write_text(before.replace("  evaluate:", "  evaluate:\n    ignore_inputs: ['*.v']"))
    served = loops.replay()
    assert served.returncode == 0, served.stderr
    assert "drift: loop:measure (tag first)" in served.stderr
    assert "input changed: job['netlist']" in served.stderr
    yaml.write_text(before)
    checked = loops.check("--ignore-inputs")
    assert checked.returncode == 0, checked.stderr
    assert loops.real_runs() == []


def test_what_changed_is_drift_a_miss_or_runs_for_real(loops: Loops) -> None:
    prepared(loops)
    unchanged(loops)
    gone(loops)
    (loops.folder / "tree" / "a.v").write_text("module A")  # of the same length
    accepted(loops)

    missed = loops.replay()
    assert missed.returncode == 20, missed.stderr
    assert "a.v changed" in missed.stderr
    assert "tree" in missed.stderr
    assert "ignore_inputs" in missed.stderr
    assert loops.real_runs() == []

    resumed = loops.chia_bypass("resume", "r")
    assert resumed.returncode == 0, resumed.stderr
    assert loops.real_runs() == ["evaluate", "measure"]  # tagged or not
    assert "module A" in resumed.stdout
    assert "input changed" in resumed.stderr
    again = loops.replay()
    assert again.returncode == 0, again.stderr
    assert again.stdout == resumed.stdout


REUSED = """
import pathlib

@ChiaFunction(num_cpus=0)
def evaluate(tree):
    real("evaluate")
    return int.from_bytes(os.urandom(6), "big")

tree = pathlib.Path("worktree").absolute()
for design in ORDER:
    tree.mkdir(exist_ok=True)
    (tree / "design.v").write_text(design)
    print(design, get(evaluate.chia_remote(str(tree))))
"""


def test_candidates_are_told_apart_by_what_they_read(loops: Loops) -> None:
    loops.write(REUSED.replace("ORDER", "'abc'"))
    done = loops.record()
    assert done.returncode == 0, done.stderr
    loops.real_runs()
    for order in ("abc", "cab"):
        loops.write(REUSED.replace("ORDER", repr(order)))
        replayed = loops.replay()
        assert replayed.returncode == 0, replayed.stderr
        assert sorted(replayed.stdout.splitlines()) == done.stdout.splitlines()
        assert [line[0] for line in replayed.stdout.splitlines()] == list(order)
    loops.write(REUSED.replace("ORDER", "'abd'"))
    missed = loops.replay()
    assert missed.returncode == 20, missed.stdout
    assert "design.v changed" in missed.stderr
    assert loops.real_runs() == []


COMMANDS = """
import pathlib, subprocess

@ChiaFunction(num_cpus=0)
def shell(command):
    real(command.split()[0])
    subprocess.run(command, shell=True, check=True)
    return "done"

HERE = pathlib.Path.cwd()
print(get(shell.chia_remote(f"cat '{HERE}/src/a.c' {HERE}/src/include/*.h >{HERE}/build/a.o 2>&1")))
print(get(shell.chia_remote(f"sed -e s/v1/done/ {HERE}/build/a.o > {HERE}/build/program.bin")))
print(pathlib.Path("build/program.bin").read_text())
"""


def test_files_in_shell_commands_count_and_come_back(loops: Loops) -> None:
    loops.write(COMMANDS)
    for name, text in (("a.c", "int v1;"), ("include/a.h", "int h;")):
        (loops.folder / "src" / name).parent.mkdir(parents=True, exist_ok=True)
        (loops.folder / "src" / name).write_text(text)
    (loops.folder / "build").mkdir()
    recorded = loops.record()
    assert recorded.returncode == 0, recorded.stderr
    assert recorded.stdout == "done\ndone\nint done;int h;\n"
    assert loops.real_runs() == ["cat", "sed"]
    checked = loops.check()
    assert checked.returncode == 0, checked.stderr
    for name in ("a.o", "program.bin"):
        (loops.folder / "build" / name).unlink()
    replayed = loops.replay("--restore", "in-place")
    assert (replayed.returncode, replayed.stdout) == (0, recorded.stdout), replayed.stderr

    (loops.folder / "src/include/a.h").write_text("int H;")
    checked = loops.check()
    assert checked.returncode == 21, checked.stderr
    assert "command, word 3" in checked.stderr
    assert "a.h changed" in checked.stderr
    assert loops.real_runs() == []
    resumed = loops.chia_bypass("resume", "r")
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout == "done\ndone\nint done;int H;\n"
    assert loops.real_runs() == ["cat", "sed"]
