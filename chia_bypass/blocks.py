"""`record` and `replay` around a block of Python: for notebooks, tests and scripts."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

from chia_bypass import engine as engines
from chia_bypass.control.call_arguments import asked
from chia_bypass.control.record_session import Recorded, RecordSession
from chia_bypass.control.replay_session import Replayed, ReplaySession, located
from chia_bypass.driver import startup
from chia_bypass.errors import Swallowed
from chia_bypass.recording.folder import new_name
from chia_bypass.recording.reader import Recording
from chia_bypass.replay_engine.policy import PATIENCE
from chia_bypass.session import Session


@contextmanager
def record(
    folder: str | Path | None = None,
    *,
    tagged_only: bool = False,
    functions: Sequence[str] = (),
    tags: Sequence[str] = (),
    script: str | None = None,
) -> Iterator[Path]:
    """Record the calls that the block dispatches; gives the folder, by default a new one in
    ``recordings/``.

    ``functions`` (globs) and ``tags`` (regexes) narrow what is captured. ``script`` is the name
    under which this process counts, by default that of the program that runs. The recording is
    closed however the block ends; without a call there is none. Raises RecordingError.
    """
    target = Path(folder) if folder is not None else _new_folder()
    options = {
        "tagged_only": tagged_only,
        "functions": list(functions),
        "tags": list(tags),
        "script": script,
    }
    with RecordSession(target, sys.argv, options) as recording:
        status = 1
        try:
            with _running(recording.session):
                yield target
            status = 0
        finally:
            recording.finish(status)


class Replaying:
    """A replay of a block: what `replay` gives."""

    def __init__(self, session: ReplaySession) -> None:
        self._session = session
        self._ended: Replayed | None = None

    @property
    def outcome(self) -> Replayed:
        """What happened; within the block, so far, of which the last calls may be missing."""
        return self._ended or self._session.so_far()

    def end(self, status: int) -> None:
        """Keep the outcome, since what it is read from goes with the session."""
        self._ended = self._session.finish(status)


@contextmanager
def replay(
    source: str | Path,
    *,
    on_miss: Literal["fail", "run", "record"] = "fail",
    live: Sequence[str] = (),
    live_tags: Sequence[str] = (),
    live_from: str | None = None,
    only: Sequence[str] = (),
    redo: Sequence[str] = (),
    stale: Sequence[str] = (),
    strict: bool = False,
    allow_import: Sequence[str] = (),
    allow_pickle: bool = False,
    script: str | None = None,
    order: Literal["recorded", "free"] = "recorded",
    patience: float = PATIENCE,
) -> Iterator[Replaying]:
    """Serve the calls that the block dispatches from a recording folder or a YAML in one.

    What it gives knows the outcome. A call that the recording cannot answer raises Miss where it
    is made; if the block swallows that, it raises Swallowed at its end. A Ray that the block starts
    offers what was recorded, and ends with it. For the options see ``chia-bypass replay --help``,
    for ``script`` `record`. Raises RecordingError, and UsageError for a call that is not recorded.
    """
    written = {
        "on_miss": on_miss,
        "live": list(live),
        "live_tags": list(live_tags),
        "live_from": live_from,
        "only": list(only),
        "redo": list(redo),
        "stale": list(stale),
        "args": "strict" if strict else "report",
        "allow_import": list(allow_import),
        "allow_pickle": allow_pickle,
        "script": script,
        "order": order,
        "patience": patience,
    }
    options = asked(Recording.open(located(Path(source))[0]), written)
    with ReplaySession(Path(source), options, None) as session:
        replaying = Replaying(session)
        status = 1
        try:
            with _running(session.session):
                yield replaying
            status = 0
        finally:
            replaying.end(status)
    misses = replaying.outcome.misses
    if misses:
        raise Swallowed(misses)


@contextmanager
def _running(session: Session) -> Iterator[None]:
    """This process as the driver of ``session``."""
    from chia_bypass.driver import ray_init

    previous, invented_before = engines.current(), ray_init.invented()
    undo = startup.start(session)
    # The hook waits for this import; here it must not wait for the block's first use of it.
    import chia_bypass.function  # noqa: F401

    started: Any = engines.current()
    try:
        yield
    finally:
        if started is not previous:
            started.flush()
        engines.activate(previous)
        if ray_init.invented() and not invented_before:
            # Nothing may run for real on what this Ray only pretends to have.
            import ray

            ray.shutdown()
        undo()


def _new_folder() -> Path:
    script = Path(sys.argv[0]).stem or "interactive"
    return new_name(Path("recordings"), script, datetime.now(timezone.utc))


__all__ = ["Recorded", "Replayed", "Replaying", "record", "replay"]
