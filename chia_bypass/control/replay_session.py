"""One `replay`: from a recording to the outcome, around a command that somebody runs."""

from __future__ import annotations

import os
import shlex
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from chia_bypass.bypass.config import BypassConfig
from chia_bypass.bypass.parser import load_config
from chia_bypass.control import environment, handshake
from chia_bypass.control.bypass_yaml import bypass_yaml, grown_yaml
from chia_bypass.control.declared_files import declared_in
from chia_bypass.control.dry_files import DryFiles
from chia_bypass.control.foreign_rules import check_patterns, check_real, recorded_rules
from chia_bypass.control.named_calls import named_calls
from chia_bypass.control.new_run import new_run
from chia_bypass.control.private_folder import control_folder, discard
from chia_bypass.control.recorded import close_run, write_yaml
from chia_bypass.control.replay_nodes import check_size, nodes_of, refuse_to_kill
from chia_bypass.control.replayed import Replayed
from chia_bypass.control.unpacked_artifact import UnpackedArtifact
from chia_bypass.errors import RecordingCorrupt, UsageError
from chia_bypass.hook import guard
from chia_bypass.loop_files.compare import LoopState
from chia_bypass.loop_files.writing import write_loop_files
from chia_bypass.options import RecordOptions, ReplayOptions, SandboxOptions
from chia_bypass.ownership.whose import is_foreign, make_own
from chia_bypass.record_engine.failures import spoiled_reasons
from chia_bypass.recording.confined import is_regular
from chia_bypass.recording.folder import RunFolder
from chia_bypass.recording.layout import BYPASS_YAML, is_recording
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import Surroundings
from chia_bypass.recording.segments import RESTORE
from chia_bypass.replay_engine.events import events, settled
from chia_bypass.replay_engine.policy import Policy
from chia_bypass.replay_engine.resources import together
from chia_bypass.session import Mode, ReplayNodes, Session
from chia_bypass.values.kinds import DigestRules
from chia_bypass.values.redactor import REDACTED


class ReplaySession:
    """Replays a recording to the drivers that one command starts. Use as a context manager."""

    def __init__(
        self,
        source: Path,
        options: ReplayOptions,
        command: Sequence[str] | None = None,
        *,
        script: str | None = None,
        resume: bool = False,
        sandbox: SandboxOptions | None = None,
        artifact: UnpackedArtifact | None = None,
        keywords: bool = False,
    ) -> None:
        """``source``: a recording folder or a bypass YAML in one; ``command``: the recorded one.

        For ``script``, ``resume`` and ``keywords`` see `Session`; ``sandbox`` is None where there
        can be none; ``artifact`` is what ``source`` is from.
        Raises RecordingError and UsageError.
        """
        folder, self.yaml = located(source)
        self.recording = Recording.open(folder)
        if not self.recording.contents.runs:
            raise RecordingCorrupt(folder, "lists no run: it was cut off as it began", RESTORE)
        self._options, self._calls = options, named_calls(self.recording, options)
        self._own_ray = options.address is None and not resume
        self._given, self._resume = command, resume
        self._script = script or _only_script(self.recording)
        self._keywords = keywords
        self._growing: RunFolder | None = None
        self._artifact = artifact
        nowhere = None if resume else sandbox
        self.files = DryFiles.of(nowhere, on_cluster=options.address is not None)
        self.notes: tuple[str, ...] = ()
        """What is worth knowing about the nodes of a rehearsal, once it has begun."""

    def rules(self) -> BypassConfig | None:
        """What the bypass YAML says; None: the recording was cut off before it had one.

        Raises UsageError for what is wrong in it, and for a stranger's patterns that may not end.
        """
        if self.yaml is None:
            return None
        rules = load_config(self.yaml)
        if self.foreign:
            check_patterns(rules, self.recording.folder)
        return rules

    def __enter__(self) -> ReplaySession:
        folder, foreign = self.recording.folder, self.foreign
        rules = self.rules()  # before anything is started
        if rules is not None and foreign:
            check_real(rules, self._options, folder)
        if self._own_ray:
            check_size(self.recording)
        grows = self._options.on_miss == "record"
        runs = self.recording.contents.runs
        recorded = recorded_rules(runs, folder, foreign=foreign, grows=grows)
        nodes = nodes_of(self.recording, self._options.cluster if self._own_ray else None)
        refuse_to_kill(self._calls.faults, nodes, own=self._own_ray)
        self.notes = nodes.notes
        if grows:
            command = self._given or self.command
            run = new_run(folder, command, recorded, DigestRules.of(runs[0].digest_rules))
            self._growing = RunFolder.extend(folder, run, socket.gethostname())
            if not foreign:
                make_own(folder)
        self._control = control_folder()
        try:
            self._begin(nodes, recorded)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _begin(self, found: ReplayNodes, recorded: RecordOptions) -> None:
        """Prepare what the loop sees of the files, and tell its drivers."""
        seems = self._artifact.recorded if self._artifact is not None else None
        self.files.begin(self.recording, self.directory, self._control, seems)
        self._session = Session(
            Mode.REPLAY,
            str(self.recording.folder),
            str(self._control),
            self._growing.run.id if self._growing else self.recording.contents.runs[0].id,
            began=time.time(),
            record=recorded,
            digest_rules=self.recording.contents.runs[0].digest_rules,
            replay=self._options,
            calls=self._calls,
            yaml=str(self.yaml or self._write_yaml()),
            resources=together(found.nodes),
            nodes=found.nodes[1:],
            clusters=found.clusters,
            rehearses=self._options.cluster is not None and self._own_ray,
            resume=self._resume,
            declared=declared_in(self.yaml),
            sandboxed=self.files.covers_all,
            working=str(self.directory),
            moved_from=self.files.moved_from,
            keywords=self._keywords,
            script=self._script,
            foreign=self.foreign,
        )
        self._session.save()

    @cached_property
    def foreign(self) -> bool:
        """Whether nothing tells that this user made or trusted the recording."""
        return is_foreign(self.recording.folder)

    @property
    def given(self) -> bool:
        """Whether the command was given, and is not that of the recording."""
        return bool(self._given)

    @property
    def faults_line(self) -> str:
        """The options that break the same calls again; empty without faults."""
        words = [f"--fault {shlex.quote(rule)}" for rule in self._calls.faults]
        return " ".join((*words, f"--fault-seed {self._options.fault_seed}")) if words else ""

    @property
    def policy(self) -> Policy:
        """What the options mean here, to foretell what happens."""
        return Policy.of(self._options, self._calls, resume=self._resume)

    def _write_yaml(self) -> Path:
        """A recording that was cut off has no YAML yet; it may be read-only, too."""
        yaml = self._control / BYPASS_YAML
        yaml.write_text(bypass_yaml(self.recording))
        return yaml

    @property
    def session(self) -> Session:
        """What the drivers are told."""
        return self._session

    @property
    def command(self) -> tuple[str, ...]:
        """The recorded command. Raises UsageError if a secret in it was not stored."""
        if self._given:
            return tuple(self._given)
        command = self.recording.contents.runs[0].command
        if any(REDACTED in word for word in command):
            shown = " ".join(command)
            raise UsageError(f"the recorded command has a secret in it: {shown}", "Give it: -- ...")
        return command if self._artifact is None else self._artifact.command_of(command)

    @property
    def directory(self) -> Path:
        """Where the recorded command ran, if that is still there; of another, where we are."""
        if self._artifact is not None:
            return self._artifact.working
        if self._given:
            return Path.cwd()
        recorded = self.recording.folder / self.recording.contents.runs[0].directory
        return recorded.resolve() if recorded.is_dir() else Path.cwd()

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """The environment in which the command has to run."""
        if self._artifact is not None:
            base = self._artifact.environment(base)
        return guard.guarded(environment.environment(str(self._session.file), base))

    def finish(self, status: int) -> Replayed:
        """What happened, after the command ended with ``status``; closes what was added."""
        self.files.look()
        replayed = self.so_far()
        if self._growing is not None:
            if self.files.moved_from:  # what it added is told by its own place
                here = Surroundings(str(self.directory))
                with suppress(OSError):
                    write_loop_files(self.recording.folder, self._growing.run.id, (), None, here)
            spoiled = close_run(self._growing, status, replayed.spoiled)
            self._growing = None
            if not self.foreign:
                make_own(self.recording.folder)
            grown = Recording.open(self.recording.folder, tolerant=True)
            yaml = self.yaml or self.recording.folder / BYPASS_YAML
            spoiled += write_yaml(yaml, grown_yaml(yaml, grown))
            replayed = replace(replayed, spoiled=spoiled)
        return replayed

    def so_far(self) -> Replayed:
        """What happened until now; what waits to be written is missing."""
        return Replayed(
            self.recording,
            settled(events(self._control)),
            bool(handshake.read(self._control)),
            spoiled_reasons(self._control),
            self._session.puts_back,
            LoopState() if self._options.ignore_inputs else self.files.loop,
        )

    def __exit__(self, *_: object) -> None:
        if self._growing is not None:
            self._growing.abandon()
        self.files.end()
        discard(self._control)


def _only_script(recording: Recording) -> str | None:
    """What drivers count as, by whichever name their script goes now: a renamed or copied loop, or
    one that a test runs, is the recorded one. None where several scripts were recorded.
    """
    scripts = {driver.path.rpartition(".")[0] for driver in recording.contents.drivers}
    return scripts.pop() if len(scripts) == 1 else None


def located(source: Path) -> tuple[Path, Path | None]:
    """The recording folder and the bypass YAML that ``source`` means."""
    source = source.absolute()
    if source.is_dir() or not source.exists():
        yaml = source / BYPASS_YAML
        if os.path.lexists(yaml) and not is_regular(source, BYPASS_YAML):
            raise RecordingCorrupt(yaml, "is a link, a pipe or a device, and no file", RESTORE)
        return source, yaml if os.path.isfile(yaml) else None  # noqa: PTH113 - closed: no error
    if is_recording(source.parent):
        return source.parent, source
    raise UsageError(
        f"{source} is not beside a recording",
        "Name the recording folder, or a bypass YAML inside it",
    )
