"""Where a process writes that sees the recording folder, and how it tells what it could not."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from support.sample_records import encoded, make_call, make_result, make_run

from chia_bypass.record_engine.context import RecordContext, unpack
from chia_bypass.record_engine.failure_reports import SpoiledReports
from chia_bypass.record_engine.failures import SpoiledLog, spoiled_reasons
from chia_bypass.record_engine.sinks import LocalSink, sink_for
from chia_bypass.recording.folder import RunFolder
from chia_bypass.recording.layout import NONCE
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import Outcome
from chia_bypass.recording.schema import pack
from chia_bypass.runtime.companion import DriverProcess
from chia_bypass.session import Mode, Session


@pytest.fixture
def context(tmp_path: Path) -> RecordContext:
    """A recording that has begun, and the control folder of its command."""
    with RunFolder.create(tmp_path / "r", make_run(), "host") as run:
        run.abandon()
    (tmp_path / "control").mkdir()
    session = Session(Mode.RECORD, str(tmp_path / "r"), str(tmp_path / "control"), "run")
    session.save()
    nonce = (tmp_path / "r" / NONCE).read_bytes()
    return RecordContext(session, "loop", nonce, DriverProcess("node", os.getpid(), "0"))


def test_a_home_travels_and_is_one_object_there(context: RecordContext) -> None:
    assert unpack(context.packed()) == context
    assert unpack(context.packed()) is unpack(context.packed())


def test_a_folder_of_the_same_name_is_not_the_recording(
    context: RecordContext, tmp_path: Path
) -> None:
    assert context.is_here()
    assert not replace(context, nonce=b"of another").is_here()
    elsewhere = replace(context.session, recording=str(tmp_path / "absent"))
    assert not replace(context, session=elsewhere).is_here()


def test_who_sees_the_folder_writes_a_segment_of_its_own(context: RecordContext) -> None:
    sink = sink_for(context, "worker")
    assert isinstance(sink, LocalSink)
    calls = [make_call(number) for number in range(3)]
    sink.note([pack(call) for call in calls])
    sink.keep(make_result(calls[0]), encoded([1, 2]))
    sink.keep(make_result(calls[1], outcome=Outcome.EXCEPTION), encoded(ValueError("no")))
    recording = Recording.open(context.folder, tolerant=True)
    assert sorted(call.path for call in recording.calls()) == ["loop.0/0", "loop.0/1", "loop.0/2"]
    ended = {path: recording.result(path) for path in ("loop.0/0", "loop.0/1", "loop.0/2")}
    assert [found and found.result.outcome for found in ended.values()] == [
        Outcome.VALUE,
        Outcome.EXCEPTION,
        None,
    ]


def test_a_value_that_was_kept_is_found_again_by_a_later_attempt(context: RecordContext) -> None:
    sink = LocalSink(context, "worker").open()
    call = make_call(0)
    assert sink.kept(call.path) is None
    sink.keep(make_result(call), encoded({"a": 1}))
    kept = sink.kept(call.path)
    assert kept is not None
    assert kept.document == encoded({"a": 1}).document
    assert sink.kept("loop.0/1") is None


def test_reasons_are_told_each_once_in_their_order(tmp_path: Path) -> None:
    assert spoiled_reasons(tmp_path) == ()
    one, other = SpoiledLog(tmp_path), SpoiledLog(tmp_path)
    for log, reason in ((one, "disk\nfull"), (other, "é"), (one, "é"), (other, "disk\nfull")):
        log.add(reason)
    assert spoiled_reasons(tmp_path) == ("disk\nfull", "é")


def test_a_reason_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    SpoiledLog(tmp_path).add("whole")
    (file,) = tmp_path.iterdir()
    with file.open("ab") as end:
        end.write(b'"cut o')
    assert spoiled_reasons(tmp_path) == ("whole",)


def test_a_log_that_could_not_be_opened_is_opened_when_there_is_something_to_tell(
    tmp_path: Path,
) -> None:
    control = tmp_path / "control"
    log = SpoiledLog(control)
    with pytest.raises(FileNotFoundError):
        log.add("lost")
    control.mkdir()
    log.add("told")
    assert spoiled_reasons(control) == ("told",)


def test_a_report_reaches_the_control_folder_of_its_run_and_the_log(
    context: RecordContext, caplog: pytest.LogCaptureFixture
) -> None:
    SpoiledReports(context).add("disk full")
    assert spoiled_reasons(Path(context.session.control)) == ("disk full",)
    assert "recording failed, the run goes on: disk full" in caplog.text
