"""Tool servers of CHIA's."""

from __future__ import annotations

from support.chia_loop_runner import ChiaLoops

LOOP = """
from chia.base.tools.ChiaTool import ChiaTool

ray.init(include_dashboard=False)

class Adder(ChiaTool):
    def setup(self, much):
        self.much = much
        self.mcp.add_tool(self.add, name=f"{self.name}_add")

    def add(self, x: int) -> int:
        return x + self.much

@ChiaFunction()
def use(tool, x):
    real("use")
    return tool.add(x), fresh()

tool = Adder("adder", 2)
if tool._server_actor is not None:
    real("server")
print(get(use.chia_remote(tool, 1)), tool.hostname is not None, len(ChiaTool._tool_registry))
tool.stop()
print(len(ChiaTool._tool_registry))
"""


def test_a_tool_that_only_served_calls_receive_starts_no_server(chia_loops: ChiaLoops) -> None:
    output = chia_loops.same(LOOP)
    assert output.startswith("(3, ")
    assert output.endswith(" True 1\n0")
    replayed = chia_loops.replay("--live", "use")
    assert replayed.returncode == 0, replayed.stderr
    assert chia_loops.real_runs() == ["server", "use"]
