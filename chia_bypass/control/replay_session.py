"""One `replay`: from a recording to the outcome, around a command that somebody runs."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Final

from chia_bypass.bypass.parser import load_config
from chia_bypass.control import environment, handshake
from chia_bypass.control.bypass_yaml import bypass_yaml, grown_yaml
from chia_bypass.control.cluster_shape import Shape, shape
from chia_bypass.control.declared_files import declared_in
from chia_bypass.control.drift_causes import Cause, causes
from chia_bypass.control.dry_files import DryFiles
from chia_bypass.control.files_put_back import FilesPutBack, files_put_back
from chia_bypass.control.foreign_rules import check_yaml, recorded_rules
from chia_bypass.control.named_calls import named_calls
from chia_bypass.control.private_folder import control_folder
from chia_bypass.control.record_session import close_run, new_run, write_yaml
from chia_bypass.control.unpacked_artifact import UnpackedArtifact
from chia_bypass.errors import RecordingCorrupt, UsageError
from chia_bypass.exit_status import ExitStatus
from chia_bypass.fault_rules import FaultKind, FaultRule
from chia_bypass.hook import guard
from chia_bypass.loop_files.compare import LoopState
from chia_bypass.names import short_name
from chia_bypass.options import RecordOptions, ReplayOptions, SandboxOptions
from chia_bypass.ownership.whose import is_foreign, make_own
from chia_bypass.plan.before_recording import refuse
from chia_bypass.plan.check import check
from chia_bypass.plan.cluster_file import described
from chia_bypass.plan.rehearsal import Stage, free_memory, stage
from chia_bypass.record_engine.failures import spoiled_reasons
from chia_bypass.recording.confined import is_regular
from chia_bypass.recording.folder import RunFolder
from chia_bypass.recording.layout import BYPASS_YAML, is_recording
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import Call
from chia_bypass.recording.segments import RESTORE
from chia_bypass.replay_engine.events import Event, Kind, events, settled
from chia_bypass.replay_engine.miss_reasons import MissReason
from chia_bypass.replay_engine.policy import Policy
from chia_bypass.replay_engine.resources import together
from chia_bypass.session import Mode, Session
from chia_bypass.values.redactor import REDACTED


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay did."""

    recording: Recording
    events: tuple[Event, ...]
    entered: bool
    """Whether we got into a Python process of the command at all."""
    spoiled: tuple[str, ...] = ()
    """Why results were not added that the loop has seen."""
    puts_back: bool = True
    """Whether files that served calls had left were put back at all."""
    loop: LoopState = field(default_factory=LoopState)
    """How the files were that the loop itself reads."""

    def count(self, kind: Kind) -> int:
        """How many calls went that way."""
        return sum(event.kind is kind for event in self.events)

    @property
    def served(self) -> Counter[str]:
        """How often each recorded call was served, by path."""
        return Counter(e.recorded for e in self.events if e.kind is Kind.SERVED and e.recorded)

    @property
    def unused(self) -> tuple[Call, ...]:
        """Recorded calls that were not asked for, without those that served calls had made.

        Those are the calls below a served one, and what a plain actor or task dispatched while a
        served call was running: it may have been asked to, by that call.
        """
        served = self.served
        asked_for = {event.recorded for event in self.events}
        index = self.recording.index
        unused = (
            path
            for path in index.paths
            if path not in asked_for
            and index.has_answer(path)
            and not any(parent in served for parent in _ancestors(path))
        )
        calls = [self.recording.contents.calls[path] for path in unused]
        ran = self._served_times() if any(map(_by_plain_process, calls)) else ()
        return tuple(
            call
            for call in calls
            if not (_by_plain_process(call) and any(a <= call.dispatched <= b for a, b in ran))
        )

    def _served_times(self) -> tuple[tuple[float, float], ...]:
        """When each of the served calls ran as it was recorded: from, until, in Unix seconds."""
        stored = filter(None, map(self.recording.result, self.served))
        return tuple((s.result.started, s.result.finished) for s in stored)

    @property
    def saved(self) -> float:
        """Seconds of recorded work, children in their parents, that was not done again."""
        seconds = 0.0
        index = self.recording.index
        for path, times in self.served.items():
            number = index.number_of.get(path)
            position = None if number is None else index.newest(number)
            seconds += 0.0 if position is None else index.columns["seconds"][position] * times
        return seconds

    @property
    def drifted(self) -> tuple[Event, ...]:
        """Calls that were served although their arguments differ from the recorded ones."""
        return tuple(event for event in self.events if event.drift)

    @property
    def redacted(self) -> tuple[Call, ...]:
        """Calls whose results were served without what the rules of the recording hide."""
        if not any(run.redact for run in self.recording.contents.runs):
            return ()
        stored = filter(None, map(self.recording.result, self.served))
        return tuple(s.result.call for s in stored if s.result.redacted)

    @property
    def causes(self) -> tuple[Cause, ...]:
        """What set off drift, and real calls with other arguments than the recorded ones."""
        events = (event for event in self.events if event.kind is not Kind.MISSED)
        return causes(tuple(events))

    @property
    def reached_end(self) -> bool:
        """Whether a recording that was cut off was served to its end, and the loop went on."""
        contents = self.recording.contents
        if self.recording.complete and contents.closed[-1].status == 0:
            return False
        reasons = {event.reason for event in self.events if event.kind is Kind.MISSED}
        beyond = {MissReason.NEVER_RECORDED, MissReason.EXHAUSTED, MissReason.OTHER_ARGUMENTS}
        cut_off = MissReason.UNFINISHED.value
        at_end = cut_off in reasons or not self.unused
        return bool(reasons) and at_end and reasons <= {cut_off, *(r.value for r in beyond)}

    def exit_status(self, status: int, *, strict: bool = False) -> int:
        """Ours, for a command that ended with ``status``: its own failure wins, unless it missed.

        ``strict``: drift and unused recordings count, too.
        """
        if self.misses:
            reasons = {e.reason for e in self.events if e.kind is Kind.MISSED}
            if strict and (self.loop.changed or reasons == {MissReason.OTHER_INPUTS.value}):
                return ExitStatus.DRIFTED
            if self.reached_end:
                return ExitStatus.INCOMPLETE
            stale = MissReason.STALE.value in reasons
            return ExitStatus.STALE if stale else ExitStatus.MISSED
        if status:
            return status
        if self.spoiled:
            return ExitStatus.SPOILED
        drifted = self.loop.changed or self.drifted or self.changed_sources or self.out_of_order
        if strict and (drifted or self.files.conflicts):
            return ExitStatus.DRIFTED
        # What a loop does not come to since a call broke is a consequence of the fault.
        unused = strict and self.unused and not self.faulted
        return ExitStatus.UNUSED if unused else ExitStatus.OK

    @property
    def faulted(self) -> tuple[Event, ...]:
        """The dispatches that a fault broke."""
        return tuple(event for event in self.events if event.kind is Kind.FAULTED)

    @property
    def faults(self) -> tuple[str, ...]:
        """Each call that broke, and how it went on, as words."""
        broken: dict[str, list[Event]] = {}
        for event in self.faulted:
            broken.setdefault(event.recorded or event.path, []).append(event)
        return tuple(
            f"{short_name(all_[0].function)} at {path} by {all_[0].message}, "
            + self._went_on(path, all_)
            for path, all_ in broken.items()
        )

    def _went_on(self, path: str, broken: Sequence[Event]) -> str:
        if path in self.served:
            return "recovered by the loop"
        return "recovered by Ray" if broken[-1].recovered else "not made again"

    @property
    def changed_sources(self) -> tuple[str, ...]:
        """Functions that were served although their source is not the recorded one."""
        found = (e.function for e in self.events if e.source_changed and e.kind is Kind.SERVED)
        return tuple(dict.fromkeys(found))

    @property
    def out_of_order(self) -> tuple[str, ...]:
        """Which calls did not come in the recorded order."""
        return tuple(e.message for e in self.events if e.kind is Kind.OUT_OF_ORDER)

    @property
    def changed_inputs(self) -> tuple[str, ...]:
        """What served and real calls read that is not as it was, each once."""
        found = (text for e in self.events if e.kind is not Kind.MISSED for text in e.changed)
        return tuple(dict.fromkeys(found))

    @property
    def not_checked(self) -> Mapping[str, int]:
        """What this replay could not find out, and how often."""
        counts = {
            "inputs that are not here": sum(e.absent for e in self.events) + self.loop.absent,
            "inputs beyond --inputs-limit": sum(event.unchecked for event in self.events),
        }
        told = Counter(e.message for e in self.events if e.kind is Kind.UNCHECKED)
        counts.update(sorted(told.items()))
        return {what: times for what, times in counts.items() if times}

    @property
    def made_again(self) -> Mapping[str, int]:
        """Methods of actors that served calls had called, and how often they were called again."""
        return Counter(e.function for e in self.events if e.kind is Kind.MADE_AGAIN)

    @property
    def files(self) -> FilesPutBack:
        """What became of the files that served calls had left."""
        return files_put_back(self.recording, self.events, self.served, puts_back=self.puts_back)

    @property
    def misses(self) -> tuple[str, ...]:
        """The messages of the misses, each once."""
        found = (event.message for event in self.events if event.kind is Kind.MISSED)
        return tuple(dict.fromkeys(found))


def _by_plain_process(call: Call) -> bool:
    """Whether a plain actor or task dispatched it, not the driver and not another call."""
    _, _, dispatcher = call.parent.rpartition("/")
    return "/" in call.parent and not dispatcher.partition("@")[0].isdecimal()


def _ancestors(path: str) -> list[str]:
    parts = [part.partition("@")[0] for part in path.split("/")]
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


MOST_NODES: Final = 64
"""Nodes of the Ray that a replay starts: each is some processes of this machine."""


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
    ) -> None:
        """``source``: a recording folder or a bypass YAML in one; ``command``: the recorded one.

        For ``script`` and ``resume`` see `Session`; ``sandbox`` is None where there can be none;
        ``artifact`` is what ``source`` is from.
        Raises RecordingError and UsageError.
        """
        folder, self.yaml = located(source)
        self.recording = Recording.open(folder)
        if not self.recording.contents.runs:
            raise RecordingCorrupt(folder, "lists no run: it was cut off as it began", RESTORE)
        self._options, self._calls = options, named_calls(self.recording, options)
        self._own_ray = options.address is None and not resume
        self._given, self._script, self._resume = command, script, resume
        self._growing: RunFolder | None = None
        self._artifact = artifact
        nowhere = None if resume else sandbox
        self.files = DryFiles.of(nowhere, on_cluster=options.address is not None)
        self.notes: tuple[str, ...] = ()
        """What is worth knowing about the nodes of a rehearsal, once it has begun."""

    def __enter__(self) -> ReplaySession:
        folder, foreign = self.recording.folder, self.foreign
        if self.yaml is not None:  # before anything is started
            rules = load_config(self.yaml)
            if foreign:
                check_yaml(rules, self._options, folder)
        self._check_size()
        grows = self._options.on_miss == "record"
        runs = self.recording.contents.runs
        recorded = recorded_rules(runs, folder, foreign=foreign, grows=grows)
        nodes = self._stage()
        self._refuse_to_kill_nodes(len(nodes.nodes) > 1)
        if grows:
            run = new_run(folder, self._given or self.command, recorded)
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

    def _begin(self, found: Shape | Stage, recorded: RecordOptions) -> None:
        """Prepare what the loop sees of the files, and tell its drivers."""
        seems = self._artifact.recorded if self._artifact is not None else None
        self.files.begin(self.recording, self.directory, self._control, seems)
        self._session = Session(
            Mode.REPLAY,
            str(self.recording.folder),
            str(self._control),
            self._growing.run.id if self._growing else self.recording.contents.runs[0].id,
            record=recorded,
            replay=self._options,
            calls=self._calls,
            yaml=str(self.yaml or self._write_yaml()),
            resources=together(found.nodes),
            nodes=found.nodes[1:],
            clusters=found.clusters,
            rehearses=self._options.cluster is not None and self._own_ray,
            resume=self._resume,
            ended_well=self.recording.tells_all_ends,
            declared=declared_in(self.yaml),
            sandboxed=self.files.covers_all,
            script=self._script,
            foreign=self.foreign,
        )
        self._session.save()

    def _check_size(self) -> None:
        """Raise UsageError before a Ray of more nodes is started than a machine can have."""
        contents = self.recording.contents
        offered = max((len(cluster.nodes) for cluster in contents.clusters), default=0)
        wanted = {"STRICT_SPREAD": sys.maxsize, "SPREAD": offered}
        spread = (min(len(g.bundles), wanted.get(g.strategy, 0)) for g in contents.groups)
        most = max(spread, default=0)
        if most > MOST_NODES and self._options.address is None and not self._resume:
            raise UsageError(
                f"a replay would need a Ray of {most} nodes, more than {MOST_NODES}",
                "Name a cluster with --address",
            )

    @cached_property
    def foreign(self) -> bool:
        """Whether nothing tells that this user made or trusted the recording."""
        return is_foreign(self.recording.folder)

    @property
    def given(self) -> bool:
        """Whether the command was given, and is not that of the recording."""
        return bool(self._given)

    def _stage(self) -> Shape | Stage:
        """The nodes of a Ray of the replay's own. Raises NeverPlaced and UsageError."""
        if self._options.cluster is None or not self._own_ray:
            return shape(self.recording)
        cluster = described(self._options.cluster, self.recording)
        refuse(check(self.recording, cluster))
        found = stage(self.recording, cluster, free_memory(), os.cpu_count() or 1)
        self.notes = found.notes
        return found

    def _refuse_to_kill_nodes(self, several: bool) -> None:
        """Raises UsageError for a fault that kills a node which is not ours, or the driver's."""
        rules = [rule for rule in self._calls.faults if FaultRule.of(rule).kind is FaultKind.NODE]
        if rules and not (self._own_ray and several):
            why = "has one node, the driver's" if self._own_ray else "runs on nodes of others"
            raise UsageError(f"--fault {rules[0]}: this replay {why}, and none is killed there")

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
        shutil.rmtree(self._control, ignore_errors=True)


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


def totals(events_: Sequence[Event]) -> Mapping[str, Counter[Kind]]:
    """Per function, how many calls went which way."""
    found: dict[str, Counter[Kind]] = {}
    for event in events_:
        # About calls, or about what the loop did, but no calls themselves.
        if event.kind in (Kind.OUT_OF_ORDER, Kind.PUT_BACK, Kind.MADE_AGAIN, Kind.UNCHECKED):
            continue
        found.setdefault(event.function, Counter())[event.kind] += 1
    return found
