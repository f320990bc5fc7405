"""The way into a Python process: on PYTHONPATH under ``chia-bypass record`` and ``replay``.

Python imports this module at every start. Without the session variable it only makes room for
the ``sitecustomize`` that would have run without us. Builtin modules only, until Ray is imported.
"""

# Not `pathlib`, `json` or `typing`: each costs more than all that is done here.
# ruff: noqa: PTH100, PTH110, PTH120

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

_SITE = os.path.dirname(os.path.abspath(__file__))
_PACKAGE = os.path.dirname(os.path.dirname(_SITE))


class _PackageFinder:
    """Finds one package, ours, in interpreters that do not have it, and nothing beside it."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> "ModuleSpec | None":
        if name != "chia_bypass":
            return None
        from importlib.machinery import PathFinder

        return PathFinder.find_spec(name, [os.path.dirname(_PACKAGE)])


class _RayRefusal:
    """Keeps Ray out of a process that should replay and cannot: it would run for real."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == "ray":
            raise ImportError(f"chia-bypass cannot replay this process: {self.reason}", name=name)


def _enter() -> None:
    """Let the hook in, if there is a session; the user's program starts whatever happens."""
    session = os.environ.get("CHIA_BYPASS_SESSION")
    if not session or not os.path.exists(session):  # the command that it belonged to has ended
        return
    try:
        if "chia_bypass" not in sys.modules:
            sys.meta_path.insert(0, _PackageFinder)
        from chia_bypass.driver.startup import enter

        enter(session)
    except Exception as error:  # our faults must not be the end of the user's program
        _give_up(session, f"{type(error).__name__}: {error}")


def _give_up(session: str, reason: str) -> None:
    """Say why the hook is not in, and close Ray to a replay, in which nothing may run for real."""
    import time

    try:
        import json

        with open(session, encoding="utf-8") as file:  # noqa: PTH123
            replay = json.load(file)["mode"] != "record"
    except Exception:  # not known to be a recording: closed
        replay = True
    if replay:
        sys.meta_path.insert(0, _RayRefusal(reason))
    try:
        # The format of chia_bypass.hook.announcing, which may be what failed.
        folder = os.path.join(os.path.dirname(session), "handshake")  # noqa: PTH118
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103
        name = f"{os.getpid()}-{time.time_ns()}"
        with open(os.path.join(folder, name), "a", encoding="ascii") as note:  # noqa: PTH118, PTH123
            note.write(ascii(("trouble", {"reason": reason})) + "\n")
    except OSError:  # nobody to tell
        pass


def _chain() -> None:
    """Import the sitecustomize that this one hides; what it raises, Python reports as ever."""
    # Our folder has done its work, and nobody should find it on the path.
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != _SITE]
    ours = sys.modules.pop("sitecustomize", None)
    try:
        __import__("sitecustomize")
    except ModuleNotFoundError as error:
        if error.name != "sitecustomize":
            raise
    finally:
        if ours is not None:
            sys.modules.setdefault("sitecustomize", ours)


_enter()
_chain()
