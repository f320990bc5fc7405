"""What a user may say of a recording or a replay.

The command line, ``with record()`` and ``with replay()``, and the pytest marker take these options
under these names, all through :func:`chia_bypass.checked_fields.checked`. To add one, add a field
here, and its help in the command line. Standard library only: it travels to workers.
"""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Final, Literal, NamedTuple

from chia_bypass.checked_fields import Unfit
from chia_bypass.fault_rules import FORM, FaultRule


def flag(option: str) -> str:
    """How the command line calls an option: ``--live-from``."""
    return "--fault" if option == "faults" else "--" + option.replace("_", "-")


class Phrasing(NamedTuple):  # one travels with each served call: a dataclass would be slower
    """How a message says options: as whoever reads it gives them."""

    keywords: bool = False
    """They are arguments of a block of Python or of a marker, and not of a command."""

    def __call__(self, **options: str | bool | list[str]) -> str:
        """``--live f --allow-pickle``, or ``live=['f'], allow_pickle=True``, without what is False
        or an empty list."""
        given = {name: value for name, value in options.items() if value}
        if self.keywords:
            return ", ".join(f"{name}={value!r}" for name, value in given.items())
        return " ".join(word for name, value in given.items() for word in _words(name, value))


COMMAND_LINE: Final = Phrasing()


def _words(option: str, value: str | bool | list[str]) -> Iterator[str]:
    if isinstance(value, bool):
        yield flag(option)
    else:
        for one in [value] if isinstance(value, str) else value:
            yield f"{flag(option)} {shlex.quote(one)}"


def _regex(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        reason = error.msg if error.pos is None else f"{error.msg} at position {error.pos}"
        raise Unfit("a regular expression", pattern, reason) from None
    return pattern


def _secret(pattern: str) -> str:
    """It is applied to bytes as well, and must not match everywhere."""
    _regex(pattern)
    if re.search(pattern, "") or re.search(pattern.encode(), b""):
        raise Unfit(
            "a regular expression that only secrets match", pattern, "it matches the empty text"
        )
    return pattern


def _secret_in(rule: str) -> str:
    glob, equals, pattern = rule.partition("=")
    if not equals or not glob:
        raise Unfit("GLOB=REGEX, such as 'Node.*=key-[0-9]+'", rule)
    _secret(pattern)
    return rule


def _not_negative(number: float) -> float:
    if not 0 <= number < math.inf:
        raise Unfit("a number of 0 or more", number)
    return number


def _factor(given: str | float) -> float:
    try:
        return 1.0 if given == "recorded" else _not_negative(float(given))
    except (ValueError, Unfit):
        raise Unfit("recorded or a factor such as 0.1", given) from None


def _limits(limits: str) -> str:
    if re.fullmatch(r"\d{1,9}:\d{1,9}", limits, re.ASCII) is None:
        raise Unfit("ENTRIES:MB, such as 10000:256", limits)
    return limits


def _function_files(rule: str) -> str:
    FunctionFiles.of(rule)
    return rule


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionFiles:
    """Files that the calls of a function leave below a folder."""

    function: str
    """Glob of functions."""
    root: str | None = None
    """The folder on the worker, relative to its working directory; None: that itself."""
    globs: Sequence[str] = ("*",)
    """Patterns of paths relative to the folder; ``*`` matches slashes, too."""
    limit: int | None = None
    """Bytes that are kept of one call; None: as ``--files-limit`` says."""
    delete: bool = False
    """Whether files that a call removes are removed when it is served."""
    state: str = ""
    """The state whose source tree the folder is: it is kept by git, and the rest does not count."""

    @staticmethod
    def of(rule: str) -> FunctionFiles:
        """From ``FUNCTION=ROOT:GLOB``; raises Unfit."""
        function, equals, rest = rule.partition("=")
        root, colon, glob = rest.rpartition(":")
        if not (function and equals and root and colon and glob):
            raise Unfit("FUNCTION=ROOT:GLOB, such as 'build=/scratch/obj:*.o'", rule)
        return FunctionFiles(function=function, root=root, globs=(glob,))


def _fault(rule: str) -> str:
    try:
        return FaultRule.of(rule).text
    except ValueError as error:
        raise Unfit(FORM, rule, str(error)) from None


@lru_cache(maxsize=16)
def _entries_and_bytes(limits: str) -> tuple[int, int]:
    entries, megabytes = map(int, limits.split(":"))
    return entries, megabytes * 1024**2


Globs = Sequence[str]
"""Of functions, by their qualified name or ``module:qualname``."""
Calls = Sequence[str]
"""Recorded calls, as `inspect` names them: ``build#3`` or ``loop.0/3``."""
Regexes = Sequence[Annotated[str, _regex]]
OnMiss = Literal["fail", "run", "record"]
OtherArguments = Literal["report", "strict"]
MatchBy = Literal["arguments", "order"]
LearnedIn = Literal["recorded", "free"]
Noting = Literal["note", "none"]
LoopInputs = Literal["recorded", "present"]
Restoring = Literal["in-place", "never"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordOptions:
    """What is captured of the calls of a loop, and what is kept beside."""

    tagged_only: bool = False
    """Capture only calls that have a tag."""
    function: Globs = ()
    """Capture only these functions; empty: all."""
    tag: Regexes = ()
    """Capture only calls whose whole tag one of these matches; empty: all."""
    redact: Sequence[Annotated[str, _secret]] = ()
    """What these match is replaced in arguments and results of all functions, before digests."""
    redact_in: Sequence[Annotated[str, _secret_in]] = ()
    """``GLOB=REGEX``: the same, in functions that the glob matches."""
    keep_env: Sequence[str] = ()
    """Environment variables whose values are stored, not only their names."""
    inputs: Noting = "note"
    """Whether it is noted what is at the paths that arguments name, and what calls write there."""
    inputs_limit: Annotated[str, _limits] = "10000:256"
    """``ENTRIES:MB``: how many files and folders, and how much in them, are looked at for a call.
    Of what is beyond it, size and time of the last change are noted."""
    bypass: str | None = None
    """A bypass YAML: what its ``files:`` say that functions leave is kept with their calls."""
    files: Sequence[Annotated[str, _function_files]] = ()
    """``FUNCTION=ROOT:GLOB``: files below ROOT that calls of FUNCTION leave are kept with them."""
    files_limit: Annotated[float, _not_negative] = 64.0
    """MB of files that are kept of one call: those that its result or arguments name and that it
    made or changed, and what ``files`` says. 0: none are kept."""
    suggest_files: bool = False
    """Whether to look at what calls on this machine write and read, for advice on ``files``."""

    @property
    def inputs_limits(self) -> tuple[int, int]:
        """Entries and bytes of ``inputs_limit``."""
        return _entries_and_bytes(self.inputs_limit)

    @property
    def files_bytes(self) -> int:
        """``files_limit`` in bytes."""
        return int(self.files_limit * 1024**2)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOptions:
    """What is served from a recording, what runs for real, and how calls are found."""

    address: str | None = None
    """A Ray cluster to run on; None: a local Ray that is made for the replay."""
    on_miss: OnMiss = "fail"
    """What happens to a call that was not recorded: an error, or it runs for real, which
    ``record`` adds to the recording."""
    live: Sequence[str] = ()
    """What runs for real: globs of functions, and calls."""
    live_tags: Regexes = ()
    """Calls whose whole tag one of these matches run for real."""
    live_from: str | None = None
    """A call from which on everything runs for real."""
    only: Globs = ()
    """Functions that are served, while all others run for real; empty: what the YAML serves."""
    redo: Calls = ()
    """Calls that run again, with what was dispatched after they had finished."""
    rerun_failed: bool = False
    """Run again what raised, or returned a failure by ``failed:`` in the YAML."""
    stale: Globs = ()
    """Functions that may mix served and real calls that share state."""
    allow_local: Globs = ()
    """Functions that may run for real on resources that are only pretended."""
    args: OtherArguments = "report"
    """Whether a tagged call with other arguments than recorded is reported, or a miss."""
    match: MatchBy | None = None
    """How untagged calls are found; None: as the YAML says."""
    allow_import: Sequence[str] = ()
    """Modules that may be imported to rebuild values."""
    allow_pickle: bool = False
    """Load values that were kept as pickle, which runs code of the recording."""
    replay_ray_errors: bool = False
    """Raise recorded errors of Ray's own again, too."""
    order: LearnedIn = "recorded"
    """In which order the loop learns that calls have finished."""
    patience: Annotated[float, _not_negative] = 30.0
    """Seconds without progress to wait for the call that finished next in the recording."""
    ignore_inputs: bool = False
    """Serve calls although files and folders that their arguments name are not what they were."""
    inputs_limit: Annotated[str, _limits] = "10000:256"
    """How much of one call's files and folders is compared by content, as when recording."""
    restore: Restoring | None = None
    """Whether files that served calls had left are put back where they were; None: in ``resume``,
    on a Ray that ``address`` names, and in a sandbox; outside of one not from a recording that is
    foreign."""
    latency: Annotated[str | float, _factor] = 0.0
    """How much of its recorded duration a served call holds its resources; ``recorded`` is 1."""

    cluster: str | None = None
    """A cluster file: the loop is rehearsed on local nodes that offer what that cluster does, and
    learns in no particular order that calls have finished."""
    faults: Sequence[Annotated[str, _fault]] = ()
    """Served calls that break, and how: ``build#3=crash@1``, as `fault_rules` says."""
    fault_seed: int = 0
    """By it those calls are drawn that break where a rule is for a share of them."""
    fault_file: str | None = None
    """A YAML file with further faults, and perhaps a seed."""

    @property
    def inputs_limits(self) -> tuple[int, int]:
        """Entries and bytes of ``inputs_limit``."""
        return _entries_and_bytes(self.inputs_limit)

    @property
    def live_functions(self) -> Globs:
        """The globs in ``live``."""
        return tuple(word for word in self.live if not _names_call(word))

    @property
    def live_calls(self) -> Calls:
        """The calls in ``live``."""
        return tuple(filter(_names_call, self.live))


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """Where a replay of a command writes.

    A block of Python cannot be put into a sandbox, since its process runs already.
    """

    sandbox: bool | None = None
    """Whether what the loop writes is kept out of the user's files; None: where that works here."""
    loop_inputs: LoopInputs | None = None
    """What the loop itself reads in the sandbox: what it read when it was recorded, or what is
    there; None: what is there, unless the recorded run itself wrote that."""
    writes: str | None = None
    """A folder that gets what the loop wrote in the sandbox, instead of nobody."""


def _names_call(word: str) -> bool:
    """``build#3`` or ``loop.0/3``; a glob of functions has neither sign."""
    return "#" in word or "/" in word


@dataclass(frozen=True, slots=True)
class Cut:
    """A recorded call from which on a replay goes on for real."""

    path: str
    """Of the call, which runs for real itself, and so does what it dispatches."""
    since: float
    """Unix seconds: what was dispatched then or later runs for real, too."""

    def includes(self, path: str, dispatched: float) -> bool:
        """Whether a recorded call is on the real side."""
        inside = path == self.path or path.startswith((f"{self.path}/", f"{self.path}@"))
        return inside or dispatched >= self.since


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedCalls:
    """The calls that the options of a replay name, as its recording has them."""

    live: Sequence[str] = ()
    """Paths of ``live_calls``."""
    live_from: Cut | None = None
    """Since it was dispatched."""
    redo: Sequence[Cut] = ()
    """Each since it had finished."""
    faults: Sequence[str] = ()
    """Those of the options and of ``fault_file``."""
    faulted: Sequence[str] = ()
    """Of each of them the path of the call that it names, or empty."""
