"""Files that functions name in their source are inputs, too, if the loop did not write them."""

from __future__ import annotations

from support.loop_runner import Loops

LOOP = """
import json, pathlib, subprocess

HERE = pathlib.Path(__file__).absolute().parent

@ChiaFunction(num_cpus=0)
def simulate(x):
    real("simulate")
    return json.loads((HERE / "settings.json").read_text())["depth"] * x

@ChiaFunction(num_cpus=0)
def build(x):
    real("build")
    subprocess.run("cat src/a.v > a.o", shell=True, check=True, cwd=HERE)
    with open(HERE / "a.o") as file:
        return len(file.read()) * x

@ChiaFunction(num_cpus=0)
def count(x):
    real("count")
    history = HERE / "history.txt"
    runs = int(history.read_text()) + x
    history.write_text(str(runs))
    return runs

@ChiaFunction(num_cpus=0)
def best(x):
    real("best")
    (HERE / ".cache").read_text()
    return (HERE / "best.txt").read_text() + str(x)

print(get(simulate.chia_remote(2)), get(build.chia_remote(3)))
print(get(count.chia_remote(1)), get(count.chia_remote(2)), get(best.chia_remote(1)))
(HERE / "best.txt").write_text("better")
"""
FILES = {
    "settings.json": '{"depth": 3}',
    "src/a.v": "module a",
    "history.txt": "5",
    "best.txt": "good",
    ".cache": "old",
}


def prepared(loops: Loops) -> None:
    """A recording of the loop, with what it reads."""
    loops.write(LOOP)
    (loops.folder / "src").mkdir()
    for name, content in FILES.items():
        (loops.folder / name).write_text(content)
    loops.recorded()
    assert loops.real_runs() == ["simulate", "build", "count", "count", "best"]


def unchanged(loops: Loops) -> None:
    """What the run itself wrote is no change, nor is what a tool hides."""
    (loops.folder / ".cache").write_text("new")
    for done in (loops.check("--no-sandbox"), loops.check(), loops.chia_bypass("resume", "r")):
        assert done.returncode == 0, done.stderr
        assert "input changed" not in done.stderr
        assert loops.real_runs() == []
    shown = loops.chia_bypass("inspect", "r", "build#0").stdout
    assert "source: src/a.v" in shown
    assert "source: a.o" not in shown


def test_a_file_of_the_source_counts_if_the_loop_did_not_write_it(loops: Loops) -> None:
    prepared(loops)
    unchanged(loops)
    for name, left, edited in (
        ("src/a.v", "module a", "module b"),
        ("best.txt", "better", "worse"),
    ):
        file = loops.folder / name
        assert file.read_text() == left
        file.write_text(edited)
        checked = loops.check()
        assert checked.returncode == 21, checked.stderr
        assert f"source: {name} ({file}): content changed" in checked.stderr
        file.write_text(left)
    (loops.folder / "settings.json").write_text('{"depth": 4}')
    missed = loops.replay()
    assert missed.returncode == 20, missed.stderr
    assert "source: settings.json" in missed.stderr
    accepted = loops.check("--ignore-inputs")
    assert accepted.returncode == 0, accepted.stderr
    assert loops.real_runs() == []
    resumed = loops.chia_bypass("resume", "r")
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout.startswith("8 ")
    assert loops.real_runs() == ["simulate"]
