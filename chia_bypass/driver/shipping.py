"""Sending ourselves to the workers of a job: as its ``worker_process_setup_hook``, unless they are
this process's own and inherit it (`inherited_setup`).

Attached where the driver connects to Ray, which is after everything else that makes up the job's
runtime environment (arguments of ``ray.init``, a job config, ``ray job submit``, ``uv run``) has
had its say. The loop's own runtime environment and hook are kept.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from chia_bypass import ray_private
from chia_bypass.driver import inherited_setup
from chia_bypass.hook.worker_bootstrap import Installed, WorkerSetup, pack
from chia_bypass.patches.patching import Patch, Undo, undo_all
from chia_bypass.runtime.recorded_nodes import RecordedNodes
from chia_bypass.session import Mode, Session

HOOK = "worker_process_setup_hook"
_PACKAGE = Path(__file__).resolve().parents[1]
STAYS = frozenset(
    {"blocks", "control", "driver", "look", "loop_files", "plan", "sandbox", "testing"}
)
"""The rooms that workers do without. All others are sent to them, whole."""
_TEXT = r'"""(?:[^"\\]|\\.|"(?!""))*"""'
_REMARK = re.compile(
    rf"^(?P<indent> *){_TEXT}$|(?P<value>{_TEXT})|^ *#[^\n]*$", re.MULTILINE | re.DOTALL
)
"""A docstring, a text in triple quotes that is a value, or a line that is only a comment: as far
as our own sources go, which a test compares with what Python makes of them."""


def install(session: Session) -> Undo:
    """Send ourselves along with every further connection of this process; returns the undoing."""
    return undo_all(
        [
            _CONNECT.install(ray_private.homes()[0], setting=session),
            inherited_setup.install(lambda: _pickled(_setup(session, early=True))),
        ]
    )


def _attaching(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def connect(node: Any, *args: Any, **kwargs: Any) -> Any:
        session, job_config = _CONNECT.setting, kwargs.get("job_config")
        if session is None or job_config is None:
            return original(node, *args, **kwargs)
        if not inherited_setup.reaches(node, job_config.runtime_env or {}):
            attach(session, job_config)
        return original(node, *args, **kwargs)

    return connect


_CONNECT: Patch[Session] = Patch(ray_private.CONNECT, _attaching)


def attach(session: Session, job_config: Any) -> None:
    """Make the job described by ``job_config`` set up its workers for ``session``."""
    # The loop's own dictionary may be used again, for another ray.init: never changed.
    environment = dict(job_config.runtime_env or {})
    environment["env_vars"] = dict(environment.get("env_vars") or {})
    _travel_by_value()
    environment[HOOK] = _setup(session, carried(), environment.get(HOOK)).hook()
    job_config.set_runtime_env(environment)


def _setup(
    session: Session, sources: bytes = b"", own: Any = None, *, early: bool = False
) -> WorkerSetup:
    """``own``: the loop's hook, if it has one; ``early``: see `worker_start.enter`."""
    replays = session.mode is Mode.REPLAY
    nodes = RecordedNodes.of(session).plain() if replays else None
    here = Installed.at(str(_PACKAGE.parent))
    return WorkerSetup(sources, (session.run, replays, nodes, early), own, here)


def _pickled(setup: WorkerSetup) -> bytes:
    """A setup hook as Ray sends it."""
    from ray import cloudpickle

    _travel_by_value()
    pickled: bytes = cloudpickle.dumps(setup.hook())  # type: ignore[no-untyped-call]
    return pickled


def _travel_by_value() -> None:
    """Have cloudpickle write out what a worker needs to put us there."""
    from ray import cloudpickle

    from chia_bypass.hook import worker_bootstrap

    cloudpickle.register_pickle_by_value(worker_bootstrap)  # type: ignore[no-untyped-call]


@functools.cache
def carried() -> bytes:
    """The packed sources of all that workers import."""
    sources = {name: without_remarks(path.read_text("utf-8")) for name, path in worker_modules()}
    return pack(sources, str(_PACKAGE.parent))


def without_remarks(source: str) -> str:
    """``source`` without docstrings and lines of comments, which are a third of what workers would
    get. Every line of code keeps its number, for tracebacks."""
    return _REMARK.sub(_emptied, source)


def _emptied(remark: re.Match[str]) -> str:
    if remark["value"] is not None:
        return remark[0]
    if remark["indent"] is None:
        return ""
    return remark["indent"] + '""' + "\n" * remark[0].count("\n")  # may be all that a class has


def worker_modules() -> Iterator[tuple[str, Path]]:
    """Name and file of every module that is sent."""
    for path in sorted(_PACKAGE.rglob("*.py")):
        parts = path.relative_to(_PACKAGE.parent).with_suffix("").parts
        if parts[1] not in STAYS:
            yield ".".join(part for part in parts if part != "__init__"), path
