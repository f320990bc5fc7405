"""What a replay would run for real, told from the recording alone: the `--dry-run`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median

from chia_bypass import demands
from chia_bypass.bypass.config import BypassConfig, Entry
from chia_bypass.names import find
from chia_bypass.recording.call_tree import Row, rows
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import Outcome
from chia_bypass.recording.sketched import sketched
from chia_bypass.replay_engine.decision import Asked, Rules, why_live
from chia_bypass.replay_engine.matcher import Found
from chia_bypass.replay_engine.policy import OnMiss, Policy
from chia_bypass.replay_engine.reruns import runs_again

UNFINISHED = "it never finished"


@dataclass
class Expected:
    """Calls of one function that would run, for one reason."""

    function: str
    why: str
    calls: list[str] = field(default_factory=list)
    """Their paths."""
    seconds: float = 0.0
    """What they took when they were recorded; of unfinished ones, what others of it took."""

    @property
    def estimated(self) -> bool:
        """Whether nobody knows what they took."""
        return self.why == UNFINISHED

    needs: dict[str, float] = field(default_factory=dict)
    """The most that one of them asks for, of each resource."""


def every_function(recording: Recording) -> BypassConfig:
    """What stands for the bypass YAML of a recording that was cut off before it had one."""
    index = recording.index
    names = set(map(index.function, range(len(index))))
    return BypassConfig(entries=dict.fromkeys(names, Entry(bypass=True)))


def forecast(recording: Recording, policy: Policy, yaml: BypassConfig) -> list[Expected]:
    """What would run for real of the recorded calls; what the loop asks for beyond is not known.

    Calls below served ones are left out, since nobody dispatches them.
    """
    usual = _usual(recording)
    found: dict[tuple[str, str], Expected] = {}
    for row, why in _real(recording, policy, yaml):
        name = row.call.function
        expected = found.setdefault((name, why), Expected(name, why))
        expected.calls.append(row.call.path)
        expected.seconds += row.result.seconds if row.result else usual.get(name, 0.0)
        for resource, amount in demands.of_task(row.call.options).items():
            expected.needs[resource] = max(amount, expected.needs.get(resource, 0.0))
    return list(found.values())


def _real(recording: Recording, policy: Policy, yaml: BypassConfig) -> Iterator[tuple[Row, str]]:
    real: set[str] = set()
    for row in rows(recording):
        if row.depth and row.call.parent.partition("@")[0] not in real:
            continue
        why = _why(recording, row, policy, find(yaml.entries, row.call.function))
        if why is not None:
            real.add(row.call.path)
            yield row, why


def _why(recording: Recording, row: Row, policy: Policy, entry: Entry | None) -> str | None:
    call, stored = row.call, recording.result(row.call.path)
    if stored is None and recording.tells_all_ends:
        return None  # the loop gave it up
    if stored is None:
        return UNFINISHED if policy.on_miss is not OnMiss.FAIL else None
    if stored.result.outcome in (Outcome.CANCELLED, Outcome.RESUBMITTED):
        return None
    failed = runs_again(policy, entry, stored.result, lambda: sketched(recording, stored))
    why = why_live(Asked(call, entry, Found(stored, ()), failed=failed), Rules(policy))
    return None if why is None else why.value


def _usual(recording: Recording) -> Mapping[str, float]:
    """The median duration of each function's finished calls, in seconds."""
    index, seconds = recording.index, dict[str, list[float]]()
    for number in range(len(index)):
        newest = index.newest(number)
        if newest is not None:
            took = index.columns["seconds"][newest]
            seconds.setdefault(index.function(number), []).append(took)
    return {function: median(times) for function, times in seconds.items()}
