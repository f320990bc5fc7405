"""One `record`: from an empty folder to a closed recording, around a command that somebody runs."""

from __future__ import annotations

import os
import platform
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from chia_bypass.control import environment, handshake
from chia_bypass.control.bypass_yaml import bypass_yaml
from chia_bypass.control.declared_files import Declared, declared_in
from chia_bypass.control.file_suggestions import Suggestion, suggestions
from chia_bypass.control.handshake import Handshake
from chia_bypass.control.private_folder import control_folder
from chia_bypass.errors import UsageError
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
from chia_bypass.recording.records import Run
from chia_bypass.recording.redaction import Redaction, hide_in_command
from chia_bypass.session import Mode, Session


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
        spoiled = spoiled_reasons(self._control)
        handshakes = handshake.read(self._control)
        troubles = tuple(trouble for shake in handshakes for trouble in shake.troubles)
        if any(str(self.folder) in shake.submitted for shake in handshakes):
            self._run_folder.abandon()
            return None
        if self._loop is not None:
            spoiled += self._keep_loop_files(self._loop, handshakes)
        spoiled = close_run(self._run_folder, status, spoiled)
        make_own(self.folder)
        recording = Recording.open(self.folder, tolerant=True)
        if not recording.contents.drivers and not spoiled:
            shutil.rmtree(self.folder)
        else:
            spoiled += write_yaml(self.folder / BYPASS_YAML, self._yaml(recording))
        suggested = suggestions(self._control, recording) if self._options.suggest_files else ()
        return Recorded(recording, bool(handshakes), troubles, spoiled, suggested)

    def _yaml(self, recording: Recording) -> str:
        return bypass_yaml(recording, self._declared)

    def _keep_loop_files(self, loop: Begun, handshakes: Sequence[Handshake]) -> tuple[str, ...]:
        """Add what the loop itself read and wrote; returns why that could not be written, if so."""
        drivers = [shake.pid for shake in handshakes if shake.ray]
        try:
            files = loop.ended(self._run_folder.run.started, drivers)
            # What must not be stored may be in any of them.
            keeps = not (self._options.redact or self._options.redact_in)
            write_loop_files(
                self.folder,
                self._run_folder.run.id,
                files,
                loop if keeps else None,
                loop.surroundings(drivers),
            )
        except OSError as error:
            return (f"what the loop itself read could not be written: {error}",)
        return ()

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._control, ignore_errors=True)


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


def new_run(folder: Path, command: Sequence[str], options: RecordOptions) -> Run:
    """What the manifest says about a run that begins now."""
    absent = [name for name in options.keep_env if name not in os.environ]
    if absent:
        raise UsageError(f"--keep-env {absent[0]}: there is no such environment variable")
    return Run(
        id=secrets.token_hex(16),
        command=hide_in_command(command),
        directory=_directory(folder, Path.cwd()),
        started=time.time(),
        versions=versions(),
        tells_ends=True,
        tells_waits=True,
        tells_methods=True,
        revision=_revision(),
        environment=tuple(sorted(os.environ)),
        kept={name: os.environ[name] for name in options.keep_env},
        redact=Redaction.of(options).rules,
    )


def _directory(folder: Path, working: Path) -> str:
    if folder.is_relative_to(working):
        return os.path.relpath(working, folder)
    return str(working)


def versions() -> dict[str, str]:
    """Versions that may explain why two runs differ."""
    found = {"python": platform.python_version()}
    for name in ("chia-bypass", "ray", "chialoops", "msgpack", "numpy"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _revision() -> str:
    """The git revision of the working directory, with a plus if it has changes; or empty."""
    git = shutil.which("git")
    if git is None:
        return ""
    shown = subprocess.run(
        [git, "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"],
        capture_output=True,
        text=True,
        check=False,
    )
    return shown.stdout.strip()
