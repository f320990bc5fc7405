"""The recordings in a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from chia_bypass.errors import RecordingError
from chia_bypass.recording.folder import recordings_in
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.summary import by_function


@dataclass(frozen=True, slots=True)
class Listed:
    """One recording of a listing."""

    folder: Path
    started: float
    """When its first run began, Unix seconds; 0 if that cannot be read."""
    command: tuple[str, ...]
    calls: int
    functions: int
    size: int
    seconds: float
    state: str
    """complete, incomplete, spoiled, or what is wrong with it."""
    revision: str


def listing(parent: Path) -> list[Listed]:
    """The recordings below ``parent``, newest last."""
    return sorted(map(_listed, recordings_in(parent)), key=lambda found: found.started)


def newest(parent: Path) -> Path | None:
    """The newest recording below ``parent``, by the time in its manifest."""
    found = listing(parent)
    return found[-1].folder if found else None


def _listed(folder: Path) -> Listed:
    try:
        recording = Recording.open(folder, tolerant=True)
    except RecordingError as error:
        return Listed(folder, 0.0, (), 0, 0, 0, 0.0, error.problem, "")
    rows = by_function(recording)
    runs = recording.contents.runs
    return Listed(
        folder=folder,
        started=runs[0].started if runs else 0.0,
        command=runs[0].command if runs else (),
        calls=sum(row.calls for row in rows),
        functions=len(rows),
        size=sum(row.size for row in rows),
        seconds=sum(row.seconds for row in rows),
        state=state(recording),
        revision=runs[0].revision if runs else "",
    )


def state(recording: Recording) -> str:
    """In a word, whether the recording can be trusted to be whole."""
    if recording.spoiled:
        return "spoiled"
    if recording.contents.problems and recording.complete:
        return "damaged"
    return "complete" if recording.complete else "incomplete"
