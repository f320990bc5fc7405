"""The file server as a Ray actor, and where it has to run."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from chia_bypass.bypass.file_server import FileServer, ServedPaths
from chia_bypass.recording.layout import is_recording

NAMESPACE = "chia-bypass"
"""Where the actors of this project have their names, apart from the loop's."""

READERS = 4
"""Requests that a file server works on at once: a large file must not hold up a small one."""


class ServingFiles(FileServer):
    """A FileServer that publishes into Ray's object store: what the actor is made of."""

    def __init__(self, served: ServedPaths) -> None:
        super().__init__(served, node=_node(), publish=ray.put)


FileServerActor: Any = ray.remote(  # type: ignore[call-overload]
    num_cpus=0, max_concurrency=READERS, max_restarts=-1, max_task_retries=-1
)(ServingFiles)


@dataclass(frozen=True, slots=True)
class Connection:
    """One stay of a process in one cluster; actors do not outlive it."""

    node: str
    """Ray's id of the node of the process."""
    job: str

    @staticmethod
    def current() -> Connection:
        """The connection of this process, made if there is none yet."""
        context = ray.get_runtime_context()
        return Connection(context.get_node_id(), context.get_job_id())


@dataclass(frozen=True, slots=True)
class FileLocation:
    """Where the files are that a Bypass serves: with the process that constructed it."""

    served: ServedPaths
    """Which files, and in which folders a relative path is looked up."""
    node: str | None = None
    """Ray's id of the node; None in the process itself, which may join another cluster."""
    name: str = field(default_factory=lambda: f"files-{uuid.uuid4().hex}")
    """Of the actor: whoever starts it first, there is one for each Bypass. Nobody can guess it."""

    @staticmethod
    def here(yaml_folder: str | None, named: Iterable[str], any_path: bool) -> FileLocation:
        """The files of this process; ``named`` and ``any_path`` are as in ServedPaths."""
        working = str(Path.cwd())
        roots = (working,) if yaml_folder is None else (yaml_folder, working)
        return FileLocation(ServedPaths(roots, tuple(dict.fromkeys(named)), any_path))

    def serving_also(self, other: FileLocation) -> FileLocation:
        """This one, if it serves what ``other`` names, too; else one of another name that does."""
        missing = [path for path in other.served.named if path not in self.served.named]
        if not missing or self.served.any_path:
            return self
        named = (*self.served.named, *missing)
        return FileLocation(replace(self.served, named=named), self.node)


class FileServerLink:
    """The file server of one Bypass: started when first needed, and anew in another cluster."""

    def __init__(self, location: FileLocation, actor: Any = None) -> None:
        self._location, self._actor = location, actor
        self._connection = None if actor is None else Connection.current()

    def actor(self) -> Any:
        """The handle of the actor, started if need be."""
        connection = Connection.current()
        if self._connection != connection:
            self._actor, self._connection = _start(self._location, connection), connection
        return self._actor

    @property
    def location(self) -> FileLocation:
        """Where the files are."""
        return self._location

    def recording(self, path: str) -> str | None:
        """The folder of recordings that ``path`` means where the files of this Bypass are."""
        candidates = (Path(root, path) for root in self._location.served.roots)
        return next((str(found) for found in candidates if is_recording(found)), None)

    def travelling(self, start: bool) -> tuple[FileLocation, Any]:
        """What a worker makes its own link from: the location, and the handle if there is one.

        ``start``: there has to be one.
        """
        if start:
            self.actor()
        if not ray.is_initialized():
            return self._location, None
        connection = Connection.current()
        actor = self._actor if self._connection == connection else None
        return replace(self._location, node=self._location.node or connection.node), actor


def _start(location: FileLocation, connection: Connection) -> Any:
    name = f"{location.name}-{connection.job}"
    if name in _started_for_others:
        return _started_for_others[name]
    actor = FileServerActor.options(
        name=name,
        namespace=NAMESPACE,
        get_if_exists=True,
        scheduling_strategy=NodeAffinitySchedulingStrategy(
            node_id=location.node or connection.node, soft=False
        ),
    ).remote(location.served)
    if location.node is not None:
        _started_for_others[name] = actor
    return actor


_started_for_others: dict[str, Any] = {}
"""What this worker started for a Bypass elsewhere. Ray ends an actor with the handle that started
it, and here the Bypass goes with the call, while other workers may have found the actor by name."""


def _node() -> str:
    address = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
    return f"{socket.gethostname()} ({address})"
