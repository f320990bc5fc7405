"""A source tree that calls share comes back for a real call of ``resume``, or that is refused."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from support.loop_runner import Loops
from support.random_trees import read
from support.sandboxes import work_here

from chia_bypass.look.analysis.left_files import content_of, files_of
from chia_bypass.recording.reader import Recording

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")

LOOP = """
import pathlib

CHIP = pathlib.Path(os.environ["CHIP"])

@ChiaFunction(num_cpus=0)
def edit(name):
    real("edit")
    (CHIP / "top.v").write_text(f"{(CHIP / 'top.v').read_text()} {name}")
    (CHIP / name).write_text(name)

@ChiaFunction(num_cpus=0)
def build():
    real("build")
    return (CHIP / "top.v").read_text(), sorted(path.name for path in CHIP.glob("*"))

for name in ("one", "two", "three"):
    get(edit.chia_remote(name))
if os.path.exists("crash"):
    os.unlink("crash")
    sys.exit("crashed")
print(get(build.chia_remote()))
"""
YAML = """
bypass:
  edit: {bypass: true, state: tree}
  build: {bypass: true, state: tree}
states:
  tree: {root: "%s", save: git, restore: git}
"""
BUILT = "('top one two three', ['.git', 'one', 'three', 'top.v', 'two'])"


def git(chip: Path, *words: str) -> None:
    """Run git, which must succeed."""
    identity = ["-c", "user.name=x", "-c", "user.email=x", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *words], cwd=chip, check=True, capture_output=True)


def fresh(chip: Path) -> None:
    """The tree as it was before the run."""
    git(chip, "reset", "-q", "--hard")
    git(chip, "clean", "-fdq")


def test_a_tree_comes_back_for_a_real_call_or_it_is_refused_with_the_cause(loops: Loops) -> None:
    chip = loops.folder / "chip"
    chip.mkdir()
    (chip / "top.v").write_text("top")
    git(chip, "init", "-q")
    git(chip, "add", "-A")
    git(chip, "commit", "-q", "-m", "first")
    loops.environment["CHIP"] = str(chip)
    (loops.folder / "crash").touch()
    (loops.folder / "tree.yaml").write_text(YAML % chip)
    loops.write(LOOP)
    done = loops.record(options=("--bypass", "tree.yaml"))
    assert done.returncode == 1, done.stderr
    assert loops.real_runs() == ["edit"] * 3
    recording = Recording.open(loops.folder / "r")
    edits = [stored.result for stored in recording.leaving_files()]
    assert [str(file.path) for edit in edits for file in files_of(recording, edit)] == (
        [str(chip)] * 3
    )
    shown = bytes(content_of(recording, edits[0], str(chip))).decode()
    assert "\n+top one" in shown
    assert "\n+++ b/one\n" in shown

    fresh(chip)
    (chip / "mine").write_text("mine")
    refused = loops.chia_bypass("resume", "r")
    assert refused.returncode == 23, refused.stderr
    assert "such as in mine" in refused.stderr
    assert loops.real_runs() == []
    assert (chip / "top.v").read_text() == "top"

    fresh(chip)
    git(chip, "commit", "-q", "--allow-empty", "-m", "second")
    refused = loops.chia_bypass("resume", "r")
    assert refused.returncode == 23, refused.stderr
    assert "its HEAD is " in refused.stderr
    git(chip, "reset", "-q", "--hard", "HEAD~1")

    resumed = loops.chia_bypass("resume", "r")
    assert resumed.returncode == 0, resumed.stderr
    assert BUILT in resumed.stdout
    assert loops.real_runs() == ["build"]
    assert "put back: " in resumed.stderr

    fresh(chip)  # what was added by it comes back as well
    redone = loops.replay("--live", "build")
    assert BUILT in redone.stdout
    assert loops.real_runs() == ["build"]

    if not work_here():
        return
    fresh(chip)  # on a Ray of its own nothing of the user's is written
    before = read(chip)
    dry = loops.chia_bypass("replay", "r")
    assert dry.returncode == 0, dry.stderr
    assert "4 replayed · 0 real · 0 missed" in dry.stderr
    assert BUILT in dry.stdout
    assert "put back: 3 files of served calls" in dry.stderr
    assert read(chip) == before
