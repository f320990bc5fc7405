"""`replay --report FILE`: the file of a real replay, and of one that fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.loop_runner import Loops
from support.recording_builder import NEVER, Made, make_recording

from chia_bypass.control.dry_files import DryFiles
from chia_bypass.control.replayed import Replayed
from chia_bypass.look.analysis.replay_outcome import read_outcome
from chia_bypass.replay_engine.events import Event, Kind
from chia_bypass.replay_engine.miss_reasons import MissReason
from chia_bypass_cli.replay_report import report

LOOP = """
@ChiaFunction(num_cpus=0)
def f(x):
    real("f")
    return x

now = int(os.environ.get("NOW", "0"))
get(f.chia_remote(now, _chia_tag="t"))
get(f.chia_remote(1))
if now:
    get(f.chia_remote(9))
get(f.chia_remote(2))
"""


def test_it_tells_all_of_a_replay_and_report_shows_it(loops: Loops) -> None:
    loops.write(LOOP)
    assert loops.record().returncode == 0
    loops.environment["NOW"] = "1"
    replayed = loops.replay("--report", "did.json")
    assert replayed.returncode == 20, replayed.stderr
    outcome = read_outcome(loops.folder / "did.json")
    drifted, served, missed = outcome.calls
    assert (drifted.kind, drifted.tag, drifted.recorded) == ("served", "t", "loop.0/0")
    assert drifted.drift == ("x",)
    assert (served.kind, served.recorded, served.drift) == ("served", "loop.0/1", ())
    assert (missed.kind, missed.function) == ("missed", "loop:f")
    assert missed.reason == "recorded under other arguments"
    assert missed.nearest == "loop.0/2"
    assert missed.remedy.startswith("Accept with 'ignore_args: [x]'")
    assert missed.message.endswith(missed.remedy)
    assert [(call.path, call.function) for call in outcome.unused] == [("loop.0/2", "loop:f")]
    assert outcome.command[-1] == "loop.py"
    assert (outcome.command_status, outcome.exit_status, outcome.error) == (1, 20, "")
    assert outcome.recording == str(loops.folder / "r")
    assert replayed.stderr.splitlines()[-1] == outcome.final_line

    shown = loops.chia_bypass("report", "r", "--replay", "did.json", "-o", "page.html")
    assert shown.returncode == 0, shown.stderr
    page = (loops.folder / "page.html").read_text()
    assert "1 missed · 2 served" in page
    assert "drift: x" in page
    assert "recorded under other arguments; the nearest recorded call is loop.0/2" in page

    nowhere = loops.replay("--report", "no/such/folder/did.json")
    assert nowhere.returncode == 2
    assert "no/such/folder/did.json cannot be written" in nowhere.stderr

    # The file of the earlier replay is not taken for that of one that cannot start.
    failed = loops.replay("--report", "did.json", "--", "no-such-program")
    assert failed.returncode == 127
    content = json.loads((loops.folder / "did.json").read_text())
    assert content["error"] == "no-such-program: command not found. " + (
        "Give a path, or a name that is on PATH"
    )
    assert (content["command_status"], content["exit_status"]) == (None, 127)
    assert content["calls"] == []


@pytest.mark.parametrize(
    ("made", "told"),
    [([Made(), Made(value=NEVER)], "all 1"), ([Made(), Made(value=NEVER), Made()], "1 of 2")],
)
def test_the_end_of_a_recording_counts_as_the_final_line_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], made: list[Made], told: str
) -> None:
    recording = make_recording(tmp_path / "r", made, close=False)
    served = Event(Kind.SERVED, "loop:f", path="loop.0/0", recorded="loop.0/0")
    missed = Event(Kind.MISSED, "loop:f", path="loop.0/1", reason=MissReason.UNFINISHED.value)
    replayed = Replayed(recording, (served, missed), entered=True)
    assert report(replayed, 1, strict=False, files=DryFiles(None)) == 24
    shown = capsys.readouterr().err
    assert f"{told} recorded calls were served, and the recording ends here." in shown
    assert f"{len(replayed.unused)} unused" in shown
