"""On the worker: a served call that breaks first."""

from __future__ import annotations

import os
import pickle
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import ray

from chia_bypass import ray_private
from chia_bypass.engine import Invocation, Token
from chia_bypass.errors import UsageError
from chia_bypass.fault_rules import FaultKind
from chia_bypass.replay_engine.faults import Fault, exception_of
from chia_bypass.replay_engine.provider import Answer, Pending, hold

R = TypeVar("R")

_PATIENCE = 60.0
"""Seconds for a result to be there that is to be lost."""
_FOR_EVER = 10.0**8


@dataclass(frozen=True, slots=True)
class Break:
    """What goes wrong."""

    fault: Fault
    error: bytes = b""
    """The exception, pickled as Ray pickles; empty for what raises none."""
    driver_node: str = ""
    """The node that must live."""

    def happen(self) -> None:
        """Break, if this attempt of the call is to."""
        if ray_private.attempt_number() >= self.fault.tries:
            return
        kind = self.fault.kind
        if kind is FaultKind.EXCEPTION:
            raise pickle.loads(self.error)
        if kind is FaultKind.CRASH:
            _die()
        if kind is FaultKind.NODE:
            self._kill_node()
        if kind is FaultKind.SLOW:
            hold(float(self.fault.argument))
        elif kind is FaultKind.HANG:
            hold(_FOR_EVER)
        elif kind is FaultKind.STUCK:
            time.sleep(_FOR_EVER)

    def _kill_node(self) -> NoReturn:
        here = str(ray.get_runtime_context().get_node_id())
        if here == self.driver_node:
            raise UsageError(
                f"--fault {self.fault.rule}: it is on the driver's node, whose death ends all",
                "Break calls that other nodes run",
            )
        raylet = os.getppid()
        own = os.getpid()
        others = [pid for pid in _children(raylet) if pid != own]
        for pid in (raylet, *others):
            os.kill(pid, signal.SIGKILL)
        _die()


def break_of(fault: Fault) -> Break:
    """For the worker, made where the loop dispatches: there its classes are known."""
    if fault.kind is FaultKind.EXCEPTION:
        from ray import cloudpickle

        packed: Any = cloudpickle.dumps(exception_of(fault))  # type: ignore[no-untyped-call]
        return Break(fault, packed)
    if fault.kind is FaultKind.NODE:
        return Break(fault, driver_node=str(ray.get_runtime_context().get_node_id()))
    return Break(fault)


def losing(dispatched: Callable[[Any], None]) -> Callable[[Any], None]:
    """What is done with the references of a call whose result is to be lost: nobody gets them
    before it is.
    """

    def lose(returned: Any) -> None:
        dispatched(returned)
        references = returned if isinstance(returned, list) else [returned]
        ray.wait(references, num_returns=len(references), timeout=_PATIENCE)
        ray_private.lose(references)

    return lose


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("this process is dead")


def _children(parent: int) -> Iterator[int]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            facts = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if int(facts[1]) == parent:
            yield int(folder.name)


@dataclass(frozen=True, slots=True)
class BreakingAnswer:
    """A provider that breaks first."""

    broken: Break
    answer: Answer | Pending

    @property
    def plain(self) -> bool:
        """As that of the answer."""
        return self.answer.plain

    def __call__(self, tag: str | None, data_path: str | None, /, *args: Any, **kwargs: Any) -> Any:
        """The recorded value or exception, unless this attempt breaks."""
        self.broken.happen()
        return self.answer(tag, data_path, *args, **kwargs)


@dataclass(frozen=True, slots=True)
class BreakingToken:
    """A token that breaks first."""

    broken: Break
    token: Token

    def run(self, body: Callable[[], R], invocation: Invocation) -> R:
        """As that token, unless this attempt breaks."""
        self.broken.happen()
        return self.token.run(body, invocation)
