"""Which served calls break in this process, and for how many of their tries."""

from __future__ import annotations

import builtins
import importlib
import sys
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chia_bypass.errors import FaultInjected, UsageError
from chia_bypass.fault_rules import FaultKind, FaultRule
from chia_bypass.recording.records import Call

_RETRIES = 3
"""Of a task of Ray's that says nothing about them."""
_MANY = 1 << 30
_WORDS = "a fault was injected: "


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one dispatch."""

    kind: FaultKind
    rule: str
    """The text of the rule."""
    argument: str = ""
    tries: int = _MANY
    """How many attempts of Ray's break, from the first."""
    answers: bool = False
    """A later attempt is served, or this one is when the fault is over."""
    occurrence: int = 0
    """How often the loop had dispatched the call before."""


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """All rules of a replay."""

    rules: tuple[FaultRule, ...] = ()
    paths: tuple[str, ...] = ()
    """Of each rule the path of the recorded call that it names, or empty."""
    seed: int = 0

    @staticmethod
    def of(texts: Sequence[str], paths: Sequence[str], seed: int) -> FaultPlan:
        """From rules that were checked."""
        return FaultPlan(tuple(map(FaultRule.of, texts)), tuple(paths), seed)


class Faults:
    """Decides for the dispatches of one process. A recorded call is broken by one rule at most."""

    def __init__(self, plan: FaultPlan) -> None:
        self._plan = plan
        self._lock = threading.Lock()
        self._dispatched: Counter[str] = Counter()
        self._spent: Counter[tuple[str, str]] = Counter()
        """How many tries of a call a rule has broken."""

    def of(self, recorded: Call, options: Mapping[str, Any]) -> Fault | None:
        """What happens to a dispatch that the recorded call answers, with these Ray options."""
        if not self._plan.rules:
            return None
        with self._lock:
            occurrence = self._dispatched[recorded.path]
            self._dispatched[recorded.path] += 1
            for rule, path in zip(self._plan.rules, self._plan.paths, strict=True):
                if not (
                    path == recorded.path if path else rule.means(recorded.function, recorded.tag)
                ):
                    continue
                if not rule.draws(self._plan.seed, recorded.path, occurrence):
                    continue
                fault = self._fault(rule, recorded.path, occurrence, options)
                if fault is not None:
                    return fault
        return None

    def _fault(
        self, rule: FaultRule, path: str, occurrence: int, options: Mapping[str, Any]
    ) -> Fault | None:
        attempts = _attempts(rule.kind, options)
        key = (path, rule.text)
        left = _MANY if rule.tries is None else rule.tries - self._spent[key]
        if left <= 0:
            return None
        self._spent[key] += min(left, attempts)
        answers = rule.kind is FaultKind.SLOW or left < attempts
        return Fault(rule.kind, rule.text, rule.argument, left, answers, occurrence)


def _attempts(kind: FaultKind, options: Mapping[str, Any]) -> int:
    """How often Ray tries a call that breaks so, if each try does."""
    given = options.get("max_retries")
    retries = given if isinstance(given, int) else _RETRIES
    if kind in (FaultKind.CRASH, FaultKind.NODE):
        return _MANY if retries < 0 else 1 + retries
    if kind is FaultKind.EXCEPTION and options.get("retry_exceptions"):
        return _MANY if retries < 0 else 1 + retries
    return 1


def exception_of(fault: Fault) -> BaseException:
    """What the call raises. Raises UsageError for a class that cannot be found or made."""
    words = _WORDS + fault.rule
    if not fault.argument:
        return FaultInjected(fault.rule)
    kind = _class(fault.argument)
    if not isinstance(kind, type) or not issubclass(kind, BaseException):
        raise UsageError(f"--fault {fault.rule}: {fault.argument} is no exception class here")
    for arguments in ((words,), (words, 0.0), (words, words, words), ()):
        try:
            return kind(*arguments)
        except TypeError:  # it wants others
            continue
    raise UsageError(f"--fault {fault.rule}: no {fault.argument} can be made of a text")


def _class(name: str) -> object:
    module, _, attribute = name.rpartition(".")
    if not module:
        main = sys.modules.get("__main__")
        return getattr(main, attribute, None) or getattr(builtins, attribute, None)
    try:
        return getattr(importlib.import_module(module), attribute, None)
    except ImportError:
        return None
