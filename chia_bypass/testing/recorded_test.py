"""One test around which calls are recorded or replayed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from chia_bypass.checked_fields import checked, names
from chia_bypass.errors import UsageError
from chia_bypass.options import RecordOptions, ReplayOptions
from chia_bypass.testing import tally
from chia_bypass.testing.modes import RecordMode, records
from chia_bypass.testing.tally import Tally

if TYPE_CHECKING:
    from chia_bypass.blocks import Replaying

_SCRIPT: Final = "pytest"
"""What the process counts as: the same under ``pytest``, ``python -m pytest`` and xdist."""

Options = TypeVar("Options")


@dataclass
class ChiaRecording:
    """What the fixture ``chia_recording`` gives a test."""

    folder: Path
    """The test's recording."""
    recording: bool
    """Whether the calls of the test run for real now, and are recorded."""
    test: str
    _record_options: RecordOptions
    _replay_options: ReplayOptions
    _replaying: Replaying | None = field(default=None, init=False)
    tally: Tally | None = field(default=None, init=False)
    """What happened, once the test has ended."""

    @staticmethod
    def of_test(
        test: str, folder: Path, mode: RecordMode, options: Mapping[str, Any]
    ) -> ChiaRecording:
        """For the test called ``test``. Raises UsageError where it may not be recorded.

        ``options`` are what its marker says: ``folder``, and those of record and replay.
        """
        from chia_bypass.blocks import refuse_sandbox

        refuse_sandbox(options)
        known = {"folder", *names(RecordOptions), *names(ReplayOptions)}
        unknown = sorted(set(options) - known)
        if unknown:
            takes = ", ".join(sorted(known))
            raise UsageError(f"the marker chia_bypass takes no {unknown[0]}", f"It takes {takes}")
        return ChiaRecording(
            folder,
            records(mode, folder, test),
            test,
            _of_marker(RecordOptions, options),
            _of_marker(ReplayOptions, options),
        )

    @contextmanager
    def running(self) -> Iterator[None]:
        """Record or replay the block, which is the test with its fixtures."""
        try:
            with self._record() if self.recording else self._replay():
                yield
        finally:
            self.tally = self._tally()

    @contextmanager
    def _record(self) -> Iterator[None]:
        """Into a folder beside, if there is a recording: that is replaced by a whole one only."""
        from chia_bypass.blocks import recording

        target = self.folder
        if target.exists():
            target = target.with_name(f".{target.name}.new")
            shutil.rmtree(target, ignore_errors=True)
        try:
            with recording(target, self._record_options, _SCRIPT):
                yield
        finally:
            if target is not self.folder and target.exists():
                shutil.rmtree(self.folder)
                target.rename(self.folder)

    @contextmanager
    def _replay(self) -> Iterator[None]:
        from chia_bypass.blocks import replaying

        with replaying(self.folder, self._replay_options, _SCRIPT) as self._replaying:
            yield

    @property
    def misses(self) -> tuple[str, ...]:
        """The messages of the calls that nothing answered so far."""
        return self._replaying.outcome.misses if self._replaying is not None else ()

    def _tally(self) -> Tally | None:
        from chia_bypass.control.outcome import outcome_of

        if self.recording:
            return tally.of_recording(self.test, self.folder)
        if self._replaying is None:  # it could not even begin, and that is told already
            return None
        return tally.of_replay(self.test, outcome_of(self._replaying.outcome))


def _of_marker(kind: type[Options], options: Mapping[str, Any]) -> Options:
    mine = {name: options[name] for name in names(kind) if name in options}
    return checked(kind, mine, "{} of the marker chia_bypass".format)
