"""The seam between dispatching a ChiaFunction and recording or replaying it.

Whoever dispatches (our ``ChiaFunction``, or the hook inside CHIA's own) describes the call
as a :class:`Dispatch`, asks the engine of the process for a :class:`Plan`, submits to Ray what
the plan says, and tells the plan which references came back. On the worker, the plan's
:class:`Token` wraps the real function. That is all that either side knows of the other.

This module imports nothing but the standard library: it travels to workers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple, Protocol, TypeVar

R = TypeVar("R")

Provider = Callable[..., Any]
"""``provider(tag, data_path, *args, **kwargs) -> value``, run on the worker."""


@dataclass(frozen=True, slots=True)
class Dispatch:
    """One call of a ChiaFunction at the moment it is dispatched."""

    function: Callable[..., Any]
    """The undecorated function."""
    tag: str | None
    """``_chia_tag``, or None."""
    args: tuple[Any, ...]
    """Positional arguments, reserved keywords already taken out; may hold ObjectRefs."""
    kwargs: Mapping[str, Any]
    options: Mapping[str, Any]
    """Ray options of the call: the decorator's merged with ``.options(...)``."""


class Invocation(NamedTuple):
    """What a worker is about to call: references among the arguments are resolved by now."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    task: Callable[..., Any]
    """What runs it, by whose module and name Ray shows the task in its errors."""

    @property
    def call(self) -> tuple[Callable[..., Any], tuple[Any, ...], Mapping[str, Any]]:
        """The function and its arguments alone."""
        return self.function, self.args, self.kwargs


class Token(Protocol):
    """What travels with a real call to its worker; must be picklable."""

    def run(self, body: Callable[[], R], invocation: Invocation) -> R:
        """Run ``body``, which is ``invocation``, as this call: its outcome is the loop's."""
        ...


def _ignore(references: Any) -> None:
    """The default of :attr:`Plan.dispatched`: nobody needs to know."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do with a dispatch: serve it (``provider`` set) or run it for real."""

    provider: Provider | None = None
    """Computes the value on the worker in place of the function."""
    data: str | None = None
    """Second argument of the provider."""
    token: Token | None = None
    """Wraps the real function on the worker; None: it runs bare."""
    plain: bool = False
    """Provider or token hold nothing but classes of ours and bytes, no references and nothing of
    the loop's: `pickle` alone can carry them, a tenth of the work that Ray's pickling is."""
    dispatched: Callable[[Any], None] = field(default=_ignore)
    """To be called with what Ray returned: a reference, a list of them, or a generator."""


class PlainWait(Protocol):
    """``ray.wait`` itself: references, how many of them, seconds."""

    def __call__(
        self, references: list[Any], number: int, seconds: float | None, /
    ) -> tuple[list[Any], list[Any]]: ...


class Completions(Protocol):
    """How the loop learns that calls have finished: it may decide on which come first."""

    def wait(
        self, plain: PlainWait, references: list[Any], num_returns: int, timeout: float | None
    ) -> tuple[list[Any], list[Any]]:
        """What ``ray.wait`` returns or raises."""
        ...

    def get(
        self,
        plain: Callable[[], R],
        references: list[Any],
        plain_wait: PlainWait,
        timeout: float | None,
    ) -> R:
        """What ``plain``, a ``ray.get`` of ``references``, returns or raises."""
        ...

    def finished(self, reference: Any, future: Future[Any], hand_over: Callable[[], None]) -> None:
        """The result of ``reference`` is there for ``future``, to be handed over some time.

        Called by a thread of Ray's, which must not wait.
        """
        ...

    def told(self, references: Sequence[Any], error: Exception) -> Exception:
        """What the loop is told of ``references`` in place of ``error``, Ray's."""
        ...


class Unanswered(str, Enum):
    """Why a call gives its loop no answer of its own."""

    CANCELLED = "cancelled"
    RESUBMITTED = "resubmitted"
    """CHIA took it for stuck, cancelled it and dispatched it again, which the loop does not see."""
    INTERRUPTED = "interrupted"
    """Ray cancelled it while it ran, and tells the loop so: its worker may have noted nothing."""
    LOST = "lost"
    """Its worker or node died, and Ray has no retry left: the loop gets an error of Ray's own."""


class Engine(Protocol):
    """Records or replays the calls of this process."""

    def plan(self, dispatch: Dispatch) -> Plan:
        """Name the call and decide what happens to it. Raises a miss, never swallows it."""
        ...

    def bypassed(self, dispatch: Dispatch) -> None:
        """Count a call that the loop's own Bypass serves."""
        ...

    def stored(self, reference: Any, value: Any) -> None:
        """``ray.put`` returned ``reference`` for ``value``."""
        ...

    def unanswered(
        self, reference: Any, how: Unanswered, error: BaseException | None = None
    ) -> None:
        """This process learned that the call behind ``reference`` has no answer."""
        ...

    def completions(self) -> Completions | None:
        """What watches or orders completions, if anything does."""
        ...

    def flush(self) -> None:
        """Write all that waits to be written."""
        ...

    def ran_in_place(self, function: Callable[..., Any]) -> None:
        """Count an in-place call, which is neither captured nor served."""
        ...

    def started(self, kind: str, name: str, process: bytes) -> None:
        """A plain Ray ``actor`` or ``task`` was started here: count it, and tell it who it is.

        Or a ``provider`` of the loop's own Bypass, which is counted as a call of its function.
        It may dispatch calls of its own. ``process`` is its actor or task id.
        """
        ...

    def asks(self, actor: Any, method: str, args: Any, kwargs: Any) -> None:
        """A method of a plain actor is about to be called with these."""
        ...

    def asked(self, actor: Any, method: str, returned: Any) -> None:
        """A method of a plain actor was called, and Ray ``returned`` a reference or several."""
        ...


_current: Engine | None = None


def current() -> Engine | None:
    """The engine that records or replays this process, or None."""
    return _current


def activate(engine: Engine | None) -> Engine | None:
    """Make ``engine`` the one of this process; returns the one that was."""
    global _current
    previous, _current = _current, engine
    return previous


@contextmanager
def activated(engine: Engine | None) -> Iterator[None]:
    """Inside, ``engine`` is that of this process."""
    previous = activate(engine)
    try:
        yield
    finally:
        activate(previous)
