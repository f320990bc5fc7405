"""Actors that calls of CHIA's ChiaFunction are given as tools."""

from __future__ import annotations

from support.actor_loops import edits_printed, killed_edits, reapply
from support.chia_loop_runner import ChiaLoops, own_output


def test_a_killed_run_goes_on_with_the_tree_that_its_agents_had_made(chia_loops: ChiaLoops) -> None:
    chia_loops.write(killed_edits(chia_loops.folder))
    assert chia_loops.record().returncode == 128 + 9
    assert chia_loops.real_runs() != []
    refused = chia_loops.chia_bypass("resume", "r")
    assert refused.returncode == 23, refused.stdout + refused.stderr
    assert chia_loops.real_runs() == []
    reapply(chia_loops.folder / "r", "Tree")
    resumed = chia_loops.chia_bypass("resume", "r")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert own_output(resumed.stdout).splitlines() == edits_printed()
    assert chia_loops.real_runs() == ["edit2", "note-n2", "edit3", "note-n3"]
