"""What a recording says, as frozen dataclasses; `packing` has their form in msgpack.

A record is a msgpack map with its ``kind`` and its fields by name; nested records are maps without
a kind. Which fields there are is what the classes below declare: FORMAT.md repeats them for other
implementers. Times are Unix seconds, digests SHA-256.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from chia_bypass.values.kinds import Reference

FORMAT = 2
"""Newest version of the format: this code reads it and those before it."""
PLAIN_FORMAT = 1
"""Version of segments without results that have `files`: earlier readers read them, too."""


class Outcome(str, Enum):
    """How a call ended, as far as a replay can tell the loop."""

    VALUE = "value"
    EXCEPTION = "exception"
    UNKEPT = "unkept"
    """It returned, but the value has no stored form: type and reason are kept."""
    CANCELLED = "cancelled"
    """It had not ended when the loop cancelled it, or gave it up: it ends when it is cancelled."""
    RESUBMITTED = "resubmitted"
    """CHIA cancelled it as stuck and dispatched it again: the call that follows has the answer."""


@dataclass(frozen=True, slots=True)
class Argument:
    """One parameter of a call, after binding to the signature."""

    name: str
    digest: bytes
    shown: str
    """A short rendering, for people."""
    producers: tuple[Reference, ...] = ()
    """The recorded calls whose results are in it."""
    parts: Mapping[str, bytes] = field(default_factory=dict)
    """Of an object or a dictionary, 8 bytes that stand for the digest of each attribute or text
    key: what ``ignore_args: [self._id]`` needs. Empty for all else, and where there are many."""
    masked: bytes = b""
    """The digest without what a run makes up by itself (UUIDs, time stamps, ports, temporary
    paths); empty where there is nothing of that in it."""

    def digest_without(self, ignored: frozenset[str]) -> Hashable:
        """What two equal arguments have in common, where ``name.part`` of some is ignored."""
        inner = {path.removeprefix(f"{self.name}.") for path in ignored}
        if inner.isdisjoint(self.parts):
            return self.digest
        return frozenset(item for item in self.parts.items() if item[0] not in inner)


@dataclass(frozen=True, slots=True)
class Call:
    """Who a call is, as its caller named it at the dispatch."""

    path: str
    """Unique in the recording: the parent's path, a slash, the number: ``loop.0/12``."""
    parent: str
    """Path of what dispatched it: a call (``@2`` behind it: its third attempt), actor or driver."""
    number: int
    """From 0, its position among all dispatches of the parent."""
    function: str
    """Module and qualified name, ``chia.chipyard.chisel_build_node:ChiselBuildNode.build``."""
    tag: str | None
    lane: str
    """The thread or asyncio task that dispatched it: ``main``, ``main/t0``."""
    arguments: tuple[Argument, ...]
    options: Mapping[str, Any]
    """Ray options that matter for scheduling: numbers, strings and maps of them."""
    source: bytes
    """Digest of the function's source."""
    dispatched: float
    unstable: tuple[str, ...] = ()
    """Places in the arguments that have no stable form and are not in the digests."""
    code: bytes = b""
    """Digest of the statements of the loop's own modules that the function is made of, itself and
    what it uses; empty: not known."""


def known_to_differ(one: bytes, other: bytes) -> bool:
    """Whether two digests differ; not where one is empty, and so not known."""
    return bool(one and other) and one != other


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes that are a file of their own, named by their digest."""

    digest: bytes
    length: int


UNSEEN: Final = "unseen"
"""Kind of an input that only says that the arguments hold more than is looked at."""


@dataclass(frozen=True, slots=True)
class Input:
    """A file or folder that an argument named, as it was before the function ran; or a file that
    its source names, as it was afterwards."""

    place: str
    """The argument and where in it: ``self.worktree``, ``cfg['rtl'][0]``; or ``source: FILE``."""
    path: str
    """Absolute, on the worker."""
    kind: str
    """``file``, ``directory``, ``link`` (that leads nowhere), ``fifo``, ``socket``, ``device``,
    ``unreadable`` or UNSEEN."""
    size: int = 0
    """Bytes; of a folder, of all files in it."""
    digest: bytes = b""
    """Of the content; of a folder, of all that is in it. Empty where there is none."""
    given: str = ""
    """How it is written in the argument, if not as ``path``."""
    partial: bool = False
    """It is beyond the limits: of what was not read, size and time stand for the content."""
    changed: int = 0
    """Of what was not read: when it was last changed, in nanoseconds since 1970."""
    entries: bytes = b""
    """What is in a folder, as packed by `listings`; empty if it is in a blob."""
    listing: Blob | None = None
    """The same, where it is a file of its own."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a call wrote at a path that an argument named."""

    place: str
    path: str
    count: int
    """Entries that were made, changed or removed."""
    entries: bytes = b""
    """What they were and are, as packed by `listings`; empty if it is in a blob."""
    listing: Blob | None = None
    """The same, where it is a file of its own."""


@dataclass(frozen=True, slots=True)
class Left:
    """What a call left in one folder of its worker: files that it made, changed or removed."""

    root: str
    """The folder, absolute."""
    count: int
    """Entries of the listing."""
    size: int = 0
    """Bytes of the files that are kept."""
    unkept: int = 0
    """Files that are listed only, since they are not kept."""
    entries: bytes = b""
    """What they are, as packed by `outputs.entries`; empty if it is in a blob."""
    listing: Blob | None = None
    """The same, where it is a file of its own."""
    bundle: Blob | None = None
    """The contents of small files, one behind the other."""
    blobs: tuple[Blob, ...] = ()
    """The contents of larger files, one each."""
    declared: bool = False
    """The user said which files the call leaves here: these are all of them."""
    state: str = ""
    """The state, by its name in the YAML, whose source tree this is; empty: these are files."""


@dataclass(frozen=True, slots=True)
class Raised:
    """What Ray tells about a task that raised, besides the traceback."""

    function: str
    """Ray's name of the function that it ran, ``__main__.build``."""
    title: str
    """``ray::`` and the name of the task."""
    ip: str
    """Address of the node."""
    callers: int
    """Offset in the traceback of the line at which the frames of Ray itself stood."""
    text: str = ""
    """The traceback itself, where that of the result does without what looks like a secret."""
    task: str = ""
    """Ray's task id, hexadecimal, where the message shows it: of one that was cancelled."""


@dataclass(frozen=True, slots=True)
class Result:
    """How one attempt of a call ended."""

    call: Call
    attempt: int
    """From 0; Ray retries count."""
    outcome: Outcome
    started: float
    finished: float
    node: str
    """Ray's node id, hexadecimal."""
    host: str
    pid: int
    type: str = ""
    """Type of the value or exception, ``builtins:dict``."""
    shown: str = ""
    """A short rendering of it."""
    value: int = 0
    """Offset of the VALUE frame in the same segment, if ``blob`` is None."""
    length: int = 0
    """Bytes of the encoded value, without its buffers."""
    blob: Blob | None = None
    """The encoded value, where it is a file of its own."""
    buffers: tuple[Blob, ...] = ()
    """What the encoded value keeps out of band."""
    content: bytes = b""
    """Digest of the encoded value: equal content, equal result."""
    classes: tuple[str, ...] = ()
    """Classes that rebuilding it needs, ``module:qualname``."""
    pickled: tuple[str, ...] = ()
    """Places that are kept as pickle, and why."""
    references: tuple[Reference, ...] = ()
    """The calls whose references are inside the value."""
    reason: str = ""
    """Why it could not be kept."""
    traceback: str = ""
    raised: Raised | None = None
    redacted: int = 0
    """How many texts in the value the rules of the run have changed: it is served so."""
    resolved: Mapping[str, bytes] = field(default_factory=dict)
    """Digests of arguments that were references to what no recorded call produced, as Ray
    resolved them, by the name of the parameter."""
    inputs: tuple[Input, ...] = ()
    """What was at the paths that the arguments name before it ran."""
    wrote: tuple[Written, ...] = ()
    """What was different there afterwards."""
    files: tuple[Left, ...] = ()
    """What it left there, and at paths that its value names: kept, to be put back."""
    yielded: int = -1
    """How many values a generator yielded: the value is then a list of byte strings, the encoded
    form of each, followed by that of the exception if it raised one. -1: it is no generator."""

    @property
    def blobs(self) -> Iterator[Blob]:
        """All blobs that belong to it: of its value, and of what it read, wrote and left."""
        yield from self.buffers
        for left in self.files:
            yield from left.blobs
            yield from (blob for blob in (left.listing, left.bundle) if blob is not None)
        read, written = (one.listing for one in self.inputs), (one.listing for one in self.wrote)
        yield from (blob for blob in (self.blob, *read, *written) if blob is not None)

    @property
    def size(self) -> int:
        """Bytes of the value, buffers included."""
        return self.length + sum(buffer.length for buffer in self.buffers)

    @property
    def files_size(self) -> int:
        """Bytes of the files that it left and that are kept."""
        return sum(left.size for left in self.files)

    @property
    def seconds(self) -> float:
        """How long the function ran."""
        return self.finished - self.started

    @property
    def path(self) -> str:
        """The path that children of this attempt have as their parent."""
        return attempt_path(self.call.path, self.attempt)


def attempt_path(path: str, attempt: int) -> str:
    """The parent path of what attempt ``attempt`` of the call at ``path`` dispatches."""
    return f"{path}@{attempt}" if attempt else path


@dataclass(frozen=True, slots=True)
class Segment:
    """First record of every segment: whose it is."""

    format: int
    run: str
    """Id of the run that wrote it."""
    role: str
    """manifest, driver, worker or recorder."""
    host: str
    pid: int
    opened: float


@dataclass(frozen=True, slots=True)
class RedactionRule:
    """What must not be stored, in arguments and results alike."""

    pattern: str
    """A regular expression; what it matches is replaced in every text and in bytes."""
    function: str = "*"
    """Glob of the functions whose arguments and results it is applied to."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run that wrote to the recording, in the manifest: the first made it, others added to it."""

    id: str
    command: tuple[str, ...]
    directory: str
    """Working directory: relative to the recording folder where that is inside it, so that both
    can be moved together; else absolute."""
    started: float
    versions: Mapping[str, str]
    revision: str
    """Code revision of the working directory (git), or empty."""
    environment: tuple[str, ...]
    """Names of the environment variables, never their values."""
    kept: Mapping[str, str] = field(default_factory=dict)
    """Values of the variables that the user asked to keep."""
    redact: tuple[RedactionRule, ...] = ()
    """Applied before digests are taken: a replay has to apply the same ones."""
    tells_waits: bool = False
    """Blocking gets are noted, too: what a lane did between its dispatches is known."""
    tells_ends: bool = False
    """What dispatched a call notes it where its worker cannot: cancelled, given up, lost. So a call
    without a result, in a run that ended in order, is one that never ended."""
    tells_methods: bool = False
    """What its calls called of actors is noted: what has no note was not called."""
    digest_rules: int = 1
    """What counts in the digests of its calls: the number of `DigestRules`. All runs of a recording
    have those of the first."""


@dataclass(frozen=True, slots=True)
class Driver:
    """A Python process that dispatched calls for itself."""

    path: str
    """``loop.0``: its normalised script and how-manieth such driver of the run."""
    argv: tuple[str, ...]
    host: str
    pid: int
    started: float


@dataclass(frozen=True, slots=True)
class Cluster:
    """What the cluster offered when a driver first dispatched."""

    driver: str
    nodes: tuple[Mapping[str, Any], ...]
    """A map a node: ``id``, ``host``, ``resources``, ``labels``."""


@dataclass(frozen=True, slots=True)
class Uncaptured:
    """Calls that a replay runs again, counted by one process: the newest count holds."""

    process: str
    how: str
    """``in place``, ``bypassed`` (the loop's own Bypass), ``filtered``, ``task`` or ``actor``."""
    function: str
    count: int


@dataclass(frozen=True, slots=True)
class PlacementGroup:
    """A placement group that a process asked for, whether or not it was ever placed."""

    process: str
    """Path of the driver or call that made it."""
    name: str
    """The name that the loop gave it, or empty."""
    bundles: tuple[Mapping[str, float], ...]
    """What each bundle asks for: ``{"CPU": 1, "fpga": 1}``."""
    strategy: str
    """``PACK``, ``SPREAD``, ``STRICT_PACK`` or ``STRICT_SPREAD``."""
    made: float = 0.0
    """When it was asked for; 0 in older recordings."""


@dataclass(frozen=True, slots=True)
class ActorCreation:
    """A plain Ray actor that a process created."""

    process: str
    """Path of the driver or call that created it."""
    class_name: str
    """Module and qualified name of its class, ``pkg.tools:Server``."""
    name: str
    """The name that the loop gave it, or empty."""
    number: int
    """From 0, its position among the actors of that class that the process created."""
    options: Mapping[str, Any]
    """Ray options of its creation, as those of a call."""
    made: float = 0.0
    """When it was asked for; 0 in older recordings."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Calls that a process learned, all at once and for the first time, to have finished.

    It waited for several (``ray.wait``), awaited one, or got it in one of several lanes: what it
    does next may depend on which.
    """

    parent: str
    """What waited, as the parent of calls."""
    number: int
    """From 0, its position among those of the parent."""
    lane: str
    """The thread or asyncio task that waited; empty for an awaited reference or a future."""
    dispatched: int
    """How many calls that lane had dispatched before."""
    at: float
    calls: tuple[str, ...]
    """Paths of the calls; names of what plain actors and tasks return begin with ``~``."""
    after: int | None = None
    """Noted by a replay that adds to the recording: the number of what the parent had learned last,
    after which this comes, or -1, before all others. None: its number tells its place."""
    vain: tuple[str, ...] = ()
    """Paths of calls for which the lane waited with a timeout, and in vain; then there are no
    ``calls``."""
    times: int = 1
    """How often, one time after the other; 0: what was noted of these before counts no more, since
    they ran again."""
    dropped: tuple[str, ...] = ()
    """Paths of calls that the parent did not learn of when it should have, as it ran once more: in
    which ``calls`` they were before counts no more."""


@dataclass(frozen=True, slots=True)
class LoopFile:
    """A file of the loop itself: one that a driver read, that is a source of it, or that the run
    wrote in its working directory. Also a folder that a driver made there."""

    path: str
    """Relative to the working directory of the run, where it is inside; else absolute."""
    size: int = 0
    """Bytes, as it was read, or before a driver overwrote it."""
    digest: bytes = b""
    """Of the content, likewise; empty if neither happened, or it was too large."""
    mode: int = 0
    """Permissions, likewise."""
    read: bool = True
    """It was there when the run began, and a driver read it before the run wrote it."""
    kept: bool = False
    """That content is a blob, unless it is empty."""
    source: bool = False
    """It was imported, or is a script that the command names."""
    before: bool = True
    """It was there when the run began."""
    written: bool = False
    """The run left it otherwise than it was read; of what was not read: it wrote it."""
    left: bytes = b""
    """Digest of what the run left there; empty if it is gone. Only of what is ``written``."""
    driver: bool = False
    """A driver itself wrote or removed it, and will again; else a call or another program did."""
    folder: bool = False
    """It is a folder that a driver made."""

    @property
    def blobs(self) -> Iterator[Blob]:
        """All files that belong to it."""
        if self.kept and self.size:
            yield Blob(self.digest, self.size)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the drivers of a run ran in."""

    working: str
    """Working directory of the command, absolute, on the machine of the drivers."""
    imported: Mapping[str, str] = field(default_factory=dict)
    """Versions of what their own sources import, by the name of the module; empty: not known."""


@dataclass(frozen=True, slots=True)
class Got:
    """Calls whose results a lane had when a blocking get returned or raised."""

    parent: str
    """What waited, as the parent of calls."""
    lane: str
    dispatched: int
    """How many calls that lane had dispatched before."""
    at: float
    calls: tuple[str, ...]
    """Paths of the calls that it asked for."""


@dataclass(frozen=True, slots=True)
class Released:
    """A placement group that a process removed, or an actor that it killed."""

    process: str
    """Path of the driver or call that did it."""
    what: str
    """``group`` or ``actor``."""
    id: str
    """Ray's, hexadecimal: of a group it is in the options of the calls in it."""
    at: float


@dataclass(frozen=True, slots=True)
class ActorMethod:
    """A method of a plain actor that a recorded call, or what it started, called."""

    caller: str
    """Path of what called it, as the parent of calls."""
    number: int
    """From 0, its position among those of the caller."""
    actor: str
    """Path of the actor, as a parent of calls; empty if nobody told who it is."""
    method: str
    at: float
    arguments: bytes = b""
    """The encoded pair of a tuple and a dictionary: its arguments."""
    buffers: tuple[bytes, ...] = ()
    """What these name by digest."""
    classes: tuple[str, ...] = ()
    """Classes that rebuilding them needs, ``module:qualname``."""
    pickled: tuple[str, ...] = ()
    """Places that are kept as pickle, and why."""
    reason: str = ""
    """Why they are not kept; then the others are empty."""


@dataclass(frozen=True, slots=True)
class Closed:
    """Last record of a run in the manifest: without it the recording is incomplete."""

    run: str
    status: int
    """Exit status of the command."""
    finished: float
    segments: Mapping[str, int]
    """Every segment's name and length in bytes, those of earlier runs too."""
    spoiled: tuple[str, ...] = ()
    """Why results are missing that the loop has seen."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """SHA-256 of the other files that do not change, by name: the index, the nonce."""


Record = (
    Segment
    | Run
    | Driver
    | Cluster
    | Uncaptured
    | PlacementGroup
    | ActorCreation
    | Seen
    | LoopFile
    | Surroundings
    | Got
    | Released
    | ActorMethod
    | Closed
    | Call
    | Result
)
