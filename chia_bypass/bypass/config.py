"""What the ``bypass:`` section of a YAML file says: pure data.

::

    bypass:
      run_sim:                         # function: bare, qualified, or module:qualname
        bypass: true                   # a truth value; the entry may be just that
        tags: ["iter0_.*"]             # a regex or a list of them
        data: results/run_sim          # a file, a folder of recordings, or actor://[SPACE/]NAME
        match: order                   # order | arguments
        ignore_args: [out_dir]         # a parameter, `self._id`, or a list of them
        ignore_inputs: ["*.log"]       # files named by arguments that need not be as they were
        repeats: last                  # last | fail
        state: tree                    # name of what several functions change
        failed: {success: false}       # field -> the value, or list of values, that is a failure
        was: old.module:name           # former name, or a list of them
        files: ["out/*.log"]           # globs; or {root:, globs:, limit:, delete: true}
      actors: {Counter: reapply}       # actors on which methods of served calls are called again
    states:
      tree: {root: /srv/chip, save: git, restore: git}    # the source tree that a state is
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

SECTION = "bypass"
"""The top-level key under which functions and actors stand."""
STATES = "states"
"""The top-level key that tells what the states are that functions share."""
ACTORS = "actors"
"""The key below `SECTION` that is about actors, and not about a function."""


class Match(str, Enum):
    """What an untagged call has to share with a recorded one to be it."""

    ORDER = "order"
    ARGUMENTS = "arguments"


class Repeats(str, Enum):
    """What happens to a call that was recorded fewer times than it is made."""

    LAST = "last"
    FAIL = "fail"


class Reapply(str, Enum):
    """What becomes of the methods that served calls had called of an actor."""

    REAPPLY = "reapply"
    """They are called again before anything real meets it."""


@dataclass(frozen=True, slots=True)
class Files:
    """Files that a call leaves on its worker, which a recording keeps."""

    globs: tuple[str, ...]
    """Patterns relative to the root."""
    root: str | None = None
    """A folder on the worker; None: the working directory of the call."""
    limit: int | None = None
    """Bytes that the files of one call may have together; None: no limit of the user's."""
    delete: bool = False
    """Whether files that a call removes are removed when it is served."""


@dataclass(frozen=True, slots=True)
class StateTree:
    """A state that is a source tree under git."""

    root: str
    """A folder of it on the worker; a relative one is below the working directory of the call."""
    restore: bool = False
    """Whether it is put back as served calls had left it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the YAML says about one function; None or empty where it says nothing."""

    bypass: bool = False
    """Whether calls may be served at all."""
    data: str | None = None
    """Where values come from, as written: a file, a folder of recordings or ``actor://NAME``."""
    tags: tuple[str, ...] | None = None
    """Regexes, one of which has to match the whole tag; None: any call."""
    match: Match | None = None
    """Replay: how untagged calls are found."""
    ignore_args: tuple[str, ...] = ()
    """Replay: parameters, or attributes of parameters, that do not tell calls apart."""
    ignore_inputs: tuple[str, ...] = ()
    """Replay: globs of files and folders, named by arguments, that need not be as they were."""
    repeats: Repeats | None = None
    """Replay: what happens beyond the last recorded call."""
    state: str | None = None
    """Replay: name of the state that the function shares with others."""
    failed: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    """Resume: field or key of a value -> what it holds when the call is a failure."""
    was: tuple[str, ...] = ()
    """Replay: former names, ``module:qualname``, under which the function was recorded."""
    files: Files | None = None
    """Record and replay: files to be kept and put back."""


@dataclass(frozen=True, slots=True)
class BypassConfig:
    """One bypass YAML."""

    path: str | None = None
    """Absolute path of the file; None if there is none."""
    entries: Mapping[str, Entry] = field(default_factory=dict)
    """Function name as written -> its entry."""
    states: Mapping[str, StateTree] = field(default_factory=dict)
    """Name of a state -> the source tree that it is."""
    actors: Mapping[str, Reapply] = field(default_factory=dict)
    """Class or given name of an actor -> what to do with what served calls did to it."""

    @property
    def folder(self) -> str | None:
        """Where relative paths are looked up first."""
        return None if self.path is None else str(Path(self.path).parent)


SCHEME = "actor://"


@dataclass(frozen=True, slots=True)
class ActorAddress:
    """A named Ray actor."""

    name: str
    namespace: str | None = None
    """None: the namespace of the job that asks."""


def parse_actor(data: str) -> ActorAddress | None:
    """The actor that a ``data:`` value names; None if it is a path. Raises ValueError."""
    if not data.startswith(SCHEME):
        return None
    namespace, slash, name = data[len(SCHEME) :].rpartition("/")
    if not name or "/" in namespace or bool(slash) != bool(namespace):
        raise ValueError("not the address of an actor")
    return ActorAddress(name, namespace or None)
