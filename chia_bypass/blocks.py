"""`record` and `replay` around a block of Python: for notebooks, tests and scripts."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timezone
from html import escape
from pathlib import Path, PosixPath
from typing import Any, ParamSpec, Protocol

from chia_bypass import engine as engines
from chia_bypass.checked_fields import checked, names
from chia_bypass.control.record_session import RecordSession
from chia_bypass.control.recorded import Recorded
from chia_bypass.control.replay_session import ReplaySession
from chia_bypass.control.replayed import Replayed
from chia_bypass.driver import startup
from chia_bypass.errors import Swallowed, UsageError
from chia_bypass.options import RecordOptions, ReplayOptions, SandboxOptions
from chia_bypass.recording.folder import new_name
from chia_bypass.recording.layout import is_recording
from chia_bypass.session import Session


class RecordingFolder(PosixPath):
    """A folder that a notebook shows as what is recorded in it: what `record` gives."""

    def _repr_html_(self) -> str:
        from chia_bypass.look.analysis.notebook import recording_html

        return recording_html(self) if is_recording(self) else f"<code>{escape(str(self))}</code>"


class Replaying:
    """A replay of a block: what `replay` gives. A notebook shows it as a table."""

    def __init__(self, session: ReplaySession) -> None:
        self._session = session
        self._ended: Replayed | None = None

    @property
    def outcome(self) -> Replayed:
        """What happened; within the block, so far, of which the last calls may be missing."""
        return self._ended or self._session.so_far()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.outcome.final_line}>"

    def _repr_html_(self) -> str:
        from chia_bypass.control.outcome import outcome_of
        from chia_bypass.look.analysis.notebook import outcome_html

        return outcome_html(outcome_of(self.outcome))

    def end(self, status: int) -> None:
        """Keep the outcome, since what it is read from goes with the session."""
        self._ended = self._session.finish(status)


P = ParamSpec("P")


class _Record(Protocol[P]):
    def __call__(
        self,
        folder: str | Path | None = None,
        script: str | None = None,
        *args: P.args,
        **options: P.kwargs,
    ) -> AbstractContextManager[Path]: ...


class _Replay(Protocol[P]):
    def __call__(
        self, source: str | Path, script: str | None = None, *args: P.args, **options: P.kwargs
    ) -> AbstractContextManager[Replaying]: ...


def _record_taking(
    options: Callable[P, RecordOptions],
) -> Callable[[Callable[..., AbstractContextManager[Path]]], _Record[P]]:
    """The keywords of the decorated function are the fields of ``options``."""
    return lambda function: _showing(function, options)


def _replay_taking(
    options: Callable[P, ReplayOptions],
) -> Callable[[Callable[..., AbstractContextManager[Replaying]]], _Replay[P]]:
    return lambda function: _showing(function, options)


def _showing(function: Any, options: Callable[..., object]) -> Any:
    """``function``, whose help names the options one by one."""
    shown = inspect.signature(function)
    own = [one for one in shown.parameters.values() if one.kind is not one.VAR_KEYWORD]
    named = inspect.signature(options).parameters.values()
    function.__signature__ = shown.replace(parameters=[*own, *named])
    return function


@_record_taking(RecordOptions)
def record(
    folder: str | Path | None = None, script: str | None = None, **options: Any
) -> AbstractContextManager[Path]:
    """Record the calls that the block dispatches; gives the folder, by default a new one in
    ``recordings/``.

    The options are those of ``chia-bypass record``, with underscores. ``script`` is the name
    under which this process counts, by default that of the program that runs. The recording is
    closed however the block ends; without a call there is none. Raises RecordingError, and
    UsageError for an option that cannot be meant.
    """
    target = Path(folder) if folder is not None else _new_folder()
    chosen = checked(RecordOptions, options, "{} of chia_bypass.record()".format)
    return recording(target, chosen, script)


@contextmanager
def recording(folder: Path, options: RecordOptions, script: str | None) -> Iterator[Path]:
    """What `record` does, with options that were checked."""
    with RecordSession(folder, sys.argv, options, script=script, starts=False) as session:
        status = 1
        try:
            with _running(session.session):
                yield RecordingFolder(folder)
            status = 0
        finally:
            session.finish(status)


@_replay_taking(ReplayOptions)
def replay(
    source: str | Path, script: str | None = None, **options: Any
) -> AbstractContextManager[Replaying]:
    """Serve the calls that the block dispatches from a recording folder or a YAML in one.

    What it gives knows the outcome. A call that the recording cannot answer raises Miss where it
    is made; if the block swallows that, it raises Swallowed at its end. A Ray that the block starts
    offers what was recorded, and ends with it. The options are those of ``chia-bypass replay``,
    with underscores; for ``script`` see `record`. Raises RecordingError, and UsageError for an
    option that cannot be meant or a call that is not recorded.
    """
    refuse_sandbox(options)
    chosen = checked(ReplayOptions, options, "{} of chia_bypass.replay()".format)
    return replaying(Path(source), chosen, script)


def refuse_sandbox(options: Iterable[str]) -> None:
    """Raises UsageError for options that a process cannot have which runs already."""
    for name in names(SandboxOptions):
        if name in options:
            raise UsageError(
                f"{name}: a block runs in this process, which cannot be put into a sandbox",
                "`chia-bypass replay` starts a new one",
            )


@contextmanager
def replaying(source: Path, options: ReplayOptions, script: str | None) -> Iterator[Replaying]:
    """What `replay` does, with options that were checked."""
    with ReplaySession(source, options, script=script, keywords=True) as session:
        block = Replaying(session)
        status = 1
        try:
            with _running(session.session):
                yield block
            status = 0
        finally:
            block.end(status)
    misses = block.outcome.misses
    if misses:
        raise Swallowed(misses)


@contextmanager
def _running(session: Session) -> Iterator[None]:
    """This process as the driver of ``session``."""
    import ray

    from chia_bypass.driver import ray_init
    from chia_bypass.patches.chia_calls import workers

    previous, invented_before = engines.current(), ray_init.invented()
    unprepared_before = workers.unprepared
    workers.unprepared = unprepared_before or ray.is_initialized()
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
            ray.shutdown()
        workers.unprepared = unprepared_before
        undo()


def _new_folder() -> Path:
    script = Path(sys.argv[0]).stem or "interactive"
    return new_name(Path("recordings"), script, datetime.now(timezone.utc))


__all__ = ["Recorded", "Replayed", "Replaying", "record", "replay"]
