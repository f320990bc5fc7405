"""What the recordings did in each test, and the lines that the terminal shows of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chia_bypass.wording import shown_path

if TYPE_CHECKING:
    from chia_bypass.look.analysis.replay_outcome import ReplayedCall, ReplayOutcome


@dataclass(frozen=True, slots=True)
class Tally:
    """One test. Plain values, as reports of tests travel between processes."""

    test: str
    folder: str
    recorded: int | None = None
    """How many calls were recorded; None: it replayed."""
    served: int = 0
    saved_seconds: float = 0.0
    missed: Sequence[str] = ()
    """Messages, each once."""
    real: Sequence[str] = ()
    drift: Sequence[str] = ()
    unused: Sequence[str] = ()
    lost: Sequence[str] = ()
    """What the new recording lacks, so that it cannot be replayed whole."""


def of_replay(test: str, outcome: ReplayOutcome) -> Tally:
    """The tally of a test that replayed."""
    return Tally(
        test,
        outcome.recording,
        served=outcome.counts["served"],
        saved_seconds=outcome.saved_seconds,
        missed=list(dict.fromkeys(call.message for call in outcome.missed)),
        real=[_shown(call) for call in outcome.calls if call.kind == "real"],
        drift=[f"{_shown(call)}: {', '.join(call.drift)} differs" for call in outcome.drifted],
        unused=[f"{call.function} at {call.path}" for call in outcome.unused],
    )


def of_recording(test: str, folder: Path) -> Tally:
    """The tally of a test that recorded into ``folder``, which is not there without a call."""
    from chia_bypass.recording.layout import is_recording
    from chia_bypass.recording.reader import Recording
    from chia_bypass.recording.summary import by_function

    if not is_recording(folder):
        return Tally(test, str(folder), recorded=0)
    recording = Recording.open(folder, tolerant=True)
    rows = by_function(recording)
    lost = [
        f"{row.unkept} values of {row.function} could not be kept" for row in rows if row.unkept
    ]
    spoiled = [reason for closed in recording.contents.closed for reason in closed.spoiled]
    calls = sum(row.calls for row in rows)
    return Tally(test, str(folder), recorded=calls, lost=[*spoiled, *lost])


def _shown(call: ReplayedCall) -> str:
    return call.function + (f" (tag {call.tag})" if call.tag is not None else "")


def lines(tallies: Sequence[Tally]) -> Iterator[str]:
    """What a person should know, test by test, then all in one line."""
    from chia_bypass.look.analysis.replay_outcome import final_line

    for tally in tallies:
        if tally.recorded:
            yield f"{tally.test}: recorded, calls: {tally.recorded}, in {shown_path(tally.folder)}"
        for what in ("missed", "real", "drift", "unused", "lost"):
            for text in getattr(tally, what):
                yield f"{tally.test}: {what}: {text}"
    recorded = sum(tally.recorded or 0 for tally in tallies)
    replayed = final_line(
        served=sum(tally.served for tally in tallies),
        real=sum(len(tally.real) for tally in tallies),
        missed=sum(len(tally.missed) for tally in tallies),
        unused=sum(len(tally.unused) for tally in tallies),
        saved_seconds=sum(tally.saved_seconds for tally in tallies),
    )
    yield (f"{recorded} recorded · " if recorded else "") + replayed


def orphans(expected: dict[Path, set[Path]]) -> Iterator[Path]:
    """Recordings that no test has: ``expected`` are the folders of the tests of each module."""
    from chia_bypass.recording.layout import is_recording

    for module, folders in sorted(expected.items()):
        if module.is_dir():
            there = {folder for folder in module.iterdir() if is_recording(folder)}
            yield from sorted(there - folders)
