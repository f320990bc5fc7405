"""Dispatches that do not come back as a plain reference, or not from where they were made."""

from __future__ import annotations

from support.chia_loop_runner import CLAUDE, ChiaLoops


def test_a_model_that_keeps_its_session(chia_loops: ChiaLoops) -> None:
    projects = chia_loops.folder / "projects"
    projects.mkdir()
    (chia_loops.folder / "bin").mkdir()
    command = chia_loops.folder / "bin" / "claude"
    command.write_text(CLAUDE.format(log=chia_loops.log, projects=projects))
    command.chmod(0o755)
    output = chia_loops.same("""
from chia.models.claude import ClaudeCodeLLM

ray.init(runtime_env={"env_vars": {"PATH": os.path.abspath("bin") + ":" + os.environ["PATH"]}})
llm = ClaudeCodeLLM(resume_session=True, projects_cwd=os.path.abspath("projects"),
                    log_stream=False, retries=1)
prompt = llm.prompt.options(resources={"sim": 0.01})
for message in ("one", "two"):
    reference = prompt.chia_remote(llm, message)
    answer = get(reference)
    print(type(reference).__name__, answer.success, answer.result.strip(), llm._call_counter,
          len(llm._session_transcript.splitlines()))
    assert llm._session_transcript == answer.session_transcript
""")
    first, second = output.splitlines()
    assert first.startswith("ObjectRefCallback True --session-id one ")
    assert second.startswith("ObjectRefCallback True --resume two ")
    assert second.endswith(" 2 2")


def test_relayed_dispatches(chia_loops: ChiaLoops) -> None:
    output = chia_loops.same("""
from chia.base import dispatch_proxy
from chia.base.bypass import Bypass

ray.init(include_dashboard=False)
dispatch_proxy.should_proxy = lambda opts=None: True

@ChiaFunction()
def leaf(x, tag=None):
    real("leaf")
    return fresh()

@ChiaFunction(num_cpus=0)
def parent(x):
    real("parent")
    from chia.base import dispatch_proxy
    dispatch_proxy.should_proxy = lambda opts=None: True
    return get(leaf.chia_remote(x, tag="relayed", _chia_tag="t"))

print(get(leaf.chia_remote(1)), get(parent.chia_remote(2)))
print(get(leaf.options(name="other").chia_remote(get(leaf.chia_remote(3)))))
""")
    assert [len(line.split()) for line in output.splitlines()] == [2, 1]
