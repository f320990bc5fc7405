"""`chia-bypass plan` and `record --cluster`: what they print, and how they end, without Ray."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from support.recording_builder import Made, a_loop, make_recording
from typer.testing import CliRunner

from chia_bypass.plan.check import check, check_options
from chia_bypass.plan.cluster import Cluster, NodeType
from chia_bypass.plan.module_options import options_in
from chia_bypass.plan.placing import Verdict
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import ActorCreation, PlacementGroup
from chia_bypass_cli.app import app, main

GOLDEN = Path(__file__).resolve().parents[2] / "recordings" / "design_space" / "golden"
MODULE = """
from chia_bypass import ChiaFunction

class Node:
    @ChiaFunction(resources={"chipyard": 1}, num_cpus=0)
    def build(self, x): ...

@ChiaFunction(resources={"VLSI": 1}, num_cpus=0)
def syn(x): ...
"""


def run(*arguments: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(app, [*map(str, arguments)])
    return done.exit_code, done.stdout


def file(folder: Path, text: str) -> Path:
    path = folder / "c.yaml"
    path.write_text(text)
    return path


def test_the_recorded_cluster_fits_its_own_recording() -> None:
    assert run("plan", GOLDEN) == (0, "recorded: 1 node: head\n75 of 75 calls fit\n")


def test_what_can_never_be_placed_is_told(tmp_path: Path) -> None:
    cluster = file(tmp_path, "nodes: [{type: build, count: 2, resources: {CPU: 8, simm: 1}}]")
    status, out = run("plan", GOLDEN, "--cluster", cluster)
    assert status == 27
    assert "evaluate asks for sim: 1: no node has sim (nearest: simm)" in out
    assert out.endswith("30 of 75 calls can never be placed\n")


def test_json_says_the_same(tmp_path: Path) -> None:
    cluster = file(tmp_path, "nodes: [{type: build, resources: {CPU: 8}}, {type: any}]")
    status, out = run("plan", GOLDEN, "--cluster", cluster, "--json")
    found = json.loads(out)
    assert status == 27
    assert found["nodes"] == 2
    assert found["calls"] == {"fits": 45, "never": 30, "not checked": 0}
    never = [one for one in found["demands"] if one["verdict"] == "never"]
    assert [(one["name"], one["count"], one["lacks"]) for one in never] == [
        ("loop:evaluate", 30, {"sim": 1.0})
    ]


def test_actors_and_groups_of_a_recording(tmp_path: Path) -> None:
    made = [Made(options={"num_cpus": 1, "scheduling_strategy": {"NodeAffinity": "a", "soft": s}})
            for s in (True, False)]  # fmt: skip
    recording = make_recording(tmp_path / "rec", made)
    bundles = ({"chipyard": 1.0},) * 4
    recording.contents.groups.append(PlacementGroup("loop.0", "syn", bundles, "STRICT_SPREAD"))
    actor = ActorCreation("loop.0", "pkg:Server", "", 0, {"resources": {"llm": 1}})
    recording.contents.actors += [actor, replace(actor, number=1)]
    found = check(recording, Cluster("c", (NodeType("n", 3, {"CPU": 1, "chipyard": 1}),)))
    assert [str(demand) for demand in found.impossible] == [
        "Server asks for CPU: 1, llm: 1",
        'placement group "syn" (STRICT_SPREAD, 4 bundles)',
    ]
    assert found.count("actor", Verdict.NEVER) == 2
    assert found.count("call", Verdict.UNCHECKED) == 1, "the one that must be on a recorded node"


def test_a_module_is_checked_before_anything_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "planned_nodes.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    try:
        options = options_in("planned_nodes")
    finally:
        sys.modules.pop("planned_nodes", None)
    assert options.keys() == {"planned_nodes:Node.build", "planned_nodes:syn"}
    found = check_options(options, Cluster("c", (NodeType("n", 3, {"chipyard": 1}),)))
    assert [demand.name for demand in found.impossible] == ["planned_nodes:syn"]


def test_record_refuses_before_it_starts_what_the_cluster_can_never_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "loop.py").write_text("raise SystemExit('started')\n" + MODULE)
    cluster = file(tmp_path, "nodes: [{type: build, resources: {chipyard: 1}}]")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["record", "--cluster", str(cluster), "--", sys.executable, "loop.py"])
    assert ended.value.code == 27
    told = capsys.readouterr().err
    assert "c.yaml can never place: syn asks for VLSI: 1: no node has VLSI" in told
    assert not (tmp_path / "recordings").exists()


def test_calls_are_counted_by_their_kinds(tmp_path: Path) -> None:
    make_recording(tmp_path / "rec", a_loop(3000))
    recording = Recording.open(tmp_path / "rec")
    for name in ("function", "options"):  # as many as a long run has, without writing them
        recording.index.columns[name] *= 34
    found = check(recording, Cluster("c", (NodeType("n", 3, {"CPU": 1, "fpga": 1}),)))
    assert found.total("call") == 102_000
    assert found.count("call", Verdict.NEVER) == 34_000
