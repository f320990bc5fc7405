"""One `replay`: from a recording to the outcome, around a command that somebody runs."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chia_bypass.bypass import config
from chia_bypass.errors import UsageError
from chia_bypass.hook import environment, guard, handshake
from chia_bypass.recorder.yaml_file import bypass_yaml
from chia_bypass.recording.layout import BYPASS_YAML, is_recording
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import Call
from chia_bypass.recording.redaction import REDACTED, Redaction
from chia_bypass.replayer.feasible import together
from chia_bypass.replayer.outcomes import Event, Kind, events
from chia_bypass.replayer.shape import shape
from chia_bypass.session import Mode, Session


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay did."""

    recording: Recording
    events: tuple[Event, ...]
    entered: bool
    """Whether we got into a Python process of the command at all."""

    def count(self, kind: Kind) -> int:
        """How many calls went that way."""
        return sum(event.kind is kind for event in self.events)

    @property
    def served(self) -> Counter[str]:
        """How often each recorded call was served, by path."""
        return Counter(e.recorded for e in self.events if e.kind is Kind.SERVED and e.recorded)

    @property
    def unused(self) -> tuple[Call, ...]:
        """Recorded calls that were not asked for, without those below a call that was served."""
        served = self.served
        asked_for = {event.recorded for event in self.events}
        return tuple(
            call
            for call in self.recording.calls()
            if call.path not in asked_for
            and self.recording.result(call.path) is not None
            and not any(parent in served for parent in _ancestors(call.path))
        )

    @property
    def saved(self) -> float:
        """Seconds of recorded work, children in their parents, that was not done again."""
        seconds = 0.0
        for path, times in self.served.items():
            stored = self.recording.result(path)
            seconds += stored.result.seconds * times if stored else 0.0
        return seconds

    @property
    def drifted(self) -> tuple[Event, ...]:
        """Calls that were served although their arguments differ from the recorded ones."""
        return tuple(event for event in self.events if event.drift)

    @property
    def redacted(self) -> tuple[Call, ...]:
        """Calls whose results were served without what the rules of the recording hide."""
        stored = filter(None, map(self.recording.result, self.served))
        return tuple(s.result.call for s in stored if s.result.redacted)

    @property
    def misses(self) -> tuple[str, ...]:
        """The messages of the misses, each once."""
        found = (event.message for event in self.events if event.kind is Kind.MISSED)
        return tuple(dict.fromkeys(found))


def _ancestors(path: str) -> list[str]:
    parts = [part.partition("@")[0] for part in path.split("/")]
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


class ReplaySession:
    """Replays a recording to the drivers that one command starts. Use as a context manager."""

    def __init__(self, source: Path, options: Mapping[str, object], address: str | None) -> None:
        """``source``: a recording folder or a bypass YAML in one. Raises RecordingError."""
        folder, yaml = located(source)
        self.recording = Recording.open(folder)
        self._options, self._address = dict(options), address
        self._yaml = yaml

    def __enter__(self) -> ReplaySession:
        self._control = Path(tempfile.mkdtemp(prefix="chia-bypass-"))
        yaml = self._yaml or self._write_yaml()
        config.load(yaml)  # before anything is started
        nodes = shape(self.recording)
        self._session = Session(
            Mode.REPLAY,
            str(self.recording.folder),
            str(self._control),
            self.recording.contents.runs[0].id,
            resources=together(nodes),
            nodes=nodes[1:],
            address=self._address,
            options={**self._options, "yaml": str(yaml), "redact": self._redact()},
        )
        self._session.save()
        return self

    def _redact(self) -> list[tuple[str, str]]:
        """The rules of every run that wrote here, as a session carries them."""
        rules = Redaction.of_runs(self.recording.contents.runs).rules
        return [(rule.pattern, rule.function) for rule in rules]

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
        command = self.recording.contents.runs[0].command
        if any(REDACTED in word for word in command):
            shown = " ".join(command)
            raise UsageError(f"the recorded command has a secret in it: {shown}", "Give it: -- ...")
        return command

    @property
    def directory(self) -> Path:
        """Where the recorded command ran, if that is still there, else the working directory."""
        recorded = self.recording.folder / self.recording.contents.runs[0].directory
        return recorded.resolve() if recorded.is_dir() else Path.cwd()

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """The environment in which the command has to run."""
        return guard.guarded(environment.environment(str(self._session.file), base))

    def finish(self) -> Replayed:
        """What happened, after the command ended."""
        entered = bool(handshake.read(self._control))
        return Replayed(self.recording, tuple(events(self._control)), entered)

    def __exit__(self, *_: object) -> None:
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
        found.setdefault(event.function, Counter())[event.kind] += 1
    return found
