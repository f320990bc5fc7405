"""From a YAML file to entries, checked whole: every key has one parser, every fault one message.

Ray is not needed, and PyYAML only when a file is loaded.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from chia_bypass.bypass.config import (
    ACTORS,
    SECTION,
    STATES,
    BypassConfig,
    Entry,
    Files,
    Match,
    Reapply,
    Repeats,
    StateTree,
    parse_actor,
)
from chia_bypass.errors import ConfigError

E = TypeVar("E", bound=Enum)


class _Place:
    """A key of the YAML: where its faults are reported."""

    def __init__(self, file: str, path: str) -> None:
        self.file, self.path = file, path

    def under(self, key: str) -> _Place:
        return _Place(self.file, f"{self.path}.{key}")

    def fault(self, problem: str, remedy: str) -> ConfigError:
        return ConfigError(self.file, self.path, problem, remedy)

    def wrong_type(self, value: Any, right: str) -> ConfigError:
        return self.fault(f"is {_shown(value)}", f"It must be {right}")


def load_config(path: str | os.PathLike[str]) -> BypassConfig:
    """Read and check the YAML at ``path``. Raises ConfigError; has no other effect."""
    from chia_bypass.bypass import yaml_text

    file = Path(path).absolute()
    section, given = yaml_text.load_sections(file, SECTION, STATES)
    states = _states(_Place(str(file), STATES), given)
    entries, actors = parse_section(str(file), section), parse_actors(str(file), section)
    return BypassConfig(str(file), entries, states, actors)


def parse_actors(file: str, section: Any) -> dict[str, Reapply]:
    """What a ``bypass:`` section says about actors, by their classes or names."""
    if not _tells_of_actors(section):
        return {}
    place, value = _Place(file, SECTION).under(ACTORS), section[ACTORS]
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise place.wrong_type(value, "a mapping of classes or names of actors to reapply")
    parse = _choice(Reapply)
    return {name: parse(place.under(name), item) for name, item in value.items()}


def _tells_of_actors(section: Any) -> bool:
    """Whether ``actors`` is not just a function of that name, with an entry like others."""
    value = section.get(ACTORS) if isinstance(section, dict) else None
    is_entry = isinstance(value, bool) or (isinstance(value, dict) and "bypass" in value)
    return value is not None and not is_entry


def parse_section(file: str, section: Any) -> dict[str, Entry]:
    """The entries of a ``bypass:`` section, by function name."""
    place = _Place(file, SECTION)
    if section is None:
        return {}
    if not isinstance(section, dict):
        raise place.wrong_type(section, "a mapping of function names to true, false or an entry")
    for name in section:
        if not isinstance(name, str) or not name:
            raise place.fault(
                f"has the key {_shown(name)}",
                "A key must be the name of a function; put it in quotes if YAML misreads it",
            )
    entries = dict(section)
    if _tells_of_actors(section):
        del entries[ACTORS]
    return {name: _entry(place.under(name), value) for name, value in entries.items()}


def _entry(place: _Place, value: Any) -> Entry:
    if isinstance(value, bool):
        return Entry(bypass=value)
    if not isinstance(value, dict):
        raise place.wrong_type(value, "true, false or a mapping such as {bypass: true}")
    _refuse_unknown(place, value, _PARSERS)
    given = {key: value[key] for key in value if key == "bypass" or value[key] is not None}
    return Entry(**{key: _PARSERS[key](place.under(key), item) for key, item in given.items()})


def _refuse_unknown(place: _Place, value: Mapping[Any, Any], known: Mapping[str, Any]) -> None:
    for key in value:
        if key not in known:
            nearest = difflib.get_close_matches(str(key), known, n=1)
            hint = f"Did you mean {nearest[0]!r}? " if nearest else ""
            raise place.fault(
                f"has the unknown key {_shown(key)}", f"{hint}Known: {', '.join(known)}"
            )


def _flag(place: _Place, value: Any) -> bool:
    if not isinstance(value, bool):
        raise place.wrong_type(value, "true or false, without quotes")
    return bool(value)


def _text(place: _Place, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise place.wrong_type(value, "text")
    return str(value)


def _texts(place: _Place, value: Any) -> tuple[str, ...]:
    """One text or a list of them."""
    if isinstance(value, list) and all(isinstance(item, str) and item for item in value):
        return tuple(value)
    if isinstance(value, str) and value:
        return (value,)
    raise place.wrong_type(value, "text or a list of texts")


def _data(place: _Place, value: Any) -> str:
    data = _text(place, value)
    try:
        parse_actor(data)
    except ValueError as error:
        raise place.fault(
            f"is {data!r}: {error}", "Write actor://NAME or actor://NAMESPACE/NAME"
        ) from None
    return data


def _tags(place: _Place, value: Any) -> tuple[str, ...]:
    patterns = (value,) if value == "" else _texts(place, value)
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            at = "" if error.pos is None else f" at position {error.pos}"
            raise place.fault(
                f"has the invalid regex {pattern!r}: {error.msg}{at}", "Correct it"
            ) from None
        except (OverflowError, RecursionError) as error:
            raise place.fault(
                f"has the invalid regex {pattern!r}: {error}", "Simplify it"
            ) from None
    return patterns


def _choice(choices: type[E]) -> Callable[[_Place, Any], E]:
    def parse(place: _Place, value: Any) -> E:
        for choice in choices:
            if value == choice.value:
                return choice
        raise place.wrong_type(value, "one of: " + ", ".join(choice.value for choice in choices))

    return parse


def _failed(place: _Place, value: Any) -> dict[str, tuple[Any, ...]]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise place.wrong_type(value, "a mapping of field names to the values that mean failure")
    return {key: tuple(item) if isinstance(item, list) else (item,) for key, item in value.items()}


def _was(place: _Place, value: Any) -> tuple[str, ...]:
    names = _texts(place, value)
    for name in names:
        module, _, qualified = name.partition(":")
        if not module or not qualified:
            raise place.fault(
                f"is {name!r}", "It must be module:qualname, such as loops.build:Node.run"
            )
    return names


def _files(place: _Place, value: Any) -> Files:
    if not isinstance(value, dict):
        return Files(_texts(place, value))
    _refuse_unknown(place, value, dict.fromkeys(("root", "globs", "limit", "delete")))
    if value.get("globs") is None:
        raise place.fault("has no globs", "Say which files: {globs: ['*.log']}")
    root, limit, delete = (value.get(key) for key in ("root", "limit", "delete"))
    return Files(
        globs=_texts(place.under("globs"), value["globs"]),
        root=None if root is None else _text(place.under("root"), root),
        limit=None if limit is None else _bytes(place.under("limit"), limit),
        delete=False if delete is None else _flag(place.under("delete"), delete),
    )


def _states(place: _Place, value: Any) -> dict[str, StateTree]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise place.wrong_type(value, "a mapping of the names of states to what they are")
    return {name: _state_tree(place.under(name), given) for name, given in value.items()}


def _state_tree(place: _Place, value: Any) -> StateTree:
    example = "{root: /srv/chip, save: git, restore: git}"
    if not isinstance(value, dict):
        raise place.wrong_type(value, f"a mapping such as {example}")
    _refuse_unknown(place, value, dict.fromkeys(("root", "save", "restore")))
    for key in ("root", "save"):
        if value.get(key) is None:
            raise place.fault(f"has no {key}", f"Write {example}")
    for key in ("save", "restore"):
        if value.get(key) not in (None, "git"):
            raise place.under(key).wrong_type(value[key], "git")
    return StateTree(_text(place.under("root"), value["root"]), value.get("restore") == "git")


def _bytes(place: _Place, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise place.wrong_type(value, "a positive number of bytes")
    return int(value)


def _shown(value: Any) -> str:
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"


_PARSERS: Mapping[str, Callable[[_Place, Any], Any]] = {
    "bypass": _flag,
    "data": _data,
    "tags": _tags,
    "match": _choice(Match),
    "ignore_args": _texts,
    "ignore_inputs": _texts,
    "repeats": _choice(Repeats),
    "state": _text,
    "failed": _failed,
    "was": _was,
    "files": _files,
}
