"""Stands in for ``ray.init`` in a driver: notes each connection, and adapts it in a replay."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from chia_bypass.driver.local_ray import CARRIED, Adaptation, adapt, cluster_wanted
from chia_bypass.hook.announcing import announce
from chia_bypass.session import Session

Init = Callable[..., Any]

_session: Session | None = None
"""What the wrapper obeys; None: it passes everything on, for those who hold it still."""

_invented: Mapping[str, float] = {}

_MARK = "_chia_bypass_original"


def install(session: Session) -> None:
    """Replace ``ray.init`` under all its names; ``ray._private.worker`` must be imported.

    Under record nothing changes but that a connection is noted. Installing again only changes
    the session.
    """
    global _session
    _session = session
    worker = sys.modules["ray._private.worker"]
    if not hasattr(worker.init, _MARK):
        _put(worker.init, _wrap(worker.init))


def uninstall() -> None:
    """Put Ray's own ``ray.init`` back; harmless where it is there."""
    global _session, _invented
    _session, _invented = None, {}
    worker = sys.modules.get("ray._private.worker")
    if worker is not None and hasattr(worker.init, _MARK):
        _put(worker.init, getattr(worker.init, _MARK))


def invented() -> Mapping[str, float]:
    """Resources of this process's Ray that we added; empty: the loop is at home on it."""
    return _invented


def _put(present: Init, init: Init) -> None:
    """Replace ``present`` wherever Ray keeps it; ``ray`` itself may be half imported."""
    for name in ("ray._private.worker", "ray"):
        module = sys.modules.get(name)
        if module is not None and getattr(module, "init", None) is present:
            module.init = init  # type: ignore[attr-defined]


def _wrap(original: Init) -> Init:
    @functools.wraps(original)
    def init(*args: Any, **kwargs: Any) -> Any:
        session = _session
        if session is None or len(args) > 1 or (args and "address" in kwargs):
            return original(*args, **kwargs)  # Ray knows how to complain
        arguments = {"address": args[0], **kwargs} if args else kwargs
        return _init(session, original, arguments)

    setattr(init, _MARK, original)
    return init


def _init(session: Session, original: Init, arguments: dict[str, Any]) -> Any:
    import ray

    connected_before = ray.is_initialized()
    if not session.own_ray and session.address is None:
        context = original(**arguments)
        if not connected_before:
            _note(session, context, Adaptation(arguments))
        return context
    if connected_before:
        # Ray looks for the cluster before it says that there is one already: "auto" would fail.
        kept = {name: value for name, value in arguments.items() if name in CARRIED}
        return original(**kept, address=session.address or "local")
    return _init_for_replay(session, original, arguments)


def _init_for_replay(session: Session, original: Init, arguments: dict[str, Any]) -> Any:
    global _invented
    wanted = cluster_wanted(arguments, os.environ, lambda: _find(arguments.get("_temp_dir")))
    adaptation = adapt(session, arguments, wanted, _machine)
    if adaptation.notice:
        print(adaptation.notice, file=sys.stderr, flush=True)
    with _all_gpus_visible("GPU" in adaptation.invented):
        context = _start(original, adaptation)
    _invented = adaptation.invented
    _note(session, context, adaptation)
    return context


def _start(original: Init, adaptation: Adaptation) -> Any:
    """Join or start the Ray of the adaptation, with its further nodes."""
    if not adaptation.nodes:
        return original(**adaptation.arguments)
    from chia_bypass.driver import local_nodes

    each = local_nodes.share_of_object_store(1 + len(adaptation.nodes))
    context = original(**{"object_store_memory": each, **adaptation.arguments})
    local_nodes.add(adaptation.nodes, each)
    return context


def _note(session: Session, context: Any, adaptation: Adaptation) -> None:
    # A Ray client's context knows no address but the one that it was given.
    known = getattr(context, "address_info", {}).get("gcs_address")
    announce(
        session.control,
        "connected",
        address=str(known or adaptation.arguments.get("address") or ""),
        invented=dict(adaptation.invented),
        instead_of=adaptation.instead_of,
    )


def _find(temp_dir: str | None) -> str | None:
    """The running Ray that a bare ``ray.init()`` would join."""
    from ray._private import services

    find: Any = services.canonicalize_bootstrap_address  # annotated narrower than it is
    found: str | None = find(None, temp_dir)
    return found


def _machine() -> dict[str, float]:
    """What a Ray started here without a word about resources would offer."""
    from ray._private import utils

    gpus = _gpus()
    count = float(gpus.get_current_node_num_accelerators())
    kind = gpus.get_current_node_accelerator_type() if count else None
    available: int = utils.estimate_available_memory()  # type: ignore[no-untyped-call]
    store = utils.resolve_object_store_memory(available, None)
    return {
        "CPU": float(utils.get_num_cpus()),
        "GPU": count,
        "memory": float(available - store),
        **({f"accelerator_type:{kind}": 1.0} if kind else {}),
    }


def _gpus() -> Any:
    """Ray's knowledge of the kind of GPU that this machine has, or could have."""
    from ray._private import accelerators

    return accelerators.get_accelerator_manager_for_resource("GPU")


@contextmanager
def _all_gpus_visible(pretend: bool) -> Iterator[None]:
    """Ray offers no more GPUs than it may see, which binds real ones, not invented ones."""
    if not pretend:
        yield
        return
    variable: str = _gpus().get_visible_accelerator_ids_env_var()
    visible = os.environ.pop(variable, None)
    try:
        yield
    finally:
        if visible is not None:
            os.environ[variable] = visible
