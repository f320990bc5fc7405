"""Reading descriptions of clusters: CHIA's, those of ``ray up``, and a short form of our own.

CHIA's own parser is not asked: it refuses a third of the files that CHIA ships until their
placeholders are filled in, and it needs what it would bring up. So this one is lenient: what it
cannot know becomes a note, or is not checked.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from chia_bypass import demands
from chia_bypass.errors import ConfigError, UsageError
from chia_bypass.plan.cluster import OF_MACHINE, Cluster, NodeType, shared_hosts
from chia_bypass.recording.reader import Recording

RECORDED = "recorded"
"""Instead of a file: the cluster of the recording."""
_FORMS = (
    "A cluster file has `available_node_types:`, as CHIA's and those of `ray up` have, or "
    "`nodes: [{type: build, count: 3, resources: {CPU: 8}}]`"
)
_VARIABLE = re.compile(r"\$\{([^}]+)\}")
_COUNTS = ("num_workers", "max_workers", "min_workers")
"""Where CHIA looks for the number of workers, in this order."""
_FLAGS = {"--num-cpus": "CPU", "--num-gpus": "GPU", "--memory": "memory"}
_FEW_BY_DEFAULT = 2
"""Workers of a ``ray up`` cluster that does not say how many there may be."""


def read(path: Path) -> Cluster:
    """The cluster that the file describes. Raises ConfigError."""
    content = _parsed(path)
    if not isinstance(content, Mapping):
        raise ConfigError(str(path), "", "it describes no cluster", _FORMS)
    notes: list[str] = []
    try:
        if "nodes" in content:
            types = _short(content["nodes"])
        elif "available_node_types" not in content:
            raise ValueError("it describes no cluster")
        elif "head_node_type" in content:
            types, notes = _ray(content)
        else:
            types, notes = _chia(content)
    except ValueError as error:
        raise ConfigError(str(path), "", str(error), _FORMS) from None
    return Cluster(path.name, tuple(types), tuple(notes))


def described(given: str, recording: Recording, cpus: Sequence[str] = ()) -> Cluster:
    """The cluster in a file, or ``recorded``; ``cpus`` as `Cluster.saying` has them.

    Raises ConfigError and UsageError.
    """
    if given != RECORDED:
        return read(Path(given)).saying(cpus)
    found = recorded(recording)
    if not found.types:
        raise UsageError("the recording does not say on which cluster it was made")
    return found


def recorded(recording: Recording) -> Cluster:
    """The cluster on which the recording was made, as its first driver saw it."""
    found: dict[str, NodeType] = {}
    clusters = recording.contents.clusters[:1]
    for node in clusters[0].nodes if clusters else ():
        if not node.get("alive", True):
            continue
        offers = demands.numbers(node.get("resources", {}))
        head = demands.EVERY_HEAD in offers
        own = {n: a for n, a in offers.items() if not demands.is_of_node(n) and "_group_" not in n}
        named = sorted(n for n in own if n not in OF_MACHINE and n != "object_store_memory")
        name = "head" if head else "+".join(named) or "node"
        while name in found and found[name].resources != own:
            name += "'"
        known = found.get(name, NodeType(name, 0, own, head=head))
        found[name] = replace(known, count=known.count + 1)
    return Cluster(RECORDED, tuple(sorted(found.values(), key=lambda kind: not kind.head)))


def _parsed(path: Path) -> Any:
    """The YAML with its ``${VARIABLE}`` filled in: after parsing, as CHIA does, if it parses."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        problem = f"cannot be read: {error.strerror or error}"
        raise ConfigError(str(path), "", problem, "Check the path") from error
    except UnicodeDecodeError as error:
        raise ConfigError(str(path), "", f"not YAML text: {error.reason}") from None
    try:
        return _expanded(yaml.safe_load(text))
    except (yaml.YAMLError, RecursionError):
        pass  # `[${HOST}]`: a list that begins a map
    try:
        return yaml.safe_load(_VARIABLE.sub(lambda m: os.environ.get(m[1], m[1]), text))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}" if mark else ""
        problem = f"not YAML: {error.problem}"
        raise ConfigError(str(path), where, problem) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(str(path), "", f"not YAML: {error}") from None


def _expanded(value: Any) -> Any:
    if isinstance(value, str):
        return _VARIABLE.sub(lambda m: os.environ.get(m[1], m[0]), value)
    if isinstance(value, dict):
        return {_expanded(key): _expanded(item) for key, item in value.items()}
    return [_expanded(item) for item in value] if isinstance(value, list) else value


def _short(nodes: Any) -> list[NodeType]:
    if not isinstance(nodes, list) or not nodes:
        raise ValueError("`nodes` is not a list")
    found = []
    for number, node in enumerate(nodes):
        if not isinstance(node, Mapping) or not node.keys() <= {"type", "count", "resources"}:
            raise ValueError(f"node {number + 1}: it may have type, count and resources")
        name = str(node.get("type", f"node{number + 1}"))
        found.append(_type(name, node, _number(node.get("count", 1), f"count of {name}")))
    if len({kind.name for kind in found}) < len(found):
        raise ValueError("two entries of `nodes` have the same type")
    return found


def _chia(content: Mapping[str, Any]) -> tuple[list[NodeType], list[str]]:
    started = _of_start(_commands(content.get("head_start_ray_commands")), "--head")
    of_workers = _of_start(_commands(content.get("worker_start_ray_commands")), "--address")
    types = []
    for name, described in _types(content):
        given = next((described[key] for key in _COUNTS if key in described), 1)
        kind = _type(name, described, _number(given, f"num_workers of {name}"))
        said = {**of_workers, **kind.resources}
        hosts = described.get("compatible_ips")
        hosts = tuple(map(str, hosts)) if isinstance(hosts, list) else ()
        types.append(replace(kind, resources=said, unsaid=kind.unsaid - said.keys(), hosts=hosts))
    name = "head" if all(kind.name != "head" for kind in types) else "head node"
    head = NodeType(name, 1, started, OF_MACHINE - started.keys(), head=True)
    return [head, *types], list(_notes(types))


def _notes(types: Sequence[NodeType]) -> Iterator[str]:
    homeless = [kind.name for kind in types if kind.count and not kind.hosts]
    if homeless:
        yield f"`chia up` will refuse it until compatible_ips is given for {', '.join(homeless)}"
    for host, nodes in shared_hosts(types):
        yield f"{nodes} nodes share {host}: Ray counts all CPUs of that machine for each of them"


def _ray(content: Mapping[str, Any]) -> tuple[list[NodeType], list[str]]:
    """Of each type as many as may be started: Ray starts them when calls wait."""
    most = _number(content.get("max_workers", _FEW_BY_DEFAULT), "max_workers")
    types: list[NodeType] = []
    for name, described in _types(content):
        head = name == content["head_node_type"]
        fewest = _number(described.get("min_workers", 0), f"min_workers of {name}")
        given = described.get("max_workers", 0 if head else most)
        count = max(_number(given, f"max_workers of {name}"), fewest) + head
        types.append(replace(_type(name, described, count), head=head))
    if not any(kind.head for kind in types):
        raise ValueError("head_node_type names no type of available_node_types")
    types.sort(key=lambda kind: not kind.head)
    workers = sum(kind.count for kind in types) - 1
    notes = [f"it may have {workers} workers by type, and {most} in all"] if workers > most else []
    return types, notes


def _types(content: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    types = content["available_node_types"]
    if not isinstance(types, Mapping):
        raise ValueError("available_node_types is not a map")
    for name, described in types.items():
        if not isinstance(described, Mapping):
            raise ValueError(f"available_node_types.{name} is not a map")
        yield str(name), described


def _type(name: str, described: Mapping[str, Any], count: int) -> NodeType:
    given = described.get("resources") or {}
    if not isinstance(given, Mapping):
        raise ValueError(f"resources of {name} is not a map")
    said, unsaid = {}, set(OF_MACHINE)
    for resource, amount in given.items():
        try:
            said[str(resource)] = float(amount)
        except (TypeError, ValueError):  # `${LICENCES}`
            unsaid.add(str(resource))
    return NodeType(name, count, said, frozenset(unsaid - said.keys()))


def _number(given: Any, what: str) -> int:
    try:
        number = int(given)
    except (TypeError, ValueError):
        raise ValueError(f"{what} is {given!r}, not a number") from None
    if number < 0:
        raise ValueError(f"{what} is {number}")
    return number


def _commands(given: Any) -> list[str]:
    return [str(command) for command in given] if isinstance(given, list) else []


def _of_start(commands: Sequence[str], by: str) -> dict[str, float]:
    """What the ``ray start`` among the commands offers; ``by``: an option that it has."""
    for command in commands:
        words = _words(command)
        if "start" in words and any(word.split("=")[0] == by for word in words):
            return _offered(words)
    return {}


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:  # a quote that does not end
        return command.split()


def _offered(words: Sequence[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for word, following in zip(words, [*words[1:], ""], strict=True):
        option, equals, value = word.partition("=")
        value = value if equals else following
        try:
            if option == "--resources":
                found.update({str(k): float(v) for k, v in json.loads(value).items()})
            elif option in _FLAGS:
                found[_FLAGS[option]] = float(value)
        except (AttributeError, TypeError, ValueError):  # a variable of the shell, say
            continue
    return found
