"""What is changed in modules of CHIA: its dispatch, its in-place calls, and its tool servers."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import ray

from chia_bypass import engine as engines
from chia_bypass.patches import chia_calls

STAND_INS: Mapping[str, Callable[[Callable[..., Any]], Callable[..., Any]]] = {
    "_pop_chia_hooks": chia_calls.pop_hooks,
    "_try_proxy": chia_calls.try_proxy,
    "_maybe_wrap_cache": chia_calls.maybe_wrap_cache,
    "_chia_trampoline": chia_calls.trampoline,
    "_chia_trampoline_profiled": chia_calls.trampoline,
}
"""Name in CHIA's module -> what makes the replacement of it."""


class UnknownChia(Exception):
    """This version of chialoops has no place for the seam."""

    def __init__(self, missing: str) -> None:
        super().__init__(missing)
        self.missing = missing

    def __str__(self) -> str:
        return (
            f"chia.base.ChiaFunction has no {self.missing}: this needs chialoops 2.0, "
            "or a newer chia-bypass"
        )


def install_seam(module: ModuleType) -> Callable[[], None]:
    """Replace CHIA's functions in ``module``, its ChiaFunction; returns what undoes it.

    Raises UnknownChia before anything is replaced.
    """
    for name in STAND_INS:
        if not hasattr(module, name):
            raise UnknownChia(name)
    originals = {name: getattr(module, name) for name in STAND_INS}
    for name, stand_in in STAND_INS.items():
        setattr(module, name, stand_in(originals[name]))

    def undo() -> None:
        for name, original in originals.items():
            setattr(module, name, original)

    return undo


_CHIA = "chia.base.ChiaFunction"
_IN_PLACE = "_wrapper"
"""What the code is called that runs a call in place."""


def count_in_place(module: ModuleType) -> Callable[[], None]:
    """Watch ``get_profiler`` of ``module``, CHIA's profiler; returns what undoes it."""
    original: Callable[[], Any] = module.get_profiler

    @functools.wraps(original)
    def get_profiler() -> Any:
        engine = engines.current()
        if engine is not None:
            frame = sys._getframe(1)
            if frame.f_code.co_name == _IN_PLACE and frame.f_globals.get("__name__") == _CHIA:
                function: Any = frame.f_locals["func"]
                engine.ran_in_place(getattr(function, "__func__", function))
        return original()

    _put(module, get_profiler)

    def undo() -> None:
        if module.get_profiler is get_profiler:
            _put(module, original)

    return undo


def _put(module: Any, get_profiler: Callable[[], Any]) -> None:
    module.get_profiler = get_profiler


def start_no_servers(module: ModuleType, unused: Callable[[], bool]) -> Callable[[], None]:
    """Let the tools of ``module``, CHIA's ChiaTool, start no server where ``unused`` says so.

    Returns what undoes it.
    """
    kind: Any = module.ChiaTool
    original: Callable[[Any], None] = kind.__post_init__

    @functools.wraps(original)
    def __post_init__(self: Any) -> None:
        if self._server_actor is not None or not unused():
            original(self)
        elif self.tool_info is None:  # as with CHIA's own, a second time changes nothing
            _pretend(self, module)

    kind.__post_init__ = __post_init__

    def undo() -> None:
        if kind.__post_init__ is __post_init__:
            kind.__post_init__ = original

    return undo


def _pretend(tool: Any, module: ModuleType) -> None:
    """Give ``tool`` what it has when its server runs, all but the server."""
    tool.hostname = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
    tool.node_id = ray.get_runtime_context().get_node_id()
    tool.tool_info = module.ToolInfo(name=tool.name, port=tool.port, node_id=tool.node_id)
    type(tool)._tool_registry.append(tool.tool_info)
