"""The end of a recording: it is closed, gets its bypass YAML, and is summed up."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from chia_bypass.control import handshake
from chia_bypass.control.bypass_yaml import bypass_yaml
from chia_bypass.control.declared_files import Declared
from chia_bypass.control.file_suggestions import Suggestion, suggestions
from chia_bypass.control.handshake import Handshake
from chia_bypass.exit_status import ExitStatus
from chia_bypass.files import publish
from chia_bypass.loop_files.collect import Begun
from chia_bypass.loop_files.writing import write_loop_files
from chia_bypass.options import RecordOptions
from chia_bypass.ownership.whose import make_own
from chia_bypass.record_engine.failures import spoiled_reasons
from chia_bypass.recording.folder import RunFolder
from chia_bypass.recording.layout import BYPASS_YAML
from chia_bypass.recording.reader import Recording


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a run of ``record`` left."""

    recording: Recording
    entered: bool
    """Whether we got into a Python process of the command at all."""
    troubles: tuple[str, ...]
    """What went wrong when we got in."""
    spoiled: tuple[str, ...]
    suggested: tuple[Suggestion, ...] = ()
    """What calls left that others need and that is not kept, if the user asked for that."""

    def exit_status(self, status: int) -> int:
        """Ours, for a command that ended with ``status``: its own failure wins."""
        return status or (ExitStatus.SPOILED if self.spoiled else ExitStatus.OK)


@dataclass(frozen=True, slots=True)
class Ending:
    """What a recording needs to end."""

    folder: Path
    run_folder: RunFolder
    control: Path
    options: RecordOptions
    declared: Declared
    loop: Begun | None
    """What watches the files of the loop itself; None: nothing does."""

    def finish(self, status: int) -> Recorded | None:
        """Close the recording after the command ended with ``status``.

        None: the command submitted a job, which records by itself on the node of its driver; the
        folder was given up for it.
        """
        spoiled = spoiled_reasons(self.control)
        handshakes = handshake.read(self.control)
        troubles = tuple(trouble for shake in handshakes for trouble in shake.troubles)
        if any(str(self.folder) in shake.submitted for shake in handshakes):
            self.run_folder.abandon()
            return None
        if self.loop is not None:
            spoiled += self._keep_loop_files(self.loop, handshakes)
        spoiled = close_run(self.run_folder, status, spoiled)
        make_own(self.folder)
        recording = Recording.open(self.folder, tolerant=True)
        if not recording.contents.drivers and not spoiled:
            shutil.rmtree(self.folder)
        else:
            spoiled += write_yaml(self.folder / BYPASS_YAML, bypass_yaml(recording, self.declared))
        suggested = suggestions(self.control, recording) if self.options.suggest_files else ()
        return Recorded(recording, bool(handshakes), troubles, spoiled, suggested)

    def _keep_loop_files(self, loop: Begun, handshakes: Sequence[Handshake]) -> tuple[str, ...]:
        """Add what the loop itself read and wrote; returns why that could not be written, if so."""
        drivers = [shake.pid for shake in handshakes if shake.ray]
        try:
            files = loop.ended(self.run_folder.run.started, drivers)
            # What must not be stored may be in any of them.
            keeps = not (self.options.redact or self.options.redact_in)
            write_loop_files(
                self.folder,
                self.run_folder.run.id,
                files,
                loop if keeps else None,
                loop.surroundings(drivers),
            )
        except OSError as error:
            return (f"what the loop itself read could not be written: {error}",)
        return ()


def close_run(folder: RunFolder, status: int, spoiled: tuple[str, ...]) -> tuple[str, ...]:
    """Mark the run as ended; returns why its recording is spoiled, which this may add to."""
    try:
        folder.close(status, time.time(), spoiled)
    except OSError as error:  # a full disk, or one that is gone: there is still a run to sum up
        return (*spoiled, f"the recording could not be closed and stays incomplete: {error}")
    return spoiled


def write_yaml(path: Path, text: str) -> tuple[str, ...]:
    """Write the bypass YAML of a recording; returns why it could not be written, if so."""
    try:
        publish(path, lambda file: file.write(text.encode()))
    except OSError as error:
        return (f"{path.name} could not be written: {error}",)
    return ()
