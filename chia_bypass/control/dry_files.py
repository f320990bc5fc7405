"""What becomes of the files that the command of a replay writes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import filterfalse
from pathlib import Path

from chia_bypass.errors import UsageError
from chia_bypass.inputs.digests import Trees
from chia_bypass.loop_files.arrange import arrange
from chia_bypass.loop_files.compare import LoopState, compare
from chia_bypass.options import SandboxOptions
from chia_bypass.outputs.left_index import LeftIndex, Moved
from chia_bypass.outputs.states import state_at
from chia_bypass.patches.renames import MARK
from chia_bypass.recording.reader import Recording
from chia_bypass.sandbox.kernel import Refused
from chia_bypass.sandbox.layers import Written
from chia_bypass.sandbox.plan import plan
from chia_bypass.sandbox.sandbox import Sandbox, prepare


@dataclass
class DryFiles:
    """The sandbox of one replay, if it has one."""

    options: SandboxOptions | None
    """None: there is no sandbox for this replay, and nobody expects one."""
    sandbox: Sandbox | None = field(default=None, init=False)
    refused: str = field(default="", init=False)
    """Why there is none, where one was expected."""
    loop: LoopState = field(default=LoopState(), init=False)
    """How what the loop itself reads is here."""
    moved_from: Sequence[str] = field(default=(), init=False)
    """As in `Session`."""
    written: Sequence[Written] = field(default=(), init=False)
    """What was kept out, when the command has ended."""
    _left: LeftIndex | None = field(default=None, init=False)
    _roots: Sequence[Path] = field(default=(), init=False)
    """Where recorded calls left files."""
    _keep_in: Path | None = field(default=None, init=False)
    _not_kept: str = field(default="", init=False)

    @staticmethod
    def of(options: SandboxOptions | None, *, on_cluster: bool) -> DryFiles:
        """By what the user said. Raises UsageError for what cannot be meant."""
        wanted = options or SandboxOptions()
        if on_cluster and (wanted.sandbox or wanted.writes):
            raise UsageError(
                "with --address there is no sandbox, since workers write on their own machines",
                "Leave out --sandbox and --writes",
            )
        if wanted.sandbox is False and wanted.writes:
            raise UsageError("--writes keeps what a sandbox holds back", "Leave out --no-sandbox")
        off = options is None or on_cluster or options.sandbox is False
        return DryFiles(None if off else options)

    def begin(
        self, recording: Recording, working: Path, control: Path, seems: Path | None = None
    ) -> None:
        """Try the sandbox out, for a command in ``working`` that replays the recording.

        ``seems``: where ``working`` seems to be for it, if that can be. ``control`` is the folder
        of this replay's own. Raises UsageError where there must be a sandbox and is none.
        """
        places = {str(seems)} if seems else {w.working for w in recording.contents.surroundings}
        self.moved_from = tuple(sorted(places - {"", str(working)}))
        if self.options is None:
            self.loop = compare(recording.contents.loop_files, working, None, sandboxed=False)
            return
        if self.options.writes:
            self._keep_in = _claimed(Path(self.options.writes))
        left = LeftIndex(recording, Moved(self.moved_from, str(working), both=True))
        roots = [Path(root) for root in left.roots()]
        roots += [
            Path(file.path).parent
            for file in recording.contents.loop_files
            if file.kept and file.path.startswith("/")
        ]
        passed = (recording.folder, control, _of_ray((working, *roots)))
        try:
            self.sandbox = prepare(plan(working, roots, passed, seems), control)
            if self.sandbox.plan.source:
                self.moved_from = ()
            (control / MARK).touch()
            self._left, self._roots = left, [Path(root) for root in left.roots()]
            files = recording.contents.loop_files
            self.loop = compare(
                files, working, self.options.loop_inputs, sandboxed=True, comes_back=left.past
            )
            self.sandbox.first = partial(arrange, self.loop, self.sandbox.plan.overlaid, recording)
        except Refused as refused:
            self.refused = f"not sandboxed: {refused}"
            if self.options.sandbox or self._keep_in is not None:
                raise UsageError(self.refused, "--no-sandbox replays without") from None
            self.loop = compare(recording.contents.loop_files, working, None, sandboxed=False)

    @property
    def covers_all(self) -> bool:
        """Whether all that recorded calls left would be put back inside."""
        if self.sandbox is None:
            return False
        folders = self.sandbox.plan.overlaid
        return all(any(root.is_relative_to(one) for one in folders) for root in self._roots)

    @property
    def enter(self) -> Callable[[], None] | None:
        """What takes a new process into it."""
        return None if self.sandbox is None else self.sandbox.enter

    def look(self) -> None:
        """See what the command wrote, and keep it if asked to."""
        if self.sandbox is None:
            return
        self.written = tuple(filterfalse(self._is_put_back, self.sandbox.written()))
        if self._keep_in is not None:
            try:
                _keep(self.written, Path(self.sandbox.plan.working), self._keep_in)
            except OSError as error:
                self._not_kept = f"--writes: {error.filename}: {error.strerror}"

    def _is_put_back(self, written: Written) -> bool:
        """Whether it is what a recorded call left there, or was put back before the command
        started: no loop wrote that now."""
        if self.loop.arranged(written.path, written.source):
            return True
        past = self._left.past(written.path) if self._left is not None else ()
        if not past:
            return False
        state = None if written.source is None else state_at(str(written.source), Trees())
        return any(one.state == state for one in past)

    def end(self) -> None:
        """Forget what was not kept."""
        if self.sandbox is not None:
            self.sandbox.close()
            self.sandbox = None

    @property
    def kept_out(self) -> str:
        """What a person is told at the end; empty: nothing."""
        if not self.written:
            return ""
        count = sum(one.source is not None for one in self.written)
        removed = len(self.written) - count
        told = [f"{_files(count)} that the loop wrote"] if count else []
        told += [f"{_files(removed)} that it removed"] if removed else []
        were = "was" if len(self.written) == 1 else "were"
        if self._keep_in is None:
            ways = " (--writes DIR keeps them, --no-sandbox lets them through)"
        else:
            ways = f"; {self._not_kept or f'what was written is in {self._keep_in}'}"
        return f"{' and '.join(told)} {were} kept out of your tree{ways}"


def _files(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"


def _of_ray(roots: Iterable[Path]) -> Path:
    """The folder for Ray's sockets and logs, which stays after the replay like that of any Ray."""
    folder = Path(os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp", "ray")
    if any(folder.resolve().is_relative_to(root.resolve()) for root in roots):
        folder.mkdir(parents=True, exist_ok=True)
        if folder.stat().st_uid == os.geteuid():
            folder.chmod(0o777)  # as Ray does
    return folder


def _claimed(folder: Path) -> Path:
    """A new or empty folder. Raises UsageError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        full = next(folder.iterdir(), None) is not None
    except OSError as error:
        raise UsageError(f"--writes {folder}: {error.strerror}", "Name another folder") from error
    if full:
        raise UsageError(f"--writes {folder}: it is not empty", "Name a new folder")
    return folder.absolute()


def _keep(written: Sequence[Written], working: Path, folder: Path) -> None:
    """Below ``folder`` as it is below the working directory; what was elsewhere, by its path."""
    for one in written:
        path = Path(one.path)
        inside = path.is_relative_to(working)
        target = folder / (path.relative_to(working) if inside else path.relative_to("/"))
        if one.source is not None and (one.source.is_symlink() or one.source.is_file()):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(one.source, target, follow_symlinks=False)
