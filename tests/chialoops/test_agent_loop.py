"""A loop as CHIA's users write them: an agent with tools edits code, nodes compile and time it."""

from __future__ import annotations

from support.chia_loop_runner import CLAUDE, ChiaLoops

COMPILER = """\
#!/bin/sh
echo cc >> {log}
cat "$1" > "$3"
od -An -N6 -tx1 /dev/urandom >> "$3"
"""

LOOP = """
from chia.base.tools.ChiaTool import ChiaTool
from chia.models.claude import ClaudeCodeLLM

ray.init(address="auto", runtime_env={
    "env_vars": {"PATH": os.path.abspath("bin") + ":" + os.environ["PATH"]}})

class SourceTool(ChiaTool):
    "Lets the agent write the source."
    def setup(self, path):
        self.path = path
        self.mcp.add_tool(self.write, name=f"{self.name}_write")

    def write(self, text: str) -> str:
        with open(self.path, "w") as file:
            file.write(text)
        return "written"

@dataclasses.dataclass
class Build:
    success: bool
    binary: bytes

class CompileNode:
    def __init__(self, compiler="cc-standin"):
        self.compiler = compiler

    @ChiaFunction(resources={"sim": 0.5})
    def build(self, source):
        import subprocess, tempfile
        real("build")
        with tempfile.TemporaryDirectory() as folder:
            with open(f"{folder}/a.c", "w") as file:
                file.write(source)
            command = [self.compiler, f"{folder}/a.c", "-o", f"{folder}/a.out"]
            done = subprocess.run(command)
            with open(f"{folder}/a.out", "rb") as file:
                return Build(done.returncode == 0, file.read())

class TimeNode:
    @ChiaFunction(resources={"fpga": 1})
    def cycles(self, build):
        real("cycles")
        return len(build.binary) + fresh() % 1000

tool = SourceTool("source", os.path.abspath("memcpy.c"))
agent = ClaudeCodeLLM(resume_session=True, projects_cwd=os.path.abspath("projects"),
                      log_stream=False, retries=1)
compiler, timer = CompileNode(), TimeNode()
prompt = agent.prompt.options(resources={"sim": 0.01})
feedback, best = "make memcpy faster", None
for iteration in range(3):
    answer = get(prompt.chia_remote(agent, feedback, tools=[tool]))
    built = compiler.build.chia_remote(compiler, answer.result, _chia_tag=f"iter{iteration}")
    cycles = get(timer.cycles.chia_remote(timer, built))
    best = cycles if best is None else min(best, cycles)
    feedback = f"{cycles} cycles; faster"
    print(iteration, answer.result.strip(), get(built).success, cycles)
print("best", best)
tool.stop()
"""


def test_an_agent_that_optimises_memcpy(chia_loops: ChiaLoops) -> None:
    projects = chia_loops.folder / "projects"
    projects.mkdir()
    (chia_loops.folder / "bin").mkdir()
    programs = {"claude": CLAUDE, "cc-standin": COMPILER}
    for name, text in programs.items():
        program = chia_loops.folder / "bin" / name
        program.write_text(text.format(log=chia_loops.log, projects=projects))
        program.chmod(0o755)
    output = chia_loops.same(LOOP).splitlines()
    assert output[0].startswith("0 --session-id ")
    assert output[2].startswith("2 --resume ")
    assert output[3].startswith("best ")
