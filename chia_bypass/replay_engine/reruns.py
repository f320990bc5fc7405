"""What the YAML calls a failure: ``failed: {success: false}``. Data is compared, nothing is run."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chia_bypass.bypass.config import Entry
from chia_bypass.recording.records import Outcome, Result
from chia_bypass.replay_engine.policy import Policy
from chia_bypass.values.class_lookup import Sketch

Failing = Mapping[str, tuple[object, ...]]
"""Field or key of a value -> what it holds when the value means failure."""


def runs_again(
    policy: Policy, entry: Entry | None, result: Result, value: Callable[[], object]
) -> bool:
    """Whether the policy has a call run again that ended with ``result``.

    ``value`` gives what it returned, and is asked only where that decides.
    """
    if result.outcome is Outcome.EXCEPTION:
        return policy.rerun_exceptions
    if not policy.rerun_failures or entry is None or not entry.failed:
        return False
    return result.outcome is Outcome.VALUE and means_failure(value(), entry.failed)


def means_failure(value: object, failing: Failing) -> bool:
    """Whether one of the fields or keys of ``value`` holds what means failure.

    ``value`` is a mapping, or an object as `Sketches` rebuild it. A field that it lacks says
    nothing.
    """
    fields = _fields(value)
    return any(
        name in fields and any(_same(fields[name], wrong) for wrong in wrongs)
        for name, wrongs in failing.items()
    )


def _fields(value: object) -> Mapping[object, object]:
    if isinstance(value, Sketch):
        inner = value.content if isinstance(value.content, Mapping) else {}
        return {**inner, **value.state}
    return value if isinstance(value, Mapping) else {}


def _same(found: object, wrong: object) -> bool:
    """Equal, and no truth value taken for a number."""
    if isinstance(found, Sketch):  # an enum, or a subclass of a builtin
        found = found.content
    return isinstance(found, bool) == isinstance(wrong, bool) and found == wrong
