"""`chia-bypass plan` and `record --cluster`: what they print, and how they end, without Ray."""

from __future__ import annotations

import json
import re
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
from chia_bypass.values.kinds import Reference
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
    make_recording(tmp_path / "rec", a_loop(300))
    recording = Recording.open(tmp_path / "rec")
    for name in ("function", "options"):  # as many as a long run has, without writing them
        recording.index.columns[name] *= 340
    found = check(recording, Cluster("c", (NodeType("n", 3, {"CPU": 1, "fpga": 1}),)))
    assert found.total("call") == 102_000
    assert found.count("call", Verdict.NEVER) == 34_000


TWO = "nodes: [{type: head, resources: {CPU: 4}}, {type: build, resources: {CPU: 2, sim: 1}}]"


def test_a_simulation_is_told(tmp_path: Path) -> None:
    status, out = run("plan", GOLDEN, "--cluster", file(tmp_path, TWO), "--simulate")
    assert status == 0
    told = r"^makespan \d+ s \(\d+ s to \d+ s, 20 node orders\) · recorded 38 s"
    assert re.search(told, out, re.MULTILINE)
    assert re.search(r"^sim +1 +\d+% ", out, re.MULTILINE)
    assert "waits: sim" in out


def test_a_simulation_as_json(tmp_path: Path) -> None:
    status, out = run("plan", GOLDEN, "--cluster", file(tmp_path, TWO), "--simulate", "--json")
    found = json.loads(out)["simulation"]
    makespan = found["makespan"]
    assert status == 0
    assert 0 < makespan["low"] <= makespan["median"] <= makespan["high"]
    assert found["warm_up"] > 0
    assert found["deadlock"] is None
    assert found["critical_path"][-1]["finished"] == pytest.approx(makespan["median"])


def test_a_sweep_says_what_one_more_node_is_worth(tmp_path: Path) -> None:
    where = ("--cluster", file(tmp_path, TWO), "--sweep", "build=1..3")
    status, out = run("plan", GOLDEN, *where)
    assert status == 0
    rows = re.findall(r"^ +(\d)  +(\d+) s ", out, re.MULTILINE)
    assert [int(count) for count, _ in rows] == [1, 2, 3]
    assert int(rows[0][1]) > int(rows[-1][1])
    points = json.loads(run("plan", GOLDEN, *where, "--json")[1])["sweep"]["points"]
    assert [point["count"] for point in points] == [1, 2, 3]


def test_what_is_drawn(tmp_path: Path) -> None:
    cluster, page, trace = file(tmp_path, TWO), tmp_path / "p.html", tmp_path / "p.json"
    assert run("plan", GOLDEN, "--cluster", cluster, "--simulate", "-o", page)[0] == 0
    assert "predicted on c.yaml" in page.read_text()
    assert run("plan", GOLDEN, "--cluster", cluster, "--simulate", "-o", trace)[0] == 0
    slices = [e for e in json.loads(trace.read_text())["traceEvents"] if e["ph"] == "X"]
    assert len(slices) == 75
    assert run("plan", GOLDEN, "--cluster", cluster, "--sweep", "build=1..2", "-o", page)[0] == 0
    assert "Nodes of type build" in page.read_text()


NONE = "nodes: [{type: build, count: 0, resources: {CPU: 2, sim: 2}}, {type: h, count: 1}]"
"""No node that anything fits."""


def test_a_sweep_begins_with_too_few_nodes(tmp_path: Path) -> None:
    where = ("--cluster", file(tmp_path, NONE), "--cpus", "h=1")
    assert run("plan", GOLDEN, *where)[0] == 27
    status, out = run("plan", GOLDEN, *where, "--sweep", "build=0..1")
    assert status == 0
    assert "75 of 75 calls fit" in out
    assert re.search(r"^ +0  never ends .* wait for a node with", out, re.MULTILINE)
    assert re.search(r"^ +1  +\d+ s ", out, re.MULTILINE)
    assert run("plan", GOLDEN, *where, "--sweep", "h=1..2")[0] == 27


@pytest.mark.parametrize("nodes", [TWO, NONE])
@pytest.mark.parametrize("given", ["build", "build=3..1", "build=1..1000", "nope=1..2"])
def test_a_sweep_over_nothing_is_refused(
    tmp_path: Path, given: str, nodes: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["plan", str(GOLDEN), "--cluster", str(file(tmp_path, nodes)), "--sweep", given])
    assert ended.value.code == 2
    assert given.partition("=")[0] in capsys.readouterr().err


def test_a_deadlock_ends_the_command_with_its_own_status(tmp_path: Path) -> None:
    made = [
        Made("m:explore", dispatched=0, seconds=5, options={"resources": {"chipyard": 1}}),
        Made("m:build", parent="loop.0/0", dispatched=1, options={"resources": {"chipyard": 1}}),
    ]
    make_recording(tmp_path / "rec", made)
    cluster = file(tmp_path, "nodes: [{type: n, resources: {CPU: 4, chipyard: 1}}]")
    status, out = run("plan", tmp_path / "rec", "--cluster", cluster, "--simulate")
    assert status == 27
    assert "deadlock after 1.0 s: 1 x explore hold chipyard: 1 and wait for build, which" in out


README = Path(__file__).resolve().parents[2] / "README.md"
SHIPPED = """
available_node_types:
  build: {resources: {"chipyard": 1}, num_workers: 3, compatible_ips: [a, b, c]}
  cosim: {resources: {"verilator_run": 2}, num_workers: 2, compatible_ips: [d, e]}
provider: {head_ip: 10.0.0.1}
"""


def test_the_readme_shows_what_is_printed(tmp_path: Path) -> None:
    """Eight builds of 28 minutes, and a simulation of each."""
    build, sim = {"chipyard": 1}, {"verilator_run": 1}
    made = [Made("n:build", seconds=1680, pid=n, options={"resources": build}) for n in range(8)]
    made += [
        Made(
            "n:sim",
            dispatched=0.1,
            seconds=420,
            pid=10 + n,
            arguments={"design": Reference(f"loop.0/{n}")},
            options={"resources": sim},
        )
        for n in range(8)
    ]
    make_recording(tmp_path / "rec", made)
    cluster = tmp_path / "cluster.yaml"
    cluster.write_text(SHIPPED)
    where = ("--cluster", cluster, "--cpus", "16", "--sweep", "build=2..5")
    status, out = run("plan", tmp_path / "rec", *where)
    assert status == 0
    assert f"```\n{out}```\n" in README.read_text()
