"""What the hook arranges in a process: nothing, until Ray or a ChiaFunction is imported.

Runs at every Python start below ``record`` and ``replay``: builtin modules only at the top.
"""

from __future__ import annotations

import os
import sys

from chia_bypass.hook.announcing import announce, started
from chia_bypass.hook.importing import after_import
from chia_bypass.hook.process import ray_role

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from chia_bypass.session import Session

_entered: str | None = None
"""The session file of this process, once the hook is in."""


def enter(session_file: str) -> None:
    """Called by sitecustomize, once a process: announce it, and wait for Ray."""
    global _entered
    if _entered is not None:
        return
    role = ray_role(sys.orig_argv)
    if role == "daemon":
        # What Ray's daemons start is no part of the loop, and they may outlive the command.
        del os.environ["CHIA_BYPASS_SESSION"]
    if role is not None:
        return
    _entered = session_file
    control = os.path.dirname(session_file)  # noqa: PTH120 - see the top
    announce(control, "started", **started())

    def load() -> Session:
        from chia_bypass.session import Session

        return Session.load(session_file)

    _arrange(control, load)


def start(session: Session) -> Callable[[], None]:
    """Arrange the same for a session at hand, from Python; returns the undoing."""
    return _arrange(session.control, lambda: session)


def _arrange(control: str, session: Callable[[], Session]) -> Callable[[], None]:
    """Register what is to be done after the imports that matter."""
    engine_started = False

    def ray_imported(module: ModuleType) -> None:
        announce(control, "ray")
        from chia_bypass.hook import ray_init

        ray_init.install(session())

    def function_imported(module: ModuleType) -> None:
        nonlocal engine_started
        if not engine_started:  # a reloaded module finds the engine running
            _start_engine(session())
            engine_started = True

    forget_ray = after_import("ray._private.worker", _guard(control, session, ray_imported))
    forget_function = after_import(
        "chia_bypass.function", _guard(control, session, function_imported)
    )

    def undo() -> None:
        forget_function()
        forget_ray()
        ray_init = sys.modules.get("chia_bypass.hook.ray_init")
        if ray_init is not None:
            ray_init.uninstall()

    return undo


def _start_engine(session: Session) -> None:
    from chia_bypass.session import Mode

    if session.mode is Mode.RECORD:
        from chia_bypass.record import driver as recording

        recording.start(session)
    else:
        from chia_bypass.replay import driver as replaying

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
