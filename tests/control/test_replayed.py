"""What a replay did, as its events tell."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.recording_builder import Made, make_recording

from chia_bypass.control.outcome import outcome_of
from chia_bypass.control.replayed import Replayed, totals
from chia_bypass.exit_status import ExitStatus
from chia_bypass.recording.reader import Recording
from chia_bypass.replay_engine.events import Event, Kind, settled


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    """Two calls of the driver, of which the second made one more."""
    return make_recording(tmp_path / "r", [Made(), Made(), Made(parent="loop.0/1")])


def replayed(recording: Recording, *events: Event) -> Replayed:
    return Replayed(recording, settled(events), entered=True)


def one(kind: Kind, path: str, recorded: str | None) -> Event:
    return Event(kind, "loop:f", path=path, recorded=recorded)


SERVED = one(Kind.SERVED, "loop.0/0", "loop.0/0")
COMPARED = one(Kind.COMPARED, "loop.0/1", "loop.0/1")


def test_calls_that_nobody_made_are_unused(recording: Recording) -> None:
    found = replayed(recording, SERVED)
    assert [call.path for call in found.unused] == ["loop.0/1", "loop.0/1/0"]
    assert found.exit_status(0, strict=True) == ExitStatus.UNUSED


def test_it_is_shown_in_one_line(recording: Recording) -> None:
    found = replayed(recording, SERVED)
    told = "1 replayed · 0 real · 0 missed · 2 unused · saved 1.0 s"
    assert repr(found) == f"<Replayed: {told}>"
    assert repr(outcome_of(found)) == f"<ReplayOutcome: {told}>"


def test_what_a_call_made_that_a_fault_broke_is_not_unused(recording: Recording) -> None:
    found = replayed(recording, SERVED, one(Kind.FAULTED, "loop.0/1", "loop.0/1"))
    assert found.unused == ()


def test_a_call_that_was_still_to_be_compared_was_made(recording: Recording) -> None:
    found = replayed(recording, SERVED, COMPARED)
    assert found.unused == ()
    assert found.exit_status(0, strict=True) == ExitStatus.OK
    assert found.not_checked == {"calls that had not ended": 1}
    assert totals(found.events)["loop:f"] == {Kind.SERVED: 1}


@pytest.mark.parametrize("kind", [Kind.SERVED, Kind.REAL, Kind.MISSED, Kind.FAULTED])
def test_what_its_worker_tells_counts(recording: Recording, kind: Kind) -> None:
    told = one(kind, "loop.0/1", "loop.0/0")
    found = replayed(recording, COMPARED, told)
    assert found.events == (told,)
    assert found.not_checked == {}
