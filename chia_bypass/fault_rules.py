"""What `--fault` may say: which calls break, how, and how often. Pure.

::

    FUNCTION[#N|:TAG-REGEX]=KIND[:ARGUMENT][@TRIES][%P]

Standard library only: it travels to workers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256

from chia_bypass.names import named, tag_fits

FORM = "FUNCTION[#N|:TAG-REGEX]=KIND[:ARGUMENT][@TRIES][%P], such as build#3=crash@1"


class FaultKind(str, Enum):
    """What happens to a call."""

    EXCEPTION = "exception"
    """It raises `FaultInjected`, or the class that the argument names."""
    CRASH = "crash"
    """Its worker process is killed."""
    HANG = "hang"
    """It never ends; cancelling it works."""
    STUCK = "stuck"
    """It never ends, and cancelling it has no effect without force."""
    SLOW = "slow"
    """It takes as many seconds longer as the argument says."""
    NODE = "node"
    """Its node dies."""
    LOST = "lost"
    """Its result is lost before anybody gets it."""


_KINDS = "|".join(kind.value for kind in FaultKind)
_RULE = re.compile(
    r"(?P<function>[^#:=]+)(?:#(?P<nth>\d{1,9})|:(?P<tag>.+?))?"
    rf"=(?P<kind>{_KINDS})(?::(?P<argument>[^@%]+))?"
    r"(?:@(?P<tries>[1-9]\d{0,5}))?(?:%(?P<share>[01]|[01]?\.\d+))?",
    re.ASCII | re.DOTALL,
)
_WITH_ARGUMENT = (FaultKind.EXCEPTION, FaultKind.SLOW)


@dataclass(frozen=True, slots=True)
class FaultRule:
    """One rule."""

    text: str
    """As it was given: it identifies the rule in messages and draws."""
    function: str
    """Glob, without the module."""
    kind: FaultKind
    nth: int | None = None
    """Only the call that `inspect` calls ``function#nth``."""
    tag: str | None = None
    """Only calls whose whole tag this regular expression matches."""
    argument: str = ""
    tries: int | None = None
    """How many tries of a call break, from the first; None: all. A try is an attempt of Ray's, or
    a new dispatch of the same call by the loop."""
    share: float = 1.0
    """Of the calls that it matches."""

    @staticmethod
    def of(text: str) -> FaultRule:
        """Raises ValueError, with the reason."""
        found = _RULE.fullmatch(text)
        if found is None:
            raise ValueError(_why_none(text))
        kind, argument = FaultKind(found["kind"]), found["argument"] or ""
        if argument and kind not in _WITH_ARGUMENT:
            raise ValueError(f"{kind.value} takes no argument")
        if kind is FaultKind.SLOW and not _is_seconds(argument):
            raise ValueError("slow needs seconds, such as slow:5")
        if kind is FaultKind.EXCEPTION and argument.partition(".")[0] == "ray":
            raise ValueError("an error of Ray's has another shape when it is raised: use its cause")
        if found["tag"] is not None:
            try:
                re.compile(found["tag"])
            except re.error as error:
                raise ValueError(f"{found['tag']} is no regular expression: {error}") from None
        return FaultRule(
            text,
            found["function"],
            kind,
            None if found["nth"] is None else int(found["nth"]),
            found["tag"],
            argument,
            None if found["tries"] is None else int(found["tries"]),
            1.0 if found["share"] is None else float(found["share"]),
        )

    @property
    def call(self) -> str | None:
        """The call that it names, as `inspect` does; None: it is about a function."""
        return None if self.nth is None else f"{self.function}#{self.nth}"

    def means(self, function: str, tag: str | None) -> bool:
        """Whether it is about such a call, if it names none."""
        return named(function, (self.function,)) and (
            self.tag is None or tag_fits(tag, (self.tag,))
        )

    def draws(self, seed: int, path: str, occurrence: int) -> bool:
        """Whether the call breaks: the same for the same seed, whatever is scheduled when."""
        if self.share >= 1:
            return True
        drawn = sha256(f"{seed}\0{self.text}\0{path}\0{occurrence}".encode()).digest()
        return int.from_bytes(drawn[:8], "big") / 2**64 < self.share


def _is_seconds(argument: str) -> bool:
    return re.fullmatch(r"\d{1,9}(\.\d+)?", argument, re.ASCII) is not None


def _why_none(text: str) -> str:
    kind = re.search(r"=([a-z]+)", text)
    if kind is not None and kind[1] not in _KINDS.split("|"):
        return f"there is no kind {kind[1]}: {_KINDS.replace('|', ', ')}"
    return "it has another form"
