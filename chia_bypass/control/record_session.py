"""One `record`: from an empty folder to a closed recording, around a command that somebody runs."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from chia_bypass.control import environment
from chia_bypass.control.declared_files import Declared, declared_in
from chia_bypass.control.new_run import new_run
from chia_bypass.control.private_folder import control_folder, discard
from chia_bypass.errors import CommandNotExecutable, CommandNotFound
from chia_bypass.loop_files.collect import Begun
from chia_bypass.options import RecordOptions
from chia_bypass.ownership.whose import make_own
from chia_bypass.recording.folder import RunFolder
from chia_bypass.session import Mode, Session

if TYPE_CHECKING:
    from chia_bypass.control.recorded import Recorded


class RecordSession:
    """Records the drivers that one command starts. Use as a context manager."""

    def __init__(
        self,
        folder: Path,
        command: Sequence[str],
        options: RecordOptions,
        *,
        script: str | None = None,
        jobs: bool = False,
        starts: bool = True,
    ) -> None:
        """For ``script`` and ``jobs`` see `Session`; ``starts``: the command is a new process,
        whose files can be watched from its start."""
        self._watching = starts and options.inputs == "note"
        self.folder, self._command = folder.absolute(), tuple(command)
        self._options, self._script, self._jobs = options, script, jobs

    def __enter__(self) -> RecordSession:
        self._declared = Declared.of(self._options)
        run = new_run(self.folder, self._command, self._options)
        self._run_folder = RunFolder.create(self.folder, run, socket.gethostname())
        self.not_own = make_own(self.folder)
        """Why the recording will count as foreign here; empty: it is this user's own."""
        self._control = control_folder()
        self._session = Session(
            Mode.RECORD,
            str(self.folder),
            str(self._control),
            run.id,
            began=run.started,
            working=str(Path.cwd()),
            record=self._options,
            declared=declared_in(self._options.bypass),
            script=self._script,
            jobs=self._jobs,
        )
        self._session.save()
        self._loop = self._watched() if self._watching else None
        return self

    def _watched(self) -> Begun | None:
        """Let drivers note what they read; a recording without that is one, too."""
        with suppress(OSError):
            return Begun.at(Path.cwd(), self._control, (self.folder,), self._command)
        return None

    @property
    def session(self) -> Session:
        """What the drivers are told."""
        return self._session

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """The environment in which the command has to run."""
        return environment.environment(str(self._session.file), base)

    def finish(self, status: int) -> Recorded | None:
        """Close the recording after the command ended with ``status``.

        None: the command submitted a job, which records by itself on the node of its driver; the
        folder was given up for it.
        """
        # Not before the command runs: much is imported for it.
        from chia_bypass.control.recorded import Ending

        ending = Ending(
            self.folder, self._run_folder, self._control, self._options, self._declared, self._loop
        )
        return ending.finish(status)

    def __exit__(self, _: object, error: object, *__: object) -> None:
        if isinstance(error, CommandNotFound | CommandNotExecutable):
            self._run_folder.abandon()
            shutil.rmtree(self.folder, ignore_errors=True)  # else it would be the newest recording
        discard(self._control)
