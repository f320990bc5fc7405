"""Stands in for ``ray.init`` in a driver: notes each connection, and adapts it in a replay."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from chia_bypass import ray_private
from chia_bypass.driver import shared_ray
from chia_bypass.driver.local_ray import CARRIED, Adaptation, adapt, cluster_wanted
from chia_bypass.driver.shared_ray import SharedRay
from chia_bypass.hook.announcing import announce
from chia_bypass.hook.preload import preload
from chia_bypass.patches.patching import Patch, Undo
from chia_bypass.session import Mode, Session
from chia_bypass.wording import inert, visible

Init = Callable[..., Any]

_ENGINES = {
    Mode.RECORD: "chia_bypass.driver.recorder",
    Mode.REPLAY: "chia_bypass.driver.replayer",
}
"""What builds the engine of a driver, with all that it imports."""

_invented: Mapping[str, float] = {}


def install(session: Session) -> Undo:
    """Replace ``ray.init`` under all its names; returns the undoing.

    Under record nothing changes but that a connection is noted. Installing again only changes
    the session.
    """
    undo_patch, before = _INIT.install(*ray_private.homes(), setting=session), _invented

    def undo() -> None:
        global _invented
        undo_patch()
        _invented = before

    return undo


def invented() -> Mapping[str, float]:
    """Resources of this process's Ray that we added; empty: it is the loop's own Ray."""
    return _invented


def _adapting(original: Init) -> Init:
    @functools.wraps(original)
    def init(*args: Any, **kwargs: Any) -> Any:
        session = _INIT.setting
        if session is None or len(args) > 1 or (args and "address" in kwargs):
            return original(*args, **kwargs)  # Ray knows how to complain
        arguments = {"address": args[0], **kwargs} if args else kwargs
        return _init(session, original, arguments)

    return init


_INIT: Patch[Session] = Patch("init", _adapting)


def _init(session: Session, original: Init, arguments: dict[str, Any]) -> Any:
    import ray

    connected_before = ray.is_initialized()
    if not connected_before:
        preload(_ENGINES[session.mode])  # Ray takes seconds to start
    if not session.own_ray and session.address is None:
        with _naming_a_stale_ray(arguments):
            context = original(**arguments)
        if not connected_before:
            _note(session, context, Adaptation(arguments))
        return context
    if connected_before:
        # Ray looks for the cluster before it says that there is one already: "auto" would fail.
        kept = {name: value for name, value in arguments.items() if name in CARRIED}
        return original(**kept, address=session.address or "local")
    return _init_for_replay(session, original, arguments)


@contextmanager
def _naming_a_stale_ray(arguments: Mapping[str, Any]) -> Iterator[None]:
    """Say so, on stderr, if Ray fails since one that has died left its address here."""
    try:
        yield
    except Exception:
        from chia_bypass.driver import stale_ray

        told = arguments.get("address") in (None, "auto") and not os.environ.get("RAY_ADDRESS")
        notice = stale_ray.notice(arguments.get("_temp_dir")) if told else ""
        if notice:
            print(notice, file=sys.stderr, flush=True)
        raise


def _init_for_replay(session: Session, original: Init, arguments: dict[str, Any]) -> Any:
    global _invented
    wanted = cluster_wanted(
        arguments, os.environ, lambda: ray_private.running_cluster(arguments.get("_temp_dir"))
    )
    named = arguments.get("address") not in (None, "auto") or bool(os.environ.get("RAY_ADDRESS"))
    shared = shared_ray.wanted(session, wanted, named) if session.own_ray else None
    if shared is not None:
        return _join_shared(session, original, arguments, shared)
    adaptation = adapt(session, arguments, wanted, _machine)
    if adaptation.notice:
        print(inert(visible(adaptation.notice)), file=sys.stderr, flush=True)
    with _all_gpus_visible("GPU" in adaptation.invented):
        context = _start(original, adaptation)
    _invented = adaptation.invented
    _note(session, context, adaptation)
    if session.own_ray:
        shared_ray.tell(session, _address(context), adaptation.invented)
    return context


def _join_shared(
    session: Session, original: Init, arguments: dict[str, Any], shared: SharedRay
) -> Any:
    """Join the Ray of another driver of this replay, as the loop would."""
    global _invented
    adaptation = Adaptation({**arguments, "address": shared.address}, shared.invented)
    context = original(**adaptation.arguments)
    _invented = shared.invented
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
    announce(
        session.control,
        "connected",
        address=str(_address(context) or adaptation.arguments.get("address") or ""),
        invented=dict(adaptation.invented),
        instead_of=adaptation.instead_of,
    )


def _address(context: Any) -> str:
    """Of the Ray; a Ray client's context knows none but the one that it was given."""
    return str(getattr(context, "address_info", {}).get("gcs_address") or "")


def _machine() -> dict[str, float]:
    """What a Ray started here without a word about resources would offer."""
    gpus = ray_private.gpus()
    count = float(gpus.get_current_node_num_accelerators())
    kind = gpus.get_current_node_accelerator_type() if count else None
    available, store = ray_private.memory()
    return {
        "CPU": float(ray_private.cpus()),
        "GPU": count,
        "memory": float(available - store),
        **({f"accelerator_type:{kind}": 1.0} if kind else {}),
    }


@contextmanager
def _all_gpus_visible(pretend: bool) -> Iterator[None]:
    """Ray offers no more GPUs than it may see, which binds real ones, not invented ones."""
    if not pretend:
        yield
        return
    variable: str = ray_private.gpus().get_visible_accelerator_ids_env_var()
    visible = os.environ.pop(variable, None)
    try:
        yield
    finally:
        if visible is not None:
            os.environ[variable] = visible
