"""Tasks that Ray runs again: what the loop gets is what a replay gives it."""

from __future__ import annotations

import json

import pytest
from support.loop_runner import PREAMBLE, Loops
from support.remote_worker_loops import PREAMBLE as HIDDEN

LOST = {"num_failures": 2, "req_failure_prob": 0, "resp_failure_prob": 100}
"""Ray loses its first two replies, after the task has run."""
WORK = """
@dataclasses.dataclass
class Build:
    step: int
    binary: bytes

@ChiaFunction(max_retries=-1)
def work(x, die_once):
    real(f"work{x}")
    if not os.path.exists(die_once):
        open(die_once, "w").close()
        die_when_recorded()
    return Build(x, os.urandom((100, 300_000, 100)[x]))

print([get(work.chia_remote(x, os.path.abspath(f"died{x}"))) for x in range(3)])
"""
DIE = """
import dataclasses

def die_when_recorded():
    "The process ends as soon as its next result is durable, before Ray has it."
    import signal
    synced = os.fdatasync

    def last(descriptor):
        synced(descriptor)
        if os.readlink(f"/proc/self/fd/{descriptor}").endswith(".seg"):
            os.kill(os.getpid(), signal.SIGKILL)

    os.fdatasync = last
"""
SURVIVE = """
import dataclasses

def die_when_recorded():
    pass
"""


@pytest.mark.parametrize(
    ("preamble", "how"),
    [(PREAMBLE, "killed"), (PREAMBLE, "reply lost"), (HIDDEN, "reply lost")],
    ids=["killed", "reply lost", "reply lost and the recording elsewhere"],
)
def test_what_is_recorded_is_returned_and_not_computed_again(
    loops: Loops, preamble: str, how: str
) -> None:
    """A large value may lie in the object store by then, and Ray drop what is returned next."""
    script = preamble.format(log=str(loops.log)) + (DIE if how == "killed" else SURVIVE)
    (loops.folder / "loop.py").write_text(script + WORK)
    if how == "reply lost":
        failures = {"CoreWorkerService.grpc_client.PushTask": {**LOST, "in_flight_failure_prob": 0}}
        loops.environment["RAY_testing_rpc_failure"] = json.dumps(failures)
    recorded = loops.record()
    assert recorded.returncode == 0, recorded.stderr
    assert loops.real_runs() == ["work0", "work1", "work2"]
    loops.environment.pop("RAY_testing_rpc_failure", None)
    replayed = loops.replay()
    assert replayed.returncode == 0, replayed.stderr
    assert loops.real_runs() == []
    answers = [
        [line for line in output.stdout.splitlines() if line.startswith("[")]
        for output in (recorded, replayed)
    ]
    assert len(answers[0]) == 1
    assert answers[1] == answers[0]
