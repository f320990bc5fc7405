"""Tasks that Ray runs again: what the loop gets is what a replay gives it."""

from __future__ import annotations

import json

from loops import Loops

LOST = {"num_failures": 2, "req_failure_prob": 0, "resp_failure_prob": 100}
"""Ray loses its first two replies, after the task has run."""


def test_a_large_value_whose_reply_was_lost_is_the_one_that_counts(loops: Loops) -> None:
    """It is in the object store, and Ray drops what the next attempts return."""
    loops.write("""
@ChiaFunction(max_retries=-1)
def work(x):
    real("work")
    return os.urandom(300_000)

print([get(work.chia_remote(x))[:8].hex() for x in range(3)])
""")
    failures = {"CoreWorkerService.grpc_client.PushTask": {**LOST, "in_flight_failure_prob": 0}}
    loops.environment["RAY_testing_rpc_failure"] = json.dumps(failures)
    recorded = loops.record()
    assert recorded.returncode == 0, recorded.stderr
    assert loops.real_runs() == ["work"] * 5  # two of them again
    del loops.environment["RAY_testing_rpc_failure"]
    replayed = loops.replay()
    assert replayed.returncode == 0, replayed.stderr
    assert loops.real_runs() == []
    answers = [
        [line for line in output.stdout.splitlines() if line.startswith("[")]
        for output in (recorded, replayed)
    ]
    assert len(answers[0]) == 1
    assert answers[1] == answers[0]
