"""Finding out what in an envelope made a dispatch fail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ray import cloudpickle

from chia_bypass.errors import NotPicklable
from chia_bypass.function.envelope import BypassedCall, Envelope


def not_picklable(function: str, envelope: Envelope | bytes) -> NotPicklable | None:
    """The error about the first part of ``envelope`` that cannot be pickled, or None."""
    if isinstance(envelope, bytes):  # it was pickled already
        return None
    for owner, role, suspect in _suspects(function, envelope):
        try:
            cloudpickle.dumps(suspect)  # type: ignore[no-untyped-call]
        except Exception as error:  # objects may raise anything from their own reduce methods
            return NotPicklable(owner, role, repr(suspect), f"{type(error).__name__}: {error}")
    return None


def _suspects(function: str, envelope: Envelope) -> Iterator[tuple[str, str, Any]]:
    """What users put into an envelope: whose it is, what it is for, and the object."""
    if envelope.state is not None:
        for name, provider in envelope.state["providers"].items():
            yield name, "provider", provider
        for name, cond in envelope.state["conds"].items():
            yield name, "condition", cond
    if isinstance(envelope, BypassedCall):
        yield function, "provider", envelope.provider
    elif envelope.hooks is not None:
        hooks = envelope.hooks
        yield function, "setup hook", (hooks.setup, *hooks.setup_args)
        yield function, "cleanup hook", (hooks.cleanup, *hooks.cleanup_args)
