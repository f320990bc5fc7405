"""Descriptions of clusters: the three forms, and CHIA's own parser as a peer."""

from __future__ import annotations

from pathlib import Path

import pytest

from chia_bypass.errors import ConfigError, UsageError
from chia_bypass.plan import cluster_file
from chia_bypass.plan.cluster import Cluster

CHIA = """
cluster_name: tuned
available_node_types:
  llm:
    resources: {llm: 4}
    num_workers: 2
    compatible_ips: [10.0.0.1]
  build:
    resources: {"chipyard": 1, CPU: 8}
    max_workers: 3
    min_workers: 1
    compatible_ips: ["10.0.0.2", "10.0.0.3"]
  once: {resources: {gem5: 0.5}, min_workers: 1, compatible_ips: [10.0.0.4]}
  default: {compatible_ips: ["${NOWHERE}"]}
  vlsi: {resources: {VLSI: 1}, num_workers: 0}
provider: {head_ip: 10.0.0.1}
connection: tunnel
head_start_ray_commands:
  - ray stop
  - ulimit -c unlimited && ray start --head --port=6379 --num-cpus 4 --resources='{"head":4}'
worker_start_ray_commands:
  - ray stop
  - ray start --address=$RAY_HEAD_IP:6379
"""
UNPARSABLE = """
available_node_types:
  cosim: {resources: {verilator_run: 2}, num_workers: 1, compatible_ips: [${WORKER_IP}]}
provider: {head_ip: ${HEAD_IP}}
"""
RAY = """
cluster_name: auto
max_workers: 5
head_node_type: first
available_node_types:
  many: {resources: {CPU: 8, GPU: 1}, min_workers: 2}
  few: {resources: {}, max_workers: 1}
  first: {resources: {CPU: 2}, node_config: {}}
"""
SHORT = "nodes: [{type: build, count: 3, resources: {CPU: 8, chipyard: 1}}, {type: one}]"


def read(folder: Path, text: str) -> Cluster:
    file = folder / "c.yaml"
    file.write_text(text)
    return cluster_file.read(file)


def counts(cluster: Cluster) -> dict[str, int]:
    return {kind.name: kind.count for kind in cluster.types}


def test_a_file_of_chia(tmp_path: Path) -> None:
    cluster = read(tmp_path, CHIA)
    assert counts(cluster) == {
        "head": 1, "llm": 2, "build": 3, "once": 1, "default": 1, "vlsi": 0
    }  # fmt: skip
    head, _, build, *_ = cluster.types
    assert head.head
    assert head.resources == {"head": 4, "CPU": 4}
    assert build.resources == {"chipyard": 1, "CPU": 8}
    assert build.unsaid == {"GPU", "memory"}
    assert cluster.unsaid == ["CPU", "GPU", "memory"]
    assert any("2 nodes share 10.0.0.1" in note for note in cluster.notes)


def test_chias_own_parser_counts_the_same_workers(tmp_path: Path) -> None:
    config = pytest.importorskip("chia.cluster.config")
    ours = read(tmp_path, CHIA)
    theirs = config.load_config(str(tmp_path / "c.yaml"))
    workers = {name: count for name, count in counts(ours).items() if name != "head"}
    assert workers == {name: kind.num_workers for name, kind in theirs.node_types.items()}
    assert len(ours) - 1 == len(config.assign_nodes(theirs))


def test_what_chia_cannot_parse_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKER_IP", "10.1.1.1")
    cluster = read(tmp_path, UNPARSABLE)
    assert counts(cluster) == {"head": 1, "cosim": 1}
    assert cluster.types[1].hosts == ("10.1.1.1",)


def test_what_chia_refuses_is_read_and_noted(tmp_path: Path) -> None:
    cluster = read(tmp_path, "available_node_types: {a: {num_workers: 2}, b: {num_workers: 0}}")
    assert len(cluster) == 3
    assert cluster.notes == ("`chia up` will refuse it until compatible_ips is given for a",)


def test_a_file_of_ray_up(tmp_path: Path) -> None:
    cluster = read(tmp_path, RAY)
    assert counts(cluster) == {"first": 1, "many": 5, "few": 1}
    assert cluster.types[0].head
    assert cluster.notes == ("it may have 6 workers by type, and 5 in all",)


def test_the_short_form(tmp_path: Path) -> None:
    cluster = read(tmp_path, SHORT)
    assert counts(cluster) == {"build": 3, "one": 1}
    assert cluster.types[0].offers == {"CPU": 8, "chipyard": 1}


def test_cpus_are_told_where_the_file_is_silent(tmp_path: Path) -> None:
    cluster = read(tmp_path, SHORT).saying(["16"])
    assert [kind.resources.get("CPU") for kind in cluster.types] == [8, 16]
    one = read(tmp_path, CHIA).saying(["16", "llm=64"])
    assert [k.resources["CPU"] for k in one.types] == [4, 64, 8, 16, 16, 16]
    for wrong in ("x", "nope=1", "=3", "inf", "-1"):
        with pytest.raises(UsageError):
            cluster.saying([wrong])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "describes no cluster"),
        ("- 1", "describes no cluster"),
        ("a: b", "describes no cluster"),
        ("nodes: {}", "not a list"),
        ("nodes: [{type: a, cpus: 3}]", "node 1"),
        ("nodes: [{type: a}, {type: a}]", "same type"),
        ("nodes: [{count: -1}]", "count of node1 is -1"),
        ("available_node_types: [a]", "not a map"),
        ("available_node_types: {a: {num_workers: many}}", "num_workers of a is 'many'"),
        ("available_node_types: {a: {}}\nhead_node_type: b", "names no type"),
        ("a: [", "line 1"),
    ],
)
def test_what_is_no_cluster(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read(tmp_path, text)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        cluster_file.read(tmp_path / "c.yaml")
