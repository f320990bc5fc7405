"""An artifact in one file, laid out in a scratch folder so that it can be replayed."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from chia_bypass.errors import UsageError
from chia_bypass.look.archive.unpack import unpack
from chia_bypass.loop_files.imports import missing
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import LoopFile


@dataclass(frozen=True, slots=True)
class UnpackedArtifact:
    """Somebody else's loop and its recording. Nothing of it has run."""

    recording: Path
    working: Path
    """Its working directory, with what it read there."""
    recorded: Path
    """Where that was when it was recorded."""

    @staticmethod
    def of(file: Path, scratch: Path) -> UnpackedArtifact:
        """Unpack ``file`` into ``scratch``, an empty folder.

        Raises RecordingError for what is no packed recording, and UsageError for one without the
        loop, or whose loop needs packages that are not installed here.
        """
        folder = unpack(file, scratch / "recording")
        recording = Recording.open(folder, tolerant=True)
        found = recording.contents.surroundings
        if not found or not found[0].working:
            raise UsageError(
                f"{file} has no loop in it, only its recording",
                "Unpack it, and replay it with -- COMMAND; `pack --artifact` packs both",
            )
        absent = missing(found[0].imported)
        if absent:
            raise UsageError(f"not installed here: {', '.join(absent)}", "Install them first")
        working = scratch / "working"
        working.mkdir()
        for one in recording.contents.loop_files:
            if one.kept and not PurePosixPath(one.path).is_absolute():
                _write(recording, working, one)
        return UnpackedArtifact(folder, working, Path(found[0].working))

    def command_of(self, command: tuple[str, ...]) -> tuple[str, ...]:
        """The recorded command, by the Python that is here if it names one that is not."""
        program = Path(command[0])
        if program.is_absolute() and not program.exists() and program.name.startswith("python"):
            return (sys.executable, *command[1:])
        return command

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """Scripts find the same Python."""
        folder, path = str(Path(sys.executable).parent), base.get("PATH", os.defpath)
        return {**base, "PATH": f"{folder}{os.pathsep}{path}"}


def _write(recording: Recording, working: Path, file: LoopFile) -> None:
    """A name that leads out of the folder is none. Raises UsageError and RecordingCorrupt."""
    if ".." in PurePosixPath(file.path).parts:
        raise UsageError(f"the artifact has a file {file.path!r}", "Do not trust it")
    path = working / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(bytes(recording.buffer(b.digest, b.length)) for b in file.blobs))
    path.chmod(file.mode & 0o777 | 0o600)
