"""What travels with a call to its worker, besides the call's own arguments."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from ray import cloudpickle

from chia_bypass.engine import Provider, Token
from chia_bypass.errors import NotPicklable

_logger = logging.getLogger("chia_bypass")

State = Mapping[str, Any]
"""The state of the caller's Bypass, as ``Bypass.get_state`` gives it."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What runs on the worker before and after the real function."""

    setup: Callable[..., Any] | None
    setup_args: tuple[Any, ...]
    cleanup: Callable[..., Any] | None
    cleanup_args: tuple[Any, ...]

    @contextmanager
    def around(self) -> Iterator[None]:
        """Setup, then the body, then cleanup.

        A setup that raises ends the call: body and cleanup are skipped. A cleanup that raises is
        logged, and the outcome of the body stands.
        """
        if self.setup is not None:
            self.setup(*self.setup_args)
        try:
            yield
        finally:
            self._clean_up()

    def _clean_up(self) -> None:
        if self.cleanup is None:
            return
        try:
            self.cleanup(*self.cleanup_args)
        except Exception:  # the result of the call is worth more than a failed teardown
            _logger.exception("cleanup hook failed; the outcome of the call stands")


class RealCall(NamedTuple):
    """The envelope of a call that runs the real function."""

    state: State | None = None
    """None: no Bypass is active."""
    hooks: Hooks | None = None
    token: Token | None = None
    """Wraps hooks and function, where a recording or replay goes on."""


class BypassedCall(NamedTuple):
    """The envelope of a call that a provider answers."""

    state: State | None
    """None: no Bypass is active, and a replay serves the call."""
    provider: Provider
    tag: str | None
    data: str | None


Envelope = RealCall | BypassedCall


def seal(envelope: Envelope, *, plain: bool) -> Envelope | bytes:
    """How it travels; ``plain``: what a Plan says of the provider or token in it."""
    hooks = isinstance(envelope, RealCall) and envelope.hooks is not None
    if not plain or hooks or envelope.state is not None:
        return envelope
    return pickle.dumps(envelope)


def unseal(sealed: Envelope | bytes | None) -> Any:
    """The envelope, if there is one."""
    return pickle.loads(sealed) if isinstance(sealed, bytes) else sealed


ENVELOPE = "_chia_envelope"
"""The keyword by which an envelope travels. A plain call has none, so that it is, to Ray, the call
that a loop would have written by hand."""

RENAMED = "_chia_keyword_self"
"""How a keyword argument ``self`` travels: Ray's own submit method has a parameter of that name."""


KEYWORDS = frozenset(
    {
        "_chia_tag",
        "_chia_setup",
        "_chia_setup_args",
        "_chia_cleanup",
        "_chia_cleanup_args",
        "_chia_display_name",
    }
)


@dataclass(frozen=True, slots=True)
class Reserved:
    """What the reserved keywords of one dispatch said."""

    tag: str | None
    hooks: Hooks | None

    @staticmethod
    def taken_from(kwargs: dict[str, Any]) -> Reserved:
        """Removes the reserved keywords from ``kwargs``."""
        taken = {key: kwargs.pop(key) for key in KEYWORDS & kwargs.keys()}
        setup, cleanup = taken.get("_chia_setup"), taken.get("_chia_cleanup")
        hooks = None
        if setup is not None or cleanup is not None:
            hooks = Hooks(
                setup,
                tuple(taken.get("_chia_setup_args") or ()),
                cleanup,
                tuple(taken.get("_chia_cleanup_args") or ()),
            )
        return Reserved(taken.get("_chia_tag"), hooks)


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
