"""Recorder and replay server: killed for good, restarted, and what they cannot write."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.loop_runner import Loops
from support.remote_worker_loops import write
from support.sample_records import encoded, make_call, make_result, make_run

from chia_bypass.record_engine.actor import Recorder
from chia_bypass.record_engine.context import RecordContext
from chia_bypass.recording.folder import RunFolder
from chia_bypass.recording.layout import NONCE
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.schema import pack
from chia_bypass.recording.writer import parcel
from chia_bypass.runtime.companion import DriverProcess
from chia_bypass.session import Mode, Session

LOOP = """
@ChiaFunction(max_retries=0)
def f(x):
    real("f")
    return [x, os.urandom(8), os.urandom(200_000)]

seen = []
for x in range(6):
    seen.append(get(f.chia_remote(x)))
    if x in (1, 3):
        killed = kill_for_good("recorder-"), kill_for_good("replay-")
print(killed, [s[1].hex() for s in seen], [len(s[2]) for s in seen])
"""


def test_what_is_killed_for_good_is_replaced(loops: Loops) -> None:
    write(loops, LOOP)
    recorded = loops.record()
    assert recorded.returncode == 0, recorded.stderr
    assert "6 recorded" in recorded.stderr
    assert recorded.stdout.splitlines()[-1].startswith("(1, 0) ")
    assert len(loops.real_runs()) == 6
    recording = Recording.open(loops.folder / "r")
    roles = [path.name.partition("-")[0] for path in (loops.folder / "r/segments").iterdir()]
    assert sorted(roles) == ["command", "driver", "recorder", "recorder", "recorder"]
    assert all(len(recording.contents.results[call.path]) == 1 for call in recording.calls())

    # Served values larger than what rides along with the dispatch come from the server.
    replayed = loops.replay()
    assert replayed.returncode == 0, replayed.stderr
    assert replayed.stdout.splitlines()[-1].startswith("(0, 1) ")
    assert "6 replayed · 0 real · 0 missed" in replayed.stderr
    assert loops.real_runs() == []


def test_what_the_recorder_cannot_write_reaches_the_command_line(loops: Loops) -> None:
    write(
        loops,
        """
@ChiaFunction()
def f(x):
    real("f")
    return bytes(x)

print(len(get(f.chia_remote(10, _chia_tag="small"))))
open("r/blobs", "w").close()  # where a folder has to be
print(len(get(f.chia_remote(200_000, _chia_tag="large"))))
print(len(get(f.chia_remote(11, _chia_tag="again"))))
""",
    )
    recorded = loops.record()
    assert recorded.stdout.splitlines()[-3:] == ["10", "200000", "11"]
    assert recorded.returncode == 25
    assert "2 recorded" in recorded.stderr
    assert "1 without a result: chia-bypass inspect r --failed" in recorded.stderr
    spoiled = [line for line in recorded.stderr.splitlines() if "SPOILED" in line]
    assert len(spoiled) == 1
    assert "loop.0/1 (loop:f): OSError: the recorder did not take it" in spoiled[0]
    recording = Recording.open(loops.folder / "r")
    assert {call.tag for call in recording.calls() if recording.result(call.path)} == {
        "small",
        "again",
    }
    assert len(recording.spoiled) == 1


@pytest.fixture
def context(tmp_path: Path) -> RecordContext:
    """Of a recording that has begun."""
    folder, control = tmp_path / "r", tmp_path / "control"
    control.mkdir()
    session = Session(Mode.RECORD, str(folder), str(control), "run")
    session.save()
    RunFolder.create(folder, make_run(), "host").abandon()
    nonce = (folder / NONCE).read_bytes()
    return RecordContext(session, "loop", nonce, DriverProcess("node", 1, ""))


def keep(recorder: Recorder, number: int, attempt: int = 0) -> None:
    packed = parcel(make_result(make_call(number), attempt=attempt), encoded(number))
    recorder.keep(pack(packed.result, **packed.told), packed.document)


def test_a_result_that_is_sent_twice_is_kept_once_also_after_a_restart(
    context: RecordContext,
) -> None:
    first = Recorder(context.packed())
    keep(first, 0)
    keep(first, 0)
    keep(first, 0, attempt=1)
    second = Recorder(context.packed())  # as Ray makes one when the first was killed
    keep(second, 0)
    keep(second, 1)
    results = Recording.open(context.folder).contents.results
    attempts = {path: [one.result.attempt for one in results[path]] for path in results}
    assert attempts == {"loop.0/0": [0, 1], "loop.0/1": [0]}


def test_a_recorder_that_cannot_open_a_segment_still_tells(context: RecordContext) -> None:
    segments = context.folder / "segments"
    segments.rmdir()
    segments.touch()
    recorder = Recorder(context.packed())
    with pytest.raises(OSError):
        keep(recorder, 0)
    recorder.spoiled("a result is missing")
    from chia_bypass.record_engine.failures import spoiled_reasons

    assert spoiled_reasons(Path(context.session.control)) == ("a result is missing",)
    segments.unlink()
    segments.mkdir()
    keep(recorder, 0)  # the disk is back
    assert len(Recording.open(context.folder).contents.results) == 1
