"""ray.init in drivers of a real session, against real Rays."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.hooked_processes import Hooked, hooked

from chia_bypass import ray_private
from chia_bypass.driver import ray_init
from chia_bypass.options import ReplayOptions
from chia_bypass.recording.folder import RunFolder
from chia_bypass.recording.records import Run
from chia_bypass.session import VARIABLE, Mode

HEAD = """
import json, os, sys
import ray
def show(**facts):
    print(json.dumps(facts), flush=True)
"""


def replaying(folder: Path, **fields: object) -> Hooked:
    """A replay of a recording in which nothing was called."""
    yaml = folder / "bypass.yaml"
    yaml.write_text("bypass:\n")
    run = Run("0" * 32, ("python", "loop.py"), "..", 0.0, {}, "", ())
    RunFolder.create(folder / "recording", run, "host").close(0, 0.0)
    return hooked(folder, Mode.REPLAY, yaml=str(yaml), **fields)


def run(place: Hooked, code: str, **variables: str) -> tuple[list[dict[str, Any]], str]:
    """What a driver showed, and its standard error."""
    (place.folder / "loop.py").write_text(HEAD + code)
    settings = {"RAY_DEDUP_LOGS": "0", "RAY_object_store_memory": "100000000", **variables}
    done = place.try_run([sys.executable, "loop.py"], **settings)
    assert done.returncode == 0, done.stderr
    shown = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return shown, done.stderr


def test_replay_without_a_cluster_gives_a_local_ray_that_can_run_everything(
    tmp_path: Path, short: Path
) -> None:
    resources = {"CPU": 6, "GPU": 2, "fpga": 1, "memory": 5e9, "accelerator_type:V100": 1}
    place = replaying(tmp_path, resources=resources)
    code = """
import ray._private.worker
from ray import init
show(same=ray.init is init is ray._private.worker.init, name=init.__name__)
with init("auto", namespace="lab", log_to_driver=False) as context:
    offered = ray.cluster_resources()
    show(namespace=ray.get_runtime_context().namespace, **{n: offered[n] for n in WANTED})
    work = ray.remote(num_gpus=1, resources={"fpga": 1}, accelerator_type="V100", memory=10**9)
    show(answer=ray.get(work(lambda: 6 * 7).remote()), mapping=bool(context["session_dir"]))
    again = ray.init("auto", num_cpus=3, ignore_reinit_error=True)
    try:
        ray.init("auto")
    except RuntimeError as error:
        show(twice="ray.init twice" in str(error))
show(connected=ray.is_initialized(), visible=os.environ["CUDA_VISIBLE_DEVICES"])
"""
    code = code.replace("WANTED", repr(list(resources)))
    variables = {"RAY_TMPDIR": str(short), "RAY_ADDRESS": "192.0.2.9:6379"}
    shown, errors = run(place, code, **variables, CUDA_VISIBLE_DEVICES="")
    assert shown == [
        {"same": True, "name": "init"},
        {"namespace": "lab", **{name: float(amount) for name, amount in resources.items()}},
        {"answer": 42, "mapping": True},
        {"twice": True},
        {"connected": False, "visible": ""},
    ]
    (notice,) = [line for line in errors.splitlines() if line.startswith("replay:")]
    assert notice.endswith("instead of the cluster at 192.0.2.9:6379")
    (handshake,) = place.handshakes()  # and none of Ray's own processes
    assert handshake.ray
    (connection,) = handshake.connections
    assert connection.invented == resources
    assert connection.instead_of == "192.0.2.9:6379"
    assert connection.address.rpartition(":")[2].isdigit()


def test_spread_groups_find_nodes_that_end_with_the_driver(tmp_path: Path, short: Path) -> None:
    nodes = [{"CPU": 1.0, "fpga": 1.0}, {"CPU": 1.0, "fpga": 1.0}]
    place = replaying(tmp_path, resources={"CPU": 64.0, "fpga": 3.0}, nodes=nodes)
    (place.folder / "loop.py").write_text(
        HEAD
        + """
import signal
from ray.util.placement_group import placement_group
ray.init("auto", log_to_driver=False)
group = placement_group([{"fpga": 1}] * 3, strategy="STRICT_SPREAD")
ray.get(group.ready(), timeout=60)
show(nodes=len(ray.nodes()), fpga=ray.cluster_resources()["fpga"])
for arguments in (([{"fpga": 1}] * 4, "STRICT_SPREAD"), ([{"fgpa": 1}],)):
    try:
        placement_group(*arguments)
    except Exception as error:
        print(error, flush=True)
@ray.remote(num_cpus=0, resources={"db1": 1})
class Server: pass
try:
    Server.remote()
except Exception as error:
    print(error, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    )
    done = place.try_run([sys.executable, "loop.py"], RAY_TMPDIR=str(short))
    assert done.returncode == -9, done.stderr
    facts, spread, bundle, actor = done.stdout.splitlines()
    assert json.loads(facts) == {"nodes": 3, "fpga": 3.0}
    assert "can never be placed; it spreads 4 bundles, and 3 nodes" in spread
    assert "in a bundle it asks for fgpa: 1: no node has fgpa (nearest: fpga)" in bundle
    assert "actor __main__:Server" in actor
    assert "no node has db1" in actor
    until(lambda: processes_of(short) == [])


def processes_of(folder: Path) -> list[str]:
    """Command lines of the processes of a Ray that lives in ``folder``."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # it has ended
            continue
        if str(folder) in line:
            found.append(line)
    return found


def until(condition: Callable[[], bool]) -> None:
    """Wait for what the kernel does in its own time after a kill."""
    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("it did not come about within a minute")


@pytest.mark.parametrize(
    "connect", ["ray.client('lab:10001').connect()", "ray.util.connect('lab:10001')"]
)
def test_a_replay_joins_no_cluster_as_a_client(tmp_path: Path, connect: str) -> None:
    place = replaying(tmp_path)
    code = f"""
try:
    {connect}
except Exception as error:
    show(kind=type(error).__name__, told=str(error))
"""
    ((refused,), _) = run(place, code)
    assert refused["kind"] == "UsageError"
    assert 'ray.init("ray://lab:10001")' in refused["told"]


def test_replay_of_a_loop_with_its_own_ray_adds_only_what_is_missing(
    tmp_path: Path, short: Path
) -> None:
    place = hooked(tmp_path, Mode.REPLAY, resources={"CPU": 1, "fpga": 2})
    code = """
from chia_bypass import ray_private
from chia_bypass.driver import ray_init
def own(**arguments):
    expected = {**ray_init._machine(), **arguments.pop("expected")}
    ray.init(include_dashboard=False, **arguments)
    offered = ray.cluster_resources()
    show(fpga=offered["fpga"], cpu=offered["CPU"] == expected["CPU"])
    show(**ray_init.invented())
    ray.shutdown()
own(num_cpus=2, resources={"fpga": 2}, expected={"CPU": 2})
own(resources={"fpga": 1}, expected={})
"""
    shown, errors = run(place, code, RAY_TMPDIR=str(short))
    assert shown == [{"fpga": 2.0, "cpu": True}, {}, {"fpga": 2.0, "cpu": True}, {"fpga": 1.0}]
    assert [line for line in errors.splitlines() if line.startswith("replay:")] == [
        "replay: adding fpga: 1 to the Ray that the loop starts"
    ]
    (handshake,) = place.handshakes()
    assert [dict(one.invented) for one in handshake.connections] == [{}, {"fpga": 1.0}]


def test_replay_at_a_given_address_joins_it_at_first_use_of_ray(
    tmp_path: Path, ray_session: str
) -> None:
    place = replaying(tmp_path, resources={"fpga": 1}, replay=ReplayOptions(address=ray_session))
    code = """
nothing = ray.remote(num_cpus=0)(lambda: None)
ray.get(nothing.remote())
show(address=ray.get_runtime_context().gcs_address)
ray.shutdown()
ray.init("local", num_cpus=1, resources={"fpga": 5}, _temp_dir="/nowhere")
show(address=ray.get_runtime_context().gcs_address)
"""
    shown, errors = run(place, code)
    assert shown == [{"address": ray_session}] * 2
    assert errors.count(f"replay: using the Ray at {ray_session} (--address)") == 2
    (handshake,) = place.handshakes()
    assert [one.address for one in handshake.connections] == [ray_session] * 2


def test_record_notes_connections_and_changes_nothing(tmp_path: Path, ray_session: str) -> None:
    place = hooked(tmp_path, Mode.RECORD)
    code = """
import inspect
show(parameters=list(inspect.signature(ray.init).parameters)[:2])
for _ in range(2):
    ray.init()
    ray.init(ignore_reinit_error=True)
    ray.shutdown()
try:
    ray.init(num_cpus=1)
except ValueError as error:
    show(refused="existing cluster" in str(error))
try:
    ray.init("a", address="b")
except TypeError as error:
    show(refused="multiple values" in str(error))
"""
    shown, errors = run(place, code, RAY_ADDRESS=ray_session)
    assert shown == [{"parameters": ["address", "num_cpus"]}, {"refused": True}, {"refused": True}]
    assert "replay:" not in errors
    (handshake,) = place.handshakes()
    assert [one.address for one in handshake.connections] == [ray_session] * 2
    assert handshake.troubles == ()


def test_ray_that_is_imported_and_not_used(tmp_path: Path) -> None:
    place = hooked(tmp_path)
    run(place, "")
    (handshake,) = place.handshakes()
    assert handshake.ray
    assert handshake.connections == ()


def test_installed_and_uninstalled(tmp_path: Path, ray_session: str) -> None:
    import ray
    from ray._private import worker

    original = ray.init
    place = hooked(
        tmp_path, Mode.REPLAY, resources={"fpga": 1}, replay=ReplayOptions(address=ray_session)
    )
    undo = ray_init.install(place.session)
    ray_init.install(place.session)()
    installed: Any = ray.init
    assert installed is worker.init is not original
    assert (
        ray.init("local", num_cpus=3, ignore_reinit_error=True).address_info["gcs_address"]
        == ray_session
    )
    undo()
    undo()
    assert ray.init is worker.init is original
    assert installed("auto", ignore_reinit_error=True).address_info["gcs_address"] == ray_session


def test_started_and_undone_from_python(tmp_path: Path) -> None:
    place = hooked(tmp_path, Mode.REPLAY)
    code = """
from chia_bypass.driver import startup
from chia_bypass.session import Session
original, finders = ray.init, list(sys.meta_path)
undo = startup.start(Session.load(sys.argv[1]))
watching = sys.meta_path != finders
replaced = ray.init is not original
undo()
show(watching=watching, replaced=replaced, undone=ray.init is original)
show(finders=sys.meta_path == finders)
"""
    file = place.session.save()
    environment = place.environment()
    del environment[VARIABLE]
    done = subprocess.run(
        [sys.executable, "-c", HEAD + code, str(file)],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    assert done.stdout.splitlines() == [
        json.dumps({"watching": True, "replaced": True, "undone": True}),
        json.dumps({"finders": True}),
    ]


def test_running_ray_that_a_bare_init_would_join_is_found(tmp_path: Path) -> None:
    assert ray_private.running_cluster(str(tmp_path)) is None
    (tmp_path / "ray_current_cluster").write_text("192.0.2.9:6379")
    assert ray_private.running_cluster(str(tmp_path)) == "192.0.2.9:6379"


def test_a_ray_that_has_died_is_named_and_does_not_stop_a_replay(
    tmp_path: Path, short: Path
) -> None:
    (short / "ray").mkdir()
    stale = short / "ray" / "ray_current_cluster"
    stale.write_text("127.0.0.1:9")  # where nothing listens
    loop = (
        "ray.init(num_cpus=1, include_dashboard=False); "
        'show(ran=ray.get(ray.remote(lambda: "it").remote()))'
    )
    recording = hooked(tmp_path)
    (recording.folder / "loop.py").write_text(HEAD + loop)
    done = recording.try_run([sys.executable, "loop.py"], RAY_TMPDIR=str(short))
    if done.returncode:  # versions of Ray that take the address for that of a running one
        assert f"{stale} names a Ray at 127.0.0.1:9 that is not running" in done.stderr
        assert f"Remove the file: rm {stale}" in done.stderr
    stale.write_text("127.0.0.1:9")
    (tmp_path / "replay").mkdir()
    shown, _ = run(replaying(tmp_path / "replay"), loop, RAY_TMPDIR=str(short))
    assert shown == [{"ran": "it"}]
