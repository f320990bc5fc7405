"""What is changed in modules of CHIA: its dispatch, its in-place calls, and its tool servers."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import ray

from chia_bypass import engine as engines
from chia_bypass.patches import chia_calls
from chia_bypass.patches.patching import Patch, Undo, undo_all

SEAM: Mapping[str, Patch[None]] = {
    name: Patch(name, stand_in)
    for name, stand_in in (
        ("_pop_chia_hooks", chia_calls.pop_hooks),
        ("_try_proxy", chia_calls.try_proxy),
        ("_maybe_wrap_cache", chia_calls.maybe_wrap_cache),
        ("_chia_trampoline", chia_calls.trampoline),
        ("_chia_trampoline_profiled", chia_calls.trampoline),
    )
}
"""By the name in CHIA's module."""


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


def install_seam(module: ModuleType) -> Undo:
    """Replace CHIA's functions in ``module``, its ChiaFunction; returns what undoes it.

    Raises UnknownChia before anything is replaced.
    """
    for name in SEAM:
        if not hasattr(module, name):
            raise UnknownChia(name)
    return undo_all([patch.install(module) for patch in SEAM.values()])


_CHIA = "chia.base.ChiaFunction"
_IN_PLACE = "_wrapper"
"""What the code is called that runs a call in place."""


def count_in_place(module: ModuleType) -> Undo:
    """Watch ``get_profiler`` of ``module``, CHIA's profiler; returns what undoes it."""
    return _PROFILER.install(module)


def _watched(original: Callable[[], Any]) -> Callable[[], Any]:
    @functools.wraps(original)
    def get_profiler() -> Any:
        engine = engines.current()
        if engine is not None:
            frame = sys._getframe(1)
            if frame.f_code.co_name == _IN_PLACE and frame.f_globals.get("__name__") == _CHIA:
                function: Any = frame.f_locals["func"]
                engine.ran_in_place(getattr(function, "__func__", function))
        return original()

    return get_profiler


_PROFILER: Patch[None] = Patch("get_profiler", _watched)


@dataclass(frozen=True)
class _Servers:
    """What CHIA's tools obey."""

    unused: Callable[[], bool]
    """Whether nobody is going to ask their servers."""
    tool_info: Any
    """CHIA's class ToolInfo."""


def start_no_servers(module: ModuleType, unused: Callable[[], bool]) -> Undo:
    """Let the tools of ``module``, CHIA's ChiaTool, start no server where ``unused`` says so.

    Returns what undoes it.
    """
    return _TOOLS.install(module.ChiaTool, setting=_Servers(unused, module.ToolInfo))


def _without_server(original: Callable[[Any], None]) -> Callable[[Any], None]:
    @functools.wraps(original)
    def __post_init__(self: Any) -> None:
        servers = _TOOLS.setting
        if self._server_actor is not None or servers is None or not servers.unused():
            original(self)
        elif self.tool_info is None:  # as with CHIA's own, a second time changes nothing
            _pretend(self, servers.tool_info)

    return __post_init__


_TOOLS: Patch[_Servers] = Patch("__post_init__", _without_server)


def _pretend(tool: Any, tool_info: Any) -> None:
    """Give ``tool`` what it has when its server runs, all but the server."""
    tool.hostname = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
    tool.node_id = ray.get_runtime_context().get_node_id()
    tool.tool_info = tool_info(name=tool.name, port=tool.port, node_id=tool.node_id)
    type(tool)._tool_registry.append(tool.tool_info)
