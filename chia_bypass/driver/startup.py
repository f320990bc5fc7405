"""What the hook arranges in a process: nothing, until Ray or a ChiaFunction is imported.

Runs at every Python start below ``record`` and ``replay``: builtin modules only at the top.
"""

from __future__ import annotations

import os
import sys

from chia_bypass import ray_private
from chia_bypass.hook import announcing
from chia_bypass.hook.announcing import announce, started
from chia_bypass.identity.process import ray_role
from chia_bypass.patches.post_import import after_import
from chia_bypass.privacy import is_taken_over

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from chia_bypass.patches.placement import Observer, Pins
    from chia_bypass.session import Session


_NOWHERE = "/dev/null/none"


def enter(session_file: str) -> None:
    """Called by sitecustomize, once a process: announce it, and wait for Ray."""
    role = ray_role(sys.orig_argv)
    if role == "daemon":
        # What Ray's daemons start is no part of the loop, and they may outlive the command.
        os.environ.pop("CHIA_BYPASS_SESSION", None)
    if role is not None:
        return
    if not announcing.enter():
        return
    control = os.path.dirname(session_file)  # noqa: PTH120 - see the top
    if is_taken_over(session_file):
        control = _NOWHERE  # nothing is written there, and loading the session tells
    announce(control, "started", **started())
    _see_to_files(control)

    def load() -> Session:
        from chia_bypass.session import Session

        return Session.load(session_file)

    _arrange(control, load)


def _see_to_files(control: str) -> None:
    """What the command asks of all its processes, by what is in its control folder."""
    if os.path.exists(f"{control}/loop-files"):  # noqa: PTH110 - see the top
        from chia_bypass.loop_files import watch

        watch.watch(control)
    if os.path.exists(f"{control}/sandboxed"):  # noqa: PTH110
        from chia_bypass.patches import renames

        renames.install()


def start(session: Session) -> Callable[[], None]:
    """Arrange the same for a session at hand, from Python; returns the undoing."""
    return _arrange(session.control, lambda: session)


def _arrange(control: str, session: Callable[[], Session]) -> Callable[[], None]:
    """Register what is to be done after the imports that matter; returns the undoing."""
    arrangement = _Arrangement(control, session)
    for name, action in (
        (ray_private.WORKER, arrangement.ray_imported),
        (ray_private.REMOTE_FUNCTION, arrangement.plain_ray_imported),
        ("chia_bypass.function", arrangement.start_engine),
        ("chia.base.ChiaFunction", arrangement.chia_imported),
        ("chia.trace.profiler", arrangement.profiler_imported),
        ("chia.base.tools.ChiaTool", arrangement.tools_imported),
        ("ray.dashboard.modules.job.sdk", arrangement.jobs_imported),
    ):
        arrangement.undoings.append(after_import(name, _guard(control, session, action)))
    return arrangement.undo


class _Arrangement:
    """What is done after each import, and how to undo it."""

    def __init__(self, control: str, session: Callable[[], Session]) -> None:
        self._control, self._session = control, session
        self._engine_started = False
        self.undoings: list[Callable[[], None]] = []

    def undo(self) -> None:
        while self.undoings:
            self.undoings.pop()()

    def ray_imported(self, module: ModuleType) -> None:
        announce(self._control, "ray")
        from chia_bypass.driver import ray_init, shipping
        from chia_bypass.patches import placement, ray_api

        session = self._session()
        self.undoings += [ray_init.install(session), shipping.install(session)]
        # Before the loop can import a name of it.
        self.undoings.append(ray_api.install())
        self.undoings.append(placement.install(lambda: _reservations(session), _pins(session)))
        if session.own_ray or session.address is not None:
            from chia_bypass.driver import ray_client

            self.undoings.append(ray_client.install(session))

    def plain_ray_imported(self, module: ModuleType) -> None:
        from chia_bypass.patches import ray_start
        from chia_bypass.session import Mode

        session = self._session()
        if session.mode is Mode.REPLAY:
            from chia_bypass.runtime import recorded_nodes

            known = recorded_nodes.RecordedNodes.of(session)
            self.undoings.append(recorded_nodes.tell(known))
        self.undoings.append(
            ray_start.install(self.start_engine, lambda: _reservations(session), _pins(session))
        )

    def start_engine(self, module: ModuleType | None = None) -> None:
        if not self._engine_started:  # a reloaded module finds the engine running
            self._engine_started = True
            _start_engine(self._session())

    def chia_imported(self, module: ModuleType) -> None:
        from chia_bypass.patches import chia_module

        self.start_engine()
        self.undoings.append(chia_module.install_seam(module))

    def profiler_imported(self, module: ModuleType) -> None:
        from chia_bypass.patches import chia_module

        self.undoings.append(chia_module.count_in_place(module))

    def tools_imported(self, module: ModuleType) -> None:
        from chia_bypass.session import Mode

        if self._session().mode is Mode.REPLAY:
            from chia_bypass.patches import chia_module
            from chia_bypass.replay_engine.permission import serves_everything

            def serves() -> bool:
                return serves_everything(self._session())

            self.undoings.append(chia_module.start_no_servers(module, serves))

    def jobs_imported(self, module: ModuleType) -> None:
        from chia_bypass.driver import job_submit

        self.undoings.append(job_submit.install(module, self._session()))


def _reservations(session: Session) -> Observer:
    """What is told of placement groups and plain actors."""
    from chia_bypass.session import Mode

    if session.mode is Mode.RECORD:
        from chia_bypass.record_engine import reservations

        return reservations.process
    from chia_bypass.replay_engine import placement_check

    check = placement_check.check_of(session)
    if session.replay.on_miss != "record":
        return check
    from chia_bypass.patches.placement import Observers
    from chia_bypass.record_engine import reservations

    return Observers((check, reservations.process))


def _pins(session: Session) -> Callable[[], Pins] | None:
    """What says where all is placed that is pinned to nodes."""
    from chia_bypass.session import Mode

    if session.mode is Mode.RECORD or not session.clusters:
        return None

    def pins() -> Pins:
        from chia_bypass.replay_engine import node_pins

        return node_pins.process()

    return pins


def _start_engine(session: Session) -> None:
    from chia_bypass.session import Mode

    if session.mode is Mode.RECORD:
        from chia_bypass.driver import record_driver as recording

        recording.start(session)
    else:
        from chia_bypass.driver import replay_driver as replaying

        replaying.start(session)


def _guard(
    control: str, session: Callable[[], Session], action: Callable[[ModuleType], None]
) -> Callable[[ModuleType], None]:
    """``action`` for a process that must survive us, unless it would replay without us."""

    def guarded(module: ModuleType) -> None:
        try:
            action(module)
        except Exception as error:  # a recording must not cost the user the run
            reason = f"{type(error).__name__}: {error}"
            announce(control, "trouble", reason=reason)
            if _is_recording(session):
                sys.stderr.write(f"chia-bypass: this process is not recorded: {reason}\n")
            else:  # a replay without us would run everything for real
                raise

    return guarded


def _is_recording(session: Callable[[], Session]) -> bool:
    from chia_bypass.session import Mode

    try:
        return session().mode is Mode.RECORD
    except Exception:  # an unreadable session may be a replay: closed
        return False
