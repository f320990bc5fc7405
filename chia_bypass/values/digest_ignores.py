"""State that does not count in digests, by class: what differs from run to run by itself.

Classes are known by name, so that nothing has to be imported. A rule holds for subclasses too.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Final

from chia_bypass.values.class_shapes import class_name, mro

LEFT_OUT: Final[Mapping[str, frozenset[str]]] = {
    # A tool server is what it was made to do, wherever it runs and under whatever name.
    "chia.base.tools.ChiaTool:ChiaTool": frozenset(
        {
            "name",
            "hostname",
            "port",
            "node_id",
            "tool_info",
            "mcp",
            "logger",
            "logging_name",
            "task_options",
            "_server_actor",
        }
    ),
    "chia.base.tools.ChiaTool:ToolInfo": frozenset({"name", "port", "node_id"}),
    # A model is its settings, whichever session, log files and last answer it has.
    "chia.base.llm_call:LLMCallBase": frozenset(
        {
            "api_key",
            "logger",
            "_accumulator",
            "_conversation_id",
            "_gemini_dir",
            "_last_export_error",
            "_last_metadata",
            "_log_dir",
            "_log_prefix",
            "_rate_limit_event",
            "_session_id",
            "_session_state",
            "_session_state_paths",
            "_session_transcript",
            "_session_transcript_path",
        }
    ),
}
"""Attributes by ``module:qualname`` of the class."""

_left_out: weakref.WeakKeyDictionary[type, frozenset[str]] = weakref.WeakKeyDictionary()


def left_out(cls: type) -> frozenset[str]:
    """Attributes of instances of ``cls`` that do not count."""
    found = _left_out.get(cls)
    if found is None:
        rules = (LEFT_OUT.get(class_name(parent), frozenset()) for parent in mro(cls))
        found = _left_out[cls] = frozenset[str]().union(*rules)
    return found
