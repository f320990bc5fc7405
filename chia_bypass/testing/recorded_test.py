"""One test around which calls are recorded or replayed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from chia_bypass.errors import UsageError
from chia_bypass.testing import tally
from chia_bypass.testing.modes import RecordMode, records
from chia_bypass.testing.tally import Tally

if TYPE_CHECKING:
    from chia_bypass.blocks import Replaying

_SCRIPT: Final = "pytest"
"""What the process counts as: the same under ``pytest``, ``python -m pytest`` and xdist."""
_RECORDING: Final = frozenset({"tagged_only", "functions", "tags"})
_REPLAYING: Final = frozenset({"live", "strict", "allow_import", "allow_pickle"})
OPTIONS: Final = frozenset({"folder"}) | _RECORDING | _REPLAYING
"""What the marker takes: ``folder``, and options of `chia_bypass.record` and `replay`."""


@dataclass
class ChiaRecording:
    """What the fixture ``chia_recording`` gives a test."""

    folder: Path
    """The test's recording."""
    recording: bool
    """Whether the calls of the test run for real now, and are recorded."""
    test: str
    _options: Mapping[str, Any]
    _replaying: Replaying | None = field(default=None, init=False)
    tally: Tally | None = field(default=None, init=False)
    """What happened, once the test has ended."""

    @staticmethod
    def of_test(
        test: str, folder: Path, mode: RecordMode, options: Mapping[str, Any]
    ) -> ChiaRecording:
        """For the test called ``test``. Raises UsageError where it may not be recorded."""
        unknown = sorted(set(options) - OPTIONS)
        if unknown:
            known = ", ".join(sorted(OPTIONS))
            raise UsageError(f"the marker chia_bypass takes no {unknown[0]}", f"It takes {known}")
        return ChiaRecording(folder, records(mode, folder, test), test, options)

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
        from chia_bypass.blocks import record

        target = self.folder
        if target.exists():
            target = target.with_name(f".{target.name}.new")
            shutil.rmtree(target, ignore_errors=True)
        try:
            with record(target, script=_SCRIPT, **self._only(_RECORDING)):
                yield
        finally:
            if target is not self.folder and target.exists():
                shutil.rmtree(self.folder)
                target.rename(self.folder)

    @contextmanager
    def _replay(self) -> Iterator[None]:
        from chia_bypass.blocks import replay

        with replay(self.folder, script=_SCRIPT, **self._only(_REPLAYING)) as self._replaying:
            yield

    def _only(self, names: frozenset[str]) -> dict[str, Any]:
        return {name: value for name, value in self._options.items() if name in names}

    @property
    def misses(self) -> tuple[str, ...]:
        """The messages of the calls that nothing answered so far."""
        return self._replaying.outcome.misses if self._replaying is not None else ()

    def _tally(self) -> Tally | None:
        from chia_bypass.control.replayed import outcome_of

        if self.recording:
            return tally.of_recording(self.test, self.folder)
        if self._replaying is None:  # it could not even begin, and that is told already
            return None
        return tally.of_replay(self.test, outcome_of(self._replaying.outcome))
