"""`record` and `replay` around a block of Python: for notebooks, tests and scripts."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

from chia_bypass import engine as engines
from chia_bypass.errors import Swallowed
from chia_bypass.hook import startup
from chia_bypass.recorder.session import Recorded, RecordSession
from chia_bypass.recording.folder import new_name
from chia_bypass.replayer.policy import PATIENCE
from chia_bypass.replayer.session import Replayed, ReplaySession
from chia_bypass.session import Session


@contextmanager
def record(
    folder: str | Path | None = None,
    *,
    tagged_only: bool = False,
    functions: Sequence[str] = (),
    tags: Sequence[str] = (),
) -> Iterator[Path]:
    """Record the calls that the block dispatches; gives the folder, by default a new one in
    ``recordings/``.

    ``functions`` (globs) and ``tags`` (regexes) narrow what is captured. The recording is closed
    however the block ends; without a call there is none. Raises RecordingError.
    """
    target = Path(folder) if folder is not None else _new_folder()
    options = {"tagged_only": tagged_only, "functions": list(functions), "tags": list(tags)}
    with RecordSession(target, sys.argv, options) as recording:
        status = 1
        try:
            with _running(recording.session):
                yield target
            status = 0
        finally:
            recording.finish(status)


@contextmanager
def replay(
    source: str | Path,
    *,
    live: Sequence[str] = (),
    strict: bool = False,
    allow_import: Sequence[str] = (),
    allow_pickle: bool = False,
    order: Literal["recorded", "free"] = "recorded",
    patience: float = PATIENCE,
) -> Iterator[list[Replayed]]:
    """Serve the calls that the block dispatches from a recording folder or a YAML in one.

    The list that it gives holds the outcome once the block has ended. A call that the recording
    cannot answer raises Miss where it is made; if the block swallows that, it raises Swallowed at
    its end. For the options see ``chia-bypass replay --help``. Raises RecordingError.
    """
    options = {
        "live": list(live),
        "args": "strict" if strict else "report",
        "allow_import": list(allow_import),
        "allow_pickle": allow_pickle,
        "order": order,
        "patience": patience,
    }
    outcome: list[Replayed] = []
    with ReplaySession(Path(source), options, None) as replaying:
        status = 1
        try:
            with _running(replaying.session):
                yield outcome
            status = 0
        finally:
            outcome.append(replaying.finish(status))
    if outcome[0].misses:
        raise Swallowed(outcome[0].misses)


@contextmanager
def _running(session: Session) -> Iterator[None]:
    """This process as the driver of ``session``."""
    previous = engines.current()
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
        undo()


def _new_folder() -> Path:
    script = Path(sys.argv[0]).stem or "interactive"
    return new_name(Path("recordings"), script, datetime.now(timezone.utc))


__all__ = ["Recorded", "Replayed", "record", "replay"]
