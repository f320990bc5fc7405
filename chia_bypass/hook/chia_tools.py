"""Tool servers in a replay: where every call is served, nobody is there to use them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

import ray


def install(module: ModuleType, unused: Callable[[], bool]) -> Callable[[], None]:
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
