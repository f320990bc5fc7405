"""What a driver's ``ray.init`` becomes in a replay: pure decisions, no Ray.

Without ``--address`` nothing is joined, since nothing may run for real on machines that the user
did not name: a loop that asks for a cluster gets a local Ray with the recorded resources, and one
that starts its own gets what it declares plus what the recording needs besides.

Of Ray's dashboard there is only what the loop asks for: it doubles the time to start and the number
of processes. Without it ``ray.util.state`` cannot be reached, at once, which `chia_wait` takes for
an answer: nothing is stuck.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from chia_bypass import demands
from chia_bypass.session import Session

CARRIED = frozenset(
    {
        "configure_logging",
        "ignore_reinit_error",
        "include_dashboard",
        "job_config",
        "local_mode",
        "log_to_driver",
        "logging_config",
        "logging_format",
        "logging_level",
        "namespace",
        "runtime_env",
        "_skip_env_hook",
        "_tracing_startup_hook",
    }
)
"""Arguments that mean the same on any Ray, so that a loop's survive a change of Ray."""

STARTING = frozenset(
    {
        "labels",
        "num_cpus",
        "num_gpus",
        "object_store_memory",
        "resources",
        "_enable_object_reconstruction",
        "_memory",
        "_node_name",
        "_system_config",
        "_temp_dir",
    }
)
"""Arguments that only a Ray about to be started accepts."""

_DECLARING = ("num_cpus", "num_gpus", "resources")
"""Arguments by which a loop shows that it wants a Ray of its own."""

_OWN_ARGUMENT = {"CPU": "num_cpus", "GPU": "num_gpus", "memory": "_memory"}
"""Resources that ``ray.init`` takes as arguments of their own."""


@dataclass(frozen=True, slots=True)
class Adaptation:
    """What to call ``ray.init`` with instead."""

    arguments: Mapping[str, Any]
    invented: Mapping[str, float] = field(default_factory=dict)
    """How much of which resource was added to what the loop declares or the machine has."""
    instead_of: str | None = None
    """The cluster that the loop asked for and does not get."""
    notice: str = ""
    """One line for the user; empty: nothing was changed."""
    nodes: tuple[Mapping[str, float], ...] = ()
    """What nodes have to offer that must be started besides, a map for each."""
    more_cpus: bool = False
    """Whether it offers more CPUs than the loop declares or the machine has."""


def cluster_wanted(
    arguments: Mapping[str, Any],
    environment: Mapping[str, str],
    find: Callable[[], str | None],
) -> str | None:
    """The cluster that ``ray.init(**arguments)`` would join; None if it starts a Ray.

    ``find`` looks for a running Ray and is asked only where Ray itself would look.
    """
    address: str | None = arguments.get("address")
    declares = any(arguments.get(name) is not None for name in _DECLARING)
    if address is None and declares:
        return None  # joining what is merely found would be an error
    if address in (None, "auto"):
        address = environment.get("RAY_ADDRESS") or address
    if address == "local":
        return None
    return find() if address is None else address


def adapt(
    session: Session,
    arguments: Mapping[str, Any],
    wanted: str | None,
    machine: Callable[[], Mapping[str, float]],
) -> Adaptation:
    """What ``ray.init(**arguments)`` becomes in the replay ``session``.

    ``wanted`` is the answer of :func:`cluster_wanted`; ``machine`` tells what Ray would offer on
    this machine by itself, and is asked only where it matters.
    """
    if session.address is not None:
        return _join(session.address, arguments, wanted)
    others = tuple(map(schedulable, session.nodes))
    if session.rehearses:
        return _rehearse(session, arguments, wanted, others)
    needed = _less(schedulable(session.resources), others)
    if wanted is not None:
        adaptation = _replace_cluster(needed, others, arguments, wanted, machine)
    else:
        adaptation = _complete(needed, others, arguments, machine)
    settings: dict[str, Any] = {}
    if adaptation.more_cpus:
        # Ray would start a worker for each CPU that is offered, however many this machine has.
        settings["prestart_worker_first_driver"] = False
    if others:
        settings |= {"prestart_worker_first_driver": False, "enable_worker_prestart": False}
    settings |= arguments.get("_system_config") or {}
    completed = {**adaptation.arguments, **({"_system_config": settings} if settings else {})}
    return replace(adaptation, arguments=completed, nodes=others)


def _rehearse(
    session: Session,
    arguments: Mapping[str, Any],
    wanted: str | None,
    others: Sequence[Mapping[str, float]],
) -> Adaptation:
    """Whatever the loop or this machine has: the described nodes."""
    kept = {name: value for name, value in arguments.items() if name in CARRIED}
    offered = _less(schedulable(session.resources), others)
    settings = {"prestart_worker_first_driver": False, "enable_worker_prestart": False}
    exact = {"num_cpus": 0, "num_gpus": 0, **declaration(offered, {}), "_system_config": settings}
    return Adaptation(
        {"include_dashboard": False, **kept, **exact, "address": "local"},
        _more(offered, others),
        wanted,
        f"replay: rehearsing{_on_nodes(others) or ' on 1 node'} of this machine",
        tuple(others),
    )


def schedulable(resources: Mapping[str, float]) -> dict[str, float]:
    """Those of a cluster's resources that a call can ask for and a node can declare."""
    return {
        name: amount
        for name, amount in resources.items()
        if amount > 0
        and name != "object_store_memory"
        and name != demands.EVERY_HEAD  # every Ray has that
        and "_group_" not in name  # the shadows of placement groups
    }


def describe(resources: Mapping[str, float]) -> str:
    """``fpga: 1, db1: 2``."""
    return ", ".join(f"{name}: {amount:g}" for name, amount in resources.items())


def _join(address: str, arguments: Mapping[str, Any], wanted: str | None) -> Adaptation:
    kept = {name: value for name, value in arguments.items() if name not in STARTING}
    if wanted == address:
        return Adaptation({**kept, "address": address})
    asked = "the Ray that the loop would start" if wanted is None else wanted
    notice = f"replay: using the Ray at {address} (--address) instead of {asked}"
    return Adaptation({**kept, "address": address}, instead_of=wanted, notice=notice)


def _replace_cluster(
    needed: Mapping[str, float],
    others: Sequence[Mapping[str, float]],
    arguments: Mapping[str, Any],
    wanted: str,
    machine: Callable[[], Mapping[str, float]],
) -> Adaptation:
    kept = {name: value for name, value in arguments.items() if name in CARRIED}
    offered, cpus = dict(needed), 0.0
    if "CPU" in needed:  # the machine's own may be more, and are good for plain tasks
        cpus = machine().get("CPU", 0)
        offered["CPU"] = max(needed["CPU"], cpus)
    place = "a running cluster" if wanted == "auto" else f"the cluster at {wanted}"
    invented = _more(needed, others)
    having = f" with {describe(invented)}" if invented else ""
    return Adaptation(
        {"include_dashboard": False, **kept, **declaration(offered, {}), "address": "local"},
        invented,
        wanted,
        f"replay: using a local Ray{having}{_on_nodes(others)} instead of {place}",
        more_cpus=offered.get("CPU", 0) > cpus,
    )


def _complete(
    needed: Mapping[str, float],
    others: Sequence[Mapping[str, float]],
    arguments: Mapping[str, Any],
    machine: Callable[[], Mapping[str, float]],
) -> Adaptation:
    """The loop's own Ray, with what is missing added."""
    declared = _declared(arguments)
    offered = {**machine(), **declared} if needed.keys() - declared.keys() else declared
    missing = {
        name: amount - offered.get(name, 0)
        for name, amount in needed.items()
        if amount > offered.get(name, 0)
    }
    completed = {**arguments, "address": "local"}
    if missing:
        totals = {name: needed[name] for name in missing}
        completed.update(declaration(totals, arguments.get("resources") or {}))
    added = _more(missing, others)
    if not added:
        return Adaptation(completed)
    notice = f"replay: adding {describe(added)}{_on_nodes(others)} to the Ray that the loop starts"
    return Adaptation(completed, added, notice=notice, more_cpus="CPU" in missing)


def _more(some: Mapping[str, float], others: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """``some``, and what ``others`` offer besides."""
    total = dict(some)
    for node in others:
        for name, amount in node.items():
            total[name] = total.get(name, 0) + amount
    return total


def _less(total: Mapping[str, float], others: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """What is left for the first node."""
    offered = _more({}, others)
    left = {name: amount - offered.get(name, 0) for name, amount in total.items()}
    return {name: amount for name, amount in left.items() if amount > 0}


def _on_nodes(others: Sequence[Mapping[str, float]]) -> str:
    return f" on {1 + len(others)} nodes" if others else ""


def _declared(arguments: Mapping[str, Any]) -> dict[str, float]:
    """The resources that the arguments of ``ray.init`` name."""
    named = {
        resource: float(arguments[argument])
        for resource, argument in _OWN_ARGUMENT.items()
        if arguments.get(argument) is not None
    }
    return {**named, **(arguments.get("resources") or {})}


def declaration(totals: Mapping[str, float], custom: Mapping[str, float]) -> dict[str, Any]:
    """Arguments of ``ray.init`` that offer ``totals`` besides the ``custom`` resources."""
    own = {
        argument: math.ceil(totals[resource])
        for resource, argument in _OWN_ARGUMENT.items()
        if resource in totals
    }
    others = {name: amount for name, amount in totals.items() if name not in _OWN_ARGUMENT}
    return {**own, "resources": {**custom, **others}}
