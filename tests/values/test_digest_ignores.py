from __future__ import annotations

from typing import Any

import pytest
from chia.base.tools.ChiaTool import ChiaTool, ToolInfo
from chia.models.claude import ClaudeCodeLLM
from chia.models.openai_compat import OpenAICompatLLM
from support.sample_records import make_call

from chia_bypass.recording.records import Argument
from chia_bypass.replay_engine.matcher import differing
from chia_bypass.values.digest import digest


class Shell(ChiaTool):  # type: ignore[misc]  # untyped
    """A tool that is not deployed: no server is started."""

    def __init__(self, name: str, folder: str) -> None:
        super().__init__(name)
        self.folder = folder
        self.mcp.add_tool(self.run, name=f"{name}_run")

    def run(self, command: str) -> str:
        return command


def test_a_tool_counts_by_what_it_does_not_by_where_it_runs() -> None:
    one, other = Shell("shell-1", "/a"), Shell("shell-2", "/a")
    one.port, one.hostname, one.node_id = 8123, "10.0.0.7", "abc"
    one.tool_info = ToolInfo("shell-1", 8123, "abc")
    assert digest(one) == digest(other)
    assert digest(one).value != digest(Shell("shell-1", "/b")).value
    assert digest([one.tool_info]) == digest([ToolInfo("x", 1, "y")])


@pytest.mark.parametrize("resume", [False, True])
def test_a_model_counts_by_its_settings_not_by_its_session(resume: bool) -> None:
    def make(model: str, node: Any = None) -> Any:
        return ClaudeCodeLLM(model=model, resume_session=resume)

    one, other = make("a"), make("a")
    one._last_metadata = {"cost": 1}
    assert digest(one) == digest(other)
    assert digest(one).value != digest(make("b")).value


def test_the_key_of_a_model_does_not_count() -> None:
    one = OpenAICompatLLM(model="m", api_key="k1")
    assert digest(one) == digest(OpenAICompatLLM(model="m", api_key="k2"))


class Node:
    def __init__(self, session: str, size: int) -> None:
        self.session, self.size = session, size


def argument(name: str, value: object) -> Argument:
    found = digest(value)
    return Argument(name, found.value, "", (), found.parts)


def test_what_is_ignored_inside_an_argument_does_not_differ() -> None:
    call = make_call(0)

    def with_node(session: str, size: int) -> Any:
        from dataclasses import replace

        options = {"seed": session, "n": size}
        return replace(
            call, arguments=(argument("self", Node(session, size)), argument("options", options))
        )

    one, other, third = with_node("a", 1), with_node("b", 1), with_node("b", 2)
    assert differing(one, other, frozenset()) == ("self", "options")
    assert differing(one, other, frozenset({"self.session"})) == ("options",)
    inner = frozenset({"self.session", "options.seed"})
    assert differing(one, other, inner) == ()
    assert differing(one, third, inner) == ("self", "options")


def test_what_has_many_parts_or_none_counts_whole() -> None:
    assert digest({str(n): n for n in range(65)}).parts == {}
    assert digest({1: 2}).parts == {}
    assert digest([1, 2]).parts == {}
    assert list(digest({"a": 1}).parts) == ["a"]
