"""The file server and other sources, as workers reach them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import ray

from chia_bypass import (
    Bypass,
    ChiaFunction,
    ServedFileMissing,
    ServedFileUnreadable,
    SourceMissing,
    get,
    get_active_bypass,
)
from chia_bypass.bypass.file_server import INLINE_BYTES
from chia_bypass.bypass.file_server_actor import NAMESPACE

if TYPE_CHECKING:
    from support.fixture_types import MakeBypass

pytestmark = pytest.mark.usefixtures("ray_session")


@ChiaFunction(num_cpus=0)
def fetch(*args: Any, **kwargs: Any) -> Any:
    return "real"


def servers() -> list[str]:
    """The names of all file servers that live."""
    actors = ray.util.list_named_actors(all_namespaces=True)
    return sorted(actor["name"] for actor in actors if actor["namespace"] == NAMESPACE)


def test_a_plain_file_is_served_as_text(bypass: MakeBypass, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("naïve\n", encoding="utf-8")
    bypass(f"{{fetch: {{bypass: true, data: {tmp_path}/a.txt}}}}")
    assert get(fetch.chia_remote("ignored", some="thing")) == "naïve\n"


def test_a_relative_path_is_looked_up_next_to_the_yaml_first(
    bypass: MakeBypass, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    (tmp_path / "work/a.txt").write_text("working directory")
    bypass("{fetch: {bypass: true, data: a.txt}}")
    assert get(fetch.chia_remote()) == "working directory"
    (tmp_path / "a.txt").write_text("next to the YAML")
    assert get(fetch.chia_remote()) == "next to the YAML"


def test_a_users_provider_gets_the_path_as_written(bypass: MakeBypass) -> None:
    made = bypass("{fetch: {bypass: true, data: ./no/../such.txt}}")
    made.set_provider("fetch", lambda tag, data: data)
    assert get(fetch.chia_remote()) == "./no/../such.txt"


def test_a_missing_file_names_path_node_and_key(bypass: MakeBypass, tmp_path: Path) -> None:
    bypass("{fetch: {bypass: true, data: absent.txt}}")
    with pytest.raises(FileNotFoundError) as caught:
        get(fetch.chia_remote())
    assert isinstance(caught.value, ServedFileMissing)
    parts = ["absent.txt", "bypass.fetch.data in", str(tmp_path / "b.yaml"), "node "]
    parts += [ray.util.get_node_ip_address()]  # type: ignore[no-untyped-call]
    assert [part for part in parts if part not in str(caught.value)] == []


def test_a_binary_file_says_how_to_get_it(bypass: MakeBypass, tmp_path: Path) -> None:
    (tmp_path / "elf").write_bytes(b"\x7fELF\xff")
    made = bypass("{fetch: {bypass: true, data: elf}}")
    with pytest.raises(ServedFileUnreadable, match="get_bytes"):
        get(fetch.chia_remote())

    def binary(tag: str | None, data: str | None) -> Any:
        active = get_active_bypass()
        assert active is not None
        server = active.file_server()
        return ray.get([server.exists.remote(data), server.get_bytes.remote(data)])

    made.set_provider("fetch", binary)
    assert get(fetch.chia_remote()) == [True, b"\x7fELF\xff"]


def test_a_provider_gets_other_files_only_if_all_are_served(
    bypass: MakeBypass, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "a.txt"
    elsewhere.write_text("precious")

    def ask(tag: str | None, data: str | None, path: str) -> Any:
        active = get_active_bypass()
        assert active is not None
        return ray.get(active.file_server().get_text.remote(path))

    bypass("{fetch: true}").set_provider("fetch", ask)
    with pytest.raises(ServedFileUnreadable, match="serve_any_path=True"):
        get(fetch.chia_remote(str(elsewhere)))
    bypass(f"{{fetch: true, other: {{bypass: true, data: {elsewhere.parent}}}}}").set_provider(
        "fetch", ask
    )
    assert get(fetch.chia_remote(str(elsewhere))) == "precious"
    (tmp_path / "open.yaml").write_text("bypass: {fetch: true}")
    Bypass(tmp_path / "open.yaml", serve_any_path=True).set_provider("fetch", ask)
    assert get(fetch.chia_remote(str(elsewhere))) == "precious"


def test_a_large_file_is_served_and_served_anew_when_it_changes(
    bypass: MakeBypass, tmp_path: Path
) -> None:
    file = tmp_path / "large"
    file.write_text("x" * INLINE_BYTES * 4)
    bypass("{fetch: {bypass: true, data: large}}")
    assert set(get([fetch.chia_remote() for _ in range(4)])) == {"x" * INLINE_BYTES * 4}
    file.write_text("y" * INLINE_BYTES * 3)
    assert get(fetch.chia_remote()) == "y" * INLINE_BYTES * 3


def test_readers_of_a_large_file_share_one_object(bypass: MakeBypass, tmp_path: Path) -> None:
    (tmp_path / "large").write_text("x" * INLINE_BYTES * 4)
    server = bypass("{fetch: {bypass: true, data: large}}").file_server()
    references = ray.get([server.fetch.remote("large") for _ in range(3)])
    assert len(set(references)) == 1
    assert ray.get(references[0]) == "x" * INLINE_BYTES * 4


def test_the_server_is_there_from_the_start_if_there_are_files(bypass: MakeBypass) -> None:
    before = servers()
    without = bypass("{fetch: true, other: {bypass: true, data: actor://somebody}}")
    off = bypass("{fetch: {bypass: false, data: a}}")
    none = Bypass(None)
    assert servers() == before
    with_files = bypass("{fetch: {bypass: true, data: a}}")
    assert len(servers()) == len(before) + 1
    assert with_files.file_server() is with_files.file_server()
    for made in (without, off, none):
        made.file_server()
    assert len(servers()) == len(before) + 4


def test_a_provider_may_be_the_first_to_ask_for_the_server(
    bypass: MakeBypass, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("upper")

    def upper(tag: str | None, data: str | None) -> Any:
        active = get_active_bypass()
        assert active is not None
        server = active.file_server()
        text: Any = ray.get(server.get_text.remote("a.txt"))
        return text.upper(), server._actor_id.hex()

    made = bypass("{fetch: true}")
    made.set_provider("fetch", upper)
    first, again = get(fetch.chia_remote()), get(fetch.chia_remote())
    assert first == again == ("UPPER", made.file_server()._actor_id.hex())


def test_the_server_takes_no_cpu_and_stays_on_the_node_of_the_bypass(bypass: MakeBypass) -> None:
    made = bypass("{fetch: {bypass: true, data: a}}")
    server = made.file_server()
    assert ray.get(server.exists.remote("a")) is False
    from ray._private import state

    info = state.actors(server._actor_id.hex())
    assert info["Address"]["NodeID"] == ray.get_runtime_context().get_node_id()
    used = ray.cluster_resources()["CPU"] - ray.available_resources()["CPU"]
    assert used == 0


def test_an_actor_may_be_the_source(bypass: MakeBypass) -> None:
    @ray.remote(num_cpus=0)
    class Database:
        def provide(self, request: dict[str, Any]) -> Any:
            if request["tag"] == "bad":
                raise LookupError("no such row")
            return {"asked": request, "type": type(request) is dict}

    here = Database.options(name="database").remote()  # type: ignore[attr-defined]
    there = Database.options(name="database", namespace="elsewhere").remote()  # type: ignore[attr-defined]
    for asked, data in enumerate(("actor://database", "actor://elsewhere/database")):
        bypass(f"{{fetch: {{bypass: true, data: '{data}'}}}}")
        answer = get(fetch.chia_remote(ray.put(1), key=2, _chia_tag="t"))
        assert answer["type"]
        assert answer["asked"] == {
            "function": f"{__name__}:fetch",
            "tag": "t",
            "parent": None,
            "occurrence": asked,
            "args": (1,),
            "kwargs": {"key": 2},
        }
        with pytest.raises(LookupError, match="no such row"):
            get(fetch.chia_remote(_chia_tag="bad"))
    del here, there


def test_an_actor_that_cannot_answer_is_named(bypass: MakeBypass) -> None:
    @ray.remote(num_cpus=0)
    class Mute:
        pass

    mute = Mute.options(name="mute").remote()  # type: ignore[attr-defined]
    bypass("{fetch: {bypass: true, data: 'actor://mute'}}")
    with pytest.raises(SourceMissing, match=r"bypass\.fetch\.data.*'mute'.*provide\(request\)"):
        get(fetch.chia_remote())
    bypass("{fetch: {bypass: true, data: 'actor://nobody'}}")
    with pytest.raises(SourceMissing, match=r"bypass\.fetch\.data.*no such actor.*nobody"):
        get(fetch.chia_remote())
    del mute


def test_a_file_server_that_is_killed_comes_back(bypass: MakeBypass, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("still here")
    server = bypass("{fetch: {bypass: true, data: a.txt}}").file_server()
    ray.get(server.exists.remote("a.txt"))
    ray.kill(server, no_restart=False)
    assert get(fetch.chia_remote()) == "still here"


TWO_CLUSTERS = """
import sys, ray
from chia_bypass import Bypass, ChiaFunction, get

@ChiaFunction(num_cpus=0)
def fetch():
    return "real"

@ChiaFunction(num_cpus=0)
def real(x):
    return x + 1

early = Bypass(sys.argv[1])  # before there is a Ray: must not start one
assert not ray.is_initialized()
for _ in range(2):
    ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False)
    one_cpu = real.options(num_cpus=1)
    print(get(fetch.chia_remote()), get(real.chia_remote(1)), get(one_cpu.chia_remote(2)))
    ray.shutdown()
"""


def test_a_bypass_outlives_the_cluster(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("served")
    (tmp_path / "b.yaml").write_text("bypass: {fetch: {bypass: true, data: a.txt}}")
    (tmp_path / "loop.py").write_text(TWO_CLUSTERS)
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    run = subprocess.run(
        [sys.executable, str(tmp_path / "loop.py"), str(tmp_path / "b.yaml")],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == ["served 2 3", "served 2 3"]
