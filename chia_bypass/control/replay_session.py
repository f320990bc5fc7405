"""One `replay`: from a recording to the outcome, around a command that somebody runs."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from chia_bypass.bypass.parser import load_config
from chia_bypass.control import environment, handshake
from chia_bypass.control.bypass_yaml import bypass_yaml, grown_yaml
from chia_bypass.control.cluster_shape import shape
from chia_bypass.control.drift_causes import Cause, causes
from chia_bypass.control.named_calls import named_calls
from chia_bypass.control.record_session import close_run, new_run, write_yaml
from chia_bypass.errors import UsageError
from chia_bypass.exit_status import ExitStatus
from chia_bypass.hook import guard
from chia_bypass.options import ReplayOptions
from chia_bypass.record_engine.failures import spoiled_reasons
from chia_bypass.recording.folder import RunFolder
from chia_bypass.recording.layout import BYPASS_YAML, is_recording
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import Call
from chia_bypass.recording.redaction import Redaction
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
            if strict and reasons == {MissReason.OTHER_INPUTS.value}:
                return ExitStatus.DRIFTED
            if self.reached_end:
                return ExitStatus.INCOMPLETE
            stale = MissReason.STALE.value in reasons
            return ExitStatus.STALE if stale else ExitStatus.MISSED
        if status:
            return status
        if self.spoiled:
            return ExitStatus.SPOILED
        if strict and (self.drifted or self.changed_sources or self.out_of_order):
            return ExitStatus.DRIFTED
        return ExitStatus.UNUSED if strict and self.unused else ExitStatus.OK

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
            "inputs that are not here": sum(event.absent for event in self.events),
            "inputs beyond --inputs-limit": sum(event.unchecked for event in self.events),
        }
        return {what: times for what, times in counts.items() if times}

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
    ) -> None:
        """``source``: a recording folder or a bypass YAML in one; ``command``: the recorded one.

        For ``script`` and ``resume`` see `Session`. Raises RecordingError and UsageError.
        """
        folder, self.yaml = located(source)
        self.recording = Recording.open(folder)
        self._options, self._calls = options, named_calls(self.recording, options)
        self._given, self._script, self._resume = command, script, resume
        self._growing: RunFolder | None = None

    def __enter__(self) -> ReplaySession:
        if self.yaml is not None:
            load_config(self.yaml)  # before anything is started
        folder = self.recording.folder
        recorded = Redaction.of_runs(self.recording.contents.runs).options
        if self._options.on_miss == "record":
            run = new_run(folder, self._given or self.command, recorded)
            self._growing = RunFolder.extend(folder, run, socket.gethostname())
        self._control = Path(tempfile.mkdtemp(prefix="chia-bypass-"))
        found = shape(self.recording)
        self._session = Session(
            Mode.REPLAY,
            str(folder),
            str(self._control),
            self._growing.run.id if self._growing else self.recording.contents.runs[0].id,
            record=recorded,
            replay=self._options,
            calls=self._calls,
            yaml=str(self.yaml or self._write_yaml()),
            resources=together(found.nodes),
            nodes=found.nodes[1:],
            clusters=found.clusters,
            resume=self._resume,
            ended_well=self.recording.tells_all_ends,
            script=self._script,
        )
        self._session.save()
        return self

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
        return command

    @property
    def directory(self) -> Path:
        """Where the recorded command ran, if that is still there; of another, where we are."""
        if self._given:
            return Path.cwd()
        recorded = self.recording.folder / self.recording.contents.runs[0].directory
        return recorded.resolve() if recorded.is_dir() else Path.cwd()

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """The environment in which the command has to run."""
        return guard.guarded(environment.environment(str(self._session.file), base))

    def finish(self, status: int) -> Replayed:
        """What happened, after the command ended with ``status``; closes what was added."""
        replayed = self.so_far()
        if self._growing is not None:
            spoiled = close_run(self._growing, status, replayed.spoiled)
            self._growing = None
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
        )

    def __exit__(self, *_: object) -> None:
        if self._growing is not None:
            self._growing.abandon()
        shutil.rmtree(self._control, ignore_errors=True)


def located(source: Path) -> tuple[Path, Path | None]:
    """The recording folder and the bypass YAML that ``source`` means."""
    source = source.absolute()
    if source.is_dir() or not source.exists():
        yaml = source / BYPASS_YAML
        return source, yaml if yaml.is_file() else None
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
        if event.kind is Kind.OUT_OF_ORDER:  # about a call that may never have been made
            continue
        found.setdefault(event.function, Counter())[event.kind] += 1
    return found
