"""What a YAML switches on, in the form that travels to workers."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache

from chia_bypass.bypass.config import BypassConfig, parse_actor
from chia_bypass.names import find, key_in, tag_fits


class Settings:
    """Flags, data paths and tag patterns by function name. Immutable.

    It travels with every dispatch, so it is pickled once, and a worker unpickles the same bytes
    once: equal settings are one object there.
    """

    def __init__(
        self,
        flags: Mapping[str, bool],
        data: Mapping[str, str],
        tags: Mapping[str, tuple[str, ...]],
        file: str | None = None,
    ) -> None:
        self.flags, self.data, self.tags = flags, data, tags
        self.file = file
        """The YAML that this comes from, for messages."""

    @staticmethod
    def of(config: BypassConfig) -> Settings:
        """The settings of a YAML: what an entry that is switched off says beyond that is void."""
        on = {name: entry for name, entry in config.entries.items() if entry.bypass}
        return Settings(
            flags={name: entry.bypass for name, entry in config.entries.items()},
            data={name: entry.data for name, entry in on.items() if entry.data is not None},
            tags={name: entry.tags for name, entry in on.items() if entry.tags is not None},
            file=config.path,
        )

    def merged(self, other: Settings) -> Settings:
        """These settings, overridden by ``other`` where it says something."""
        return Settings(
            {**self.flags, **other.flags},
            {**self.data, **other.data},
            {**self.tags, **other.tags},
            other.file or self.file,
        )

    def switched_on(self, name: str) -> bool:
        """Whether the YAML says ``bypass: true`` for the function."""
        return find(self.flags, name) or False

    def tag_fits(self, name: str, tag: str | None) -> bool:
        """Whether the function has no ``tags:``, or one of them matches all of ``tag``."""
        patterns = find(self.tags, name)
        return patterns is None or tag_fits(tag, patterns)

    def data_key(self, name: str) -> str:
        """Where the data of the function was named, ``bypass.run_sim.data in sim.yaml``."""
        place = f"bypass.{key_in(self.data, name) or name}.data"
        return f"{place} in {self.file}" if self.file else place

    @cached_property
    def files(self) -> tuple[str, ...]:
        """The data that are paths, which take a file server, as written."""
        return tuple(data for data in self.data.values() if parse_actor(data) is None)

    @cached_property
    def _pickled(self) -> bytes:
        return pickle.dumps((self.flags, self.data, self.tags, self.file))

    def __reduce__(self) -> tuple[Callable[[bytes], Settings], tuple[bytes]]:
        return _unpickled, (self._pickled,)


@lru_cache(maxsize=32)
def _unpickled(data: bytes) -> Settings:
    settings = Settings(*pickle.loads(data))
    settings.__dict__["_pickled"] = data  # nested dispatches send the same bytes on
    return settings
