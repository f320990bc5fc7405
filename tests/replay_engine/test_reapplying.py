"""``actors: {NAME: reapply}``: what served calls had done to an actor is done to it again."""

from __future__ import annotations

import ray
from support.actor_loops import edits_printed, killed_edits, reapply
from support.loop_runner import Loops


def test_a_killed_run_goes_on_with_the_tree_that_its_agents_had_made(loops: Loops) -> None:
    loops.write(killed_edits(loops.folder))
    assert loops.record().returncode == 128 + 9
    assert loops.real_runs() == [f"{what}{n}" for n in range(3) for what in ("edit", "note-n")]

    refused = loops.chia_bypass("resume", "r")
    assert refused.returncode == 23, refused.stdout + refused.stderr
    assert loops.real_runs() == []
    assert "actor Tree" in refused.stderr

    reapply(loops.folder / "r", "Tree")
    broken = loops.folder / "broken"
    broken.touch()
    failing = loops.chia_bypass("resume", "r")
    broken.unlink()
    assert failing.returncode == 23, failing.stdout + failing.stderr
    assert "Tree.write" in failing.stderr
    assert "the disk is full" in failing.stderr
    assert loops.real_runs() == []

    resumed = loops.chia_bypass("resume", "r")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert resumed.stdout.splitlines() == edits_printed()
    assert loops.real_runs() == [f"{what}{n}" for n in (2, 3) for what in ("edit", "note-n")]
    again = "made again: 6 method calls of served calls on actors (Tree.read 2, Tree.write 4)"
    assert again in resumed.stderr

    # The first attempt of the third call had reached a tree that died with its driver.
    mixed = loops.replay("--live", "edit#3", "--live", "note")
    assert mixed.returncode == 0, mixed.stdout + mixed.stderr
    assert mixed.stdout.splitlines() == edits_printed()
    assert loops.real_runs() == ["edit3", "note-n3"]


UNKEPT = """
@ray.remote(num_cpus=0)
class Tree:
    def write(self, line):
        return line

@ChiaFunction(num_cpus=0)
def edit(tree, step):
    real(f"edit{step}")
    return ray.get(tree.write.remote(ray.put(step)))

tree = Tree.options(name="the tree").remote()
for step in range(STEPS):
    print(get(edit.chia_remote(tree, step)), flush=True)
"""


def test_what_could_not_be_noted_leaves_the_actor_stale(loops: Loops) -> None:
    loops.write(UNKEPT.replace("STEPS", "1"))
    loops.recorded()
    assert loops.real_runs() == ["edit0"]
    reapply(loops.folder / "r", '"the tree"')
    loops.write(UNKEPT.replace("STEPS", "2"))
    resumed = loops.chia_bypass("resume", "r")
    assert resumed.returncode == 23, resumed.stdout + resumed.stderr
    assert loops.real_runs() == []
    assert "write cannot be called again: " in resumed.stderr


OUTLIVES = """
@ray.remote(num_cpus=0)
class Tree:
    def __init__(self):
        self.lines = []

    def write(self, line):
        self.lines.append(line)
        return len(self.lines)

@ChiaFunction(num_cpus=0)
def edit(tree, step):
    real(f"edit{step}")
    return ray.get(tree.write.remote(f"e{step}"))

tree = Tree.options(
    name="kept", namespace="kept", lifetime="detached", get_if_exists=True
).remote()
for step in range(STEPS):
    print(get(edit.chia_remote(tree, step)), flush=True)
"""


def test_an_actor_that_outlived_its_run_is_not_changed_twice(loops: Loops) -> None:
    try:
        loops.write(OUTLIVES.replace("STEPS", "2"))
        loops.recorded()
        assert loops.real_runs() == ["edit0", "edit1"]
        reapply(loops.folder / "r", "Tree")
        loops.write(OUTLIVES.replace("STEPS", "3"))
        resumed = loops.chia_bypass("resume", "r")
        assert resumed.returncode == 23, resumed.stdout + resumed.stderr
        assert "made again" not in resumed.stderr
        assert loops.real_runs() == []
    finally:
        for actor in ray.util.list_named_actors(all_namespaces=True):
            if actor["name"] == "kept":
                ray.kill(ray.get_actor("kept", namespace=actor["namespace"]))
