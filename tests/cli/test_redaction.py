"""Secrets stay out of a recording, and a replay still finds its calls."""

from __future__ import annotations

import sys

from support.loop_runner import Loops

BODY = """
@ChiaFunction()
def ask(client):
    real("ask")
    return {"echo": client["key"], "n": 1}

key = os.environ["THE_KEY"]
print(get(ask.chia_remote({"key": key})))
"""


def test_rules_hide_a_secret_that_changes_from_run_to_run(loops: Loops) -> None:
    loops.write(BODY)
    loops.environment["THE_KEY"] = "hush-4711"
    given = ("env", "API_TOKEN=abcdef123456", sys.executable, "loop.py")
    recorded = loops.record(*given, options=("--redact", r"hush-\d+"))
    assert recorded.returncode == 0, recorded.stderr
    assert "'echo': 'hush-4711'" in recorded.stdout
    assert loops.real_runs() == ["ask"]
    kept = b"".join(p.read_bytes() for p in (loops.folder / "r").rglob("*") if p.is_file())
    assert b"hush-4711" not in kept
    assert b"abcdef123456" not in kept

    loops.environment["THE_KEY"] = "hush-999"
    refused = loops.replay()
    assert refused.returncode == 2
    assert "the recorded command has a secret in it" in refused.stderr
    replayed = loops.replay("--", sys.executable, "loop.py")
    assert replayed.returncode == 0, replayed.stderr
    assert loops.real_runs() == []
    assert "{'echo': '[redacted]', 'n': 1}" in replayed.stdout
    assert "redacted: the result of loop:ask at loop.0/0" in replayed.stderr
    assert "drift" not in replayed.stderr


METHOD = """
class Build:
    @ChiaFunction()
    def run_sim(self, key):
        real("run_sim")
        return [key, "done"]

build = Build()
print(get(build.run_sim.chia_remote(build, os.environ["THE_KEY"])))
"""


def test_a_rule_for_a_bare_name_reaches_a_method(loops: Loops) -> None:
    loops.write(METHOD)
    loops.environment["THE_KEY"] = "hush-4711"
    recorded = loops.record(options=("--redact-in", r"run_sim=hush-\d+"))
    assert recorded.returncode == 0, recorded.stderr
    assert "['hush-4711', 'done']" in recorded.stdout
    kept = b"".join(p.read_bytes() for p in (loops.folder / "r").rglob("*") if p.is_file())
    assert b"hush-4711" not in kept
    replayed = loops.replay()
    assert replayed.returncode == 0, replayed.stderr
    assert "['[redacted]', 'done']" in replayed.stdout
