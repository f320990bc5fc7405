"""Every name of Ray that is not public, and no other module of ours has one: where to look when Ray
changes. Each is the same in all versions that we support, 2.54 to 2.60; what is said of one is what
breaks without it.

Read at every Python start below ``record`` and ``replay``: builtin modules only, and Ray is
imported inside the functions, by who has imported it already or is about to use it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

# Names, for those who must not import Ray.

WORKER = "ray._private.worker"
"""The module that defines ``ray.init`` and the like, imported early in ``import ray``. Without it
a driver would be entered only when a loop may hold Ray's own functions already."""

REMOTE_FUNCTION = "ray.remote_function"
"""The module of plain tasks. Without it nobody would tell who they are."""

PROCESS_FOLDERS = ("_private", "autoscaler", "core", "dashboard", "scripts", "util")
"""Folders of the ray package whose files run as processes of a cluster. Of one that is missing here
the processes would be taken for drivers."""

WORKER_PROGRAMS = "_private/workers/"
"""Where, in the ray package, the programs of workers are. Without it they would be daemons, and
what they start not recorded."""

WORKER_PROGRAM = f"{WORKER_PROGRAMS}default_worker.py"
"""A file by which a folder ``ray`` is told from one of the user's."""

REFERENCE_MODULES = ("ray", "ray._raylet")
"""Where the class ObjectRef says that it is from. Elsewhere references would be kept by value."""

LIVE = frozenset(
    {
        "ray.actor:ActorHandle",
        "ray.actor:ActorClass",
        "ray.actor:ActorMethod",
        "ray._raylet:BaseID",
        "ray._raylet:ObjectRefGenerator",
        "ray._raylet:StreamingObjectRefGenerator",
        "ray.util.placement_group:PlacementGroup",
    }
)
"""Classes whose instances mean nothing in another run. Without one of them its instances would be
recorded, and a replay would hand out dead ones."""

ADDRESS_FILE = "ray_current_cluster"
"""The file, in Ray's temporary folder, that holds the address of the cluster that was started here.
Without it nobody would be told of one that has died."""

READ_PACKAGE = (
    "from ray._raylet import GcsClient;"
    "package=GcsClient(address=os.environ['RAY_ADDRESS']).internal_kv_get({uri!r},None)"
)
"""Python for a submitted job, which is not connected yet and imports ``os``: reads what was
uploaded to ``uri``, as bytes, since Ray keeps packages in its key-value store. Without it the
job could not unpack us."""

CONNECT = "connect"
"""The function of the module WORKER that all of ``ray.init`` ends in, with ``job_config=`` as it
will be. Without it workers would not be sent our setup hook."""

START_NODE = "start_raylet"
"""The method of `node_class` that starts what starts workers, when the cluster's key-value store is
there already. Without it the workers that Ray starts ahead would lack us and stay unused."""

SETUP_VARIABLE = "__RAY_WORKER_PROCESS_SETUP_HOOK_ENV_VAR"
"""The environment variable in which a worker finds the key of its setup hook."""

HAND_OVER = "_set_future_helper"
"""The function of `raylet` that hands each result to a future, by ``(result, *, py_future)``, and
sets ``py_future.object_ref`` afterwards. Without it the order in which awaited calls finish would
be neither recorded nor kept."""

START = "_remote"
"""The method ``(args, kwargs, **options)`` of `actor_class` and `remote_function_class` that
creates an actor or submits a task. Without it these would be neither parents nor reservations."""

METHOD = "_actor_method_call"
"""The method ``(name, ...)`` of actors' handles by which all of an actor's methods are called.
Without it nobody is told that a loop asks an actor what served calls would have changed."""

CALLERS = ("ray/_raylet.pyx", "ray/includes/common.pxi")
"""Ends of the names of the files of Ray from which a task is called; tracebacks begin with their
frames. Without them replayed tracebacks would lack these frames, seen only where a loop prints
the ``repr`` of an error that is a plain ``Exception``."""


# Where functions of Ray are replaced.


def homes() -> tuple[Any, Any]:
    """The modules under which a loop finds ``init``, ``put`` and ``wait``: where Ray defines them,
    and ``ray``, which may be half imported and take them from there yet. Without the first the
    latter takes what was not replaced.
    """
    import ray
    from ray._private import worker

    return worker, ray


def raylet() -> Any:
    """Where HAND_OVER is looked up for each result."""
    from ray import _raylet

    return _raylet


def actor_class() -> Any:
    """The class of what ``ray.remote`` makes of a class; for START."""
    from ray import actor

    return actor.ActorClass


def actor_handle_class() -> Any:
    """The class of actors' handles; for METHOD."""
    from ray import actor

    return actor.ActorHandle


def remote_function_class() -> Any:
    """The class of what ``ray.remote`` makes of a function; for START."""
    from ray import remote_function

    return remote_function.RemoteFunction


def node_class() -> Any:
    """The class of the nodes that ``ray.init`` starts; for START_NODE."""
    from ray._private import node

    return node.Node


def offer_setup(node: Any, pickled: bytes) -> str:
    """Store a setup hook, as cloudpickle has it, in the cluster of ``node``; returns what workers
    must find in SETUP_VARIABLE to run it. As Ray stores the hook of a job.
    """
    import pickle

    from ray._private import ray_constants
    from ray._private.runtime_env import setup_hook

    key = b"FunctionsToRun:chia-bypass"
    stored = {"job_id": b"", "function_id": b"", "function": pickled}
    namespace = ray_constants.KV_NAMESPACE_FUNCTION_TABLE
    node.get_gcs_client().internal_kv_put(key, pickle.dumps(stored), True, namespace)
    decode: Any = setup_hook._decode_function_key
    return str(decode(key))


# What is inside of Ray's objects.


def class_of(actor_class: Any) -> Any:
    """The class, as the loop wrote it, of what ``ray.remote`` made of it: by it our own actors are
    told from a loop's.
    """
    modified = actor_class.__ray_metadata__.modified_class
    return getattr(modified, "__ray_actor_class__", modified)


def class_name(actor_class: Any) -> str:
    """What Ray calls it; recorded as part of the path of what its actors dispatch."""
    return str(actor_class.__ray_metadata__.class_name)


def function_of(remote_function: Any) -> Any:
    """The function inside a remote function, after which its tasks are called."""
    return remote_function._function


def actor_id(handle: Any) -> bytes:
    """Which actor a handle is for: the key under which the actor finds out who it is."""
    return bytes(handle._actor_id.binary())


def is_of_this_job(handle: Any) -> bool:
    """Whether the actor was created by the job that we are in: the id of an actor ends with that of
    its job, whoever finds the actor again by its name (``ray/src/ray/common/id.h``).
    """
    import ray

    job = ray.get_runtime_context().get_job_id()
    return str(handle._actor_id.hex()).endswith(job)


def is_actor_handle(kind: type) -> bool:
    """Whether it is the class of actors' handles; Ray is not imported for it."""
    return kind.__module__ == "ray.actor" and kind.__name__ == "ActorHandle"


def actor_class_name(handle: Any) -> str:
    """Module and qualified name of the class of the actor behind a handle; empty if the handle does
    not say: then the actor can be named by the bare name only.
    """
    descriptor = getattr(handle, "_ray_actor_creation_function_descriptor", None)
    module, name = (getattr(descriptor, part, None) for part in ("module_name", "class_name"))
    return f"{module}:{name}" if module and name else ""


def started_here(handle: Any) -> bool:
    """Whether this very handle is what starting the actor returned: then what the call does to the
    actor is nobody else's affair. Without it such methods would be noted, too.
    """
    return bool(getattr(handle, "_ray_original_handle", False))


def actor_identity(handle: Any) -> tuple[str, str]:
    """Id, hexadecimal, and class name of the actor behind a handle: by it the calls are known
    that share an actor, which served and real ones must not.
    """
    descriptor = getattr(handle, "_ray_actor_creation_function_descriptor", None)
    name = str(getattr(descriptor, "class_name", None) or "actor")
    return str(handle._actor_id.hex()), name.rpartition(".")[2]


# What this process is to Ray.


def _global_worker() -> Any:
    import ray._private.worker  # for each call: `from` would take three times as long

    return ray._private.worker.global_worker


def connection() -> Any:
    """What names the cluster and job of this process; another one after another ``ray.init``.
    Without it an engine would outlive its cluster.
    """
    return _global_worker().current_cluster_and_job


def connect_as_a_dispatch_does() -> None:
    """``ray.init`` as Ray does it by itself at the first dispatch, for the facts that are needed
    just before that.
    """
    import ray._private.auto_init_hook

    auto_init: Any = ray._private.auto_init_hook.auto_init_ray
    auto_init()


def running() -> tuple[bytes | None, bytes | None]:
    """The ids of the actor and of the task that this process runs. Unlike the public runtime
    context it also answers where there is none. Without it no actor or task finds out who it is.
    """
    worker = _global_worker()
    actor, task = worker.actor_id, worker.current_task_id
    return (
        None if actor.is_nil() else bytes(actor.binary()),
        None if task.is_nil() else bytes(task.binary()),
    )


def attempt_number() -> int:
    """From 0, which attempt of the running task this is: by it a retried call is told from two."""
    return int(_global_worker().core_worker.get_current_task_attempt_number())


def is_cancelled() -> bool:
    """Whether Ray was told to cancel the running task, by which its interrupt is told from one
    that the function raised. Unlike the public runtime context it answers in every process.
    """
    return bool(_global_worker().core_worker.is_canceled())


# How Ray shows the error of a task.


def task_id(hexadecimal: str) -> Any:
    """The id of a task, as errors hold it."""
    return raylet().TaskID(bytes.fromhex(hexadecimal))


def shortened(formatted: str) -> str:
    """A formatted traceback without its first frames, as Ray passes it on: they are expected to
    be its own. Without it the whole text of a replayed error would have them.
    """
    from ray._private import utils

    return str(utils.format_error_message(formatted, task_exception=True))


# The key-value store of the cluster, by which processes of a run tell each other facts.


def tell(key: bytes, value: bytes, namespace: bytes, *, overwrite: bool = True) -> bool:
    """Store ``value``; returns whether there was one, which without ``overwrite`` stays."""
    from ray.experimental import internal_kv

    put: Any = internal_kv._internal_kv_put
    return bool(put(key, value, overwrite=overwrite, namespace=namespace))


def ask(key: bytes, namespace: bytes) -> bytes | None:
    """What is stored; None: nothing."""
    from ray.experimental import internal_kv

    value: bytes | None = internal_kv._internal_kv_get(key, namespace=namespace)
    return value


def forget(prefix: bytes, namespace: bytes) -> None:
    """Remove all keys that begin so."""
    from ray.experimental import internal_kv

    internal_kv._internal_kv_del(prefix, del_by_prefix=True, namespace=namespace)


# What a Ray started here would offer, and more nodes for it: for the local Ray of a replay.


def running_cluster(temp_dir: str | None) -> str | None:
    """Address of the Ray that a bare ``ray.init()`` would join: without it a replay would join
    a cluster that was found by chance.
    """
    from ray._private import services

    find: Any = services.canonicalize_bootstrap_address  # annotated narrower than it is
    found: str | None = find(None, temp_dir)
    return found


def temp_dir(environ: Mapping[str, str]) -> str:
    """Ray's temporary folder; for ADDRESS_FILE."""
    return f"{environ.get('RAY_TMPDIR') or '/tmp'}/ray"


def cpus() -> int:
    """How many CPUs it would offer, which may be fewer than the machine has: a container's."""
    from ray._private import utils

    return int(utils.get_num_cpus())


def memory() -> tuple[int, int]:
    """Bytes that are free on this machine, and how many of them its object store would take."""
    from ray._private import utils

    available: int = utils.estimate_available_memory()  # type: ignore[no-untyped-call]
    return available, int(utils.resolve_object_store_memory(available, None))


def gpus() -> Any:
    """Ray's AcceleratorManager for the kind of GPU that this machine has, or could have: without
    it a replay would offer none of a recorded run's.
    """
    from ray._private import accelerators

    return accelerators.get_accelerator_manager_for_resource("GPU")


def head_node() -> Any:
    """The node that this process started, which has ``kill_all_processes``, for ``ray.shutdown``
    to call. Without it a replay has a single node, where spread placement groups would hang.
    """
    from ray._private import worker

    return worker._global_node


def start_node(parameters: Mapping[str, Any]) -> Any:
    """Start one more node with these RayParams, as ``ray.init`` starts its own: the end of this
    process is seen to by the kernel.
    """
    from ray._private import node, parameter

    make: Any = parameter.RayParams  # annotated narrower than it is
    return node.Node(make(**parameters), head=False, shutdown_at_exit=False, spawn_reaper=True)


def start_lean_node(parameters: Mapping[str, Any], head: Any) -> Any:
    """As `start_node`, without the two agents of a node: they take 130 MB and two seconds of work,
    and serve a dashboard that is not there. The environments of its workers are made by the agent
    of ``head``, on the same machine.
    """
    from ray._private import ray_constants, services

    if not hasattr(raylet(), "persist_port"):  # a Ray that tells the ports of agents otherwise
        return start_node(parameters)
    whole = services.start_ray_process

    def start(command: list[str], process_type: str, *args: Any, **kwargs: Any) -> Any:
        if process_type == ray_constants.PROCESS_TYPE_RAYLET:
            command = _without_agents(command, head)
        return whole(command, process_type, *args, **kwargs)

    services.start_ray_process = start
    try:
        return start_node(parameters)
    finally:
        services.start_ray_process = whole


def _without_agents(command: list[str], head: Any) -> list[str]:
    """Of a raylet, which waits for the ports of its agents and ends when they do: the ports are
    there, and processes that do nothing stand for the agents.
    """
    ray = raylet()
    given = dict(word.split("=", 1) for word in command if "=" in word)
    folder, node = given["--session_dir"], given["--node_id"]
    unused = ("METRICS_AGENT_PORT_NAME", "METRICS_EXPORT_PORT_NAME")
    for name in (*unused, "DASHBOARD_AGENT_LISTEN_PORT_NAME"):
        ray.persist_port(folder, node, getattr(ray, name), -1)
    shared = ray.RUNTIME_ENV_AGENT_PORT_NAME
    port = ray.wait_for_persisted_port(folder, head.node_id, shared)
    ray.persist_port(folder, node, shared, port)
    idle = 'sh -c "exec tail --pid=$PPID -f /dev/null"'
    agents = ("dashboard_agent_command", "runtime_env_agent_command")
    kept = [word for word in command if not word.startswith(tuple(f"--{a}=" for a in agents))]
    return [*kept, *(f"--{agent}={idle}" for agent in agents)]


def await_node(node: Any, seconds: float) -> None:
    """Wait until the cluster knows ``node``. Raises TimeoutError."""
    from ray._private import services

    wait: Any = services.wait_for_node
    wait(node.gcs_address, node.plasma_store_socket_name, seconds)


def lose(references: list[Any]) -> None:
    """Delete the objects behind the references everywhere, as if their nodes had been lost."""
    from ray._private import internal_api

    internal_api.free(references)


def await_end(node: Any) -> None:
    """Wait until the raylet of a node that this process started has ended, and take note of it."""
    from ray._private import ray_constants

    for info in node.all_processes.get(ray_constants.PROCESS_TYPE_RAYLET, ()):
        info.process.wait()


# Submitting jobs.


def upload(client: Any, path: str) -> str:
    """Put the file at ``path`` where jobs of ``client``, a JobSubmissionClient, can get it, as
    Ray puts a working directory; returns its URI. Without it no submitted job records itself.
    """
    return str(client._upload_package_if_needed(path, include_gitignore=False, is_file=True))


def job_server(client: Any) -> str:
    """Address of the job server of ``client``; for a message, so it may be missing."""
    return str(getattr(client, "_address", "the cluster"))


def is_loss(error: BaseException) -> bool:
    """Whether Ray says by this error that a call has no answer: its worker or node is gone, say.

    Errors that the function raised, in whatever form they come, time-outs, and cancellations, which
    who cancels knows, are none.
    """
    from ray import exceptions

    lost = (
        exceptions.WorkerCrashedError,
        exceptions.NodeDiedError,
        exceptions.OutOfMemoryError,
        exceptions.ObjectLostError,
        exceptions.LocalRayletDiedError,
        exceptions.RuntimeEnvSetupError,
        exceptions.TaskUnschedulableError,
        exceptions.TaskPlacementGroupRemoved,
    )
    return isinstance(error, lost) and not isinstance(error, exceptions.RayTaskError)
