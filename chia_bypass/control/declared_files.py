"""What the user said that functions leave: from bypass YAMLs and ``--files``, and back into one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from chia_bypass.bypass.config import STATES, BypassConfig, StateTree
from chia_bypass.bypass.parser import load_config
from chia_bypass.names import named
from chia_bypass.options import FunctionFiles, RecordOptions


def declared_files(config: BypassConfig) -> tuple[FunctionFiles, ...]:
    """What the entries of a YAML say."""
    return tuple(
        FunctionFiles(
            function=name,
            root=entry.files.root,
            globs=entry.files.globs,
            limit=entry.files.limit,
            delete=entry.files.delete,
        )
        for name, entry in config.entries.items()
        if entry.files is not None
    ) + tuple(
        FunctionFiles(function=name, root=config.states[entry.state].root, state=entry.state)
        for name, entry in config.entries.items()
        if entry.state is not None and entry.state in config.states
    )


def declared_in(path: str | Path | None) -> tuple[FunctionFiles, ...]:
    """What the YAML at ``path`` says, if there is one. Raises ConfigError."""
    return () if path is None else declared_files(load_config(path))


@dataclass(frozen=True, slots=True)
class Declared:
    """What ``record`` was told, for the YAML that the recording begins with."""

    files: tuple[FunctionFiles, ...] = ()
    states: Mapping[str, StateTree] = field(default_factory=dict)

    @staticmethod
    def of(options: RecordOptions) -> Declared:
        """What ``--files`` and ``--bypass`` say. Raises ConfigError."""
        config = BypassConfig() if options.bypass is None else load_config(options.bypass)
        said = (*map(FunctionFiles.of, options.files), *declared_files(config))
        return Declared(said, config.states)

    def lines(self, function: str) -> list[str]:
        """What was said of a function, as lines of its entry."""
        fitting = [one for one in self.files if named(function, (one.function,))]
        states = [f"state: {json.dumps(one.state)}" for one in fitting if one.state]
        files = files_line([one for one in fitting if not one.state])
        return [*states[:1], *([files] if files else [])]

    def others(self, functions: Iterable[str]) -> Mapping[str, list[str]]:
        """The same of those that have a state and were not called: calls to come may use it."""
        known = list(functions)
        return {
            one.function: self.lines(one.function)
            for one in self.files
            if one.state and not any(named(function, (one.function,)) for function in known)
        }

    def section(self) -> str:
        """What was said of states, as a section; empty: nothing."""
        lines = [f"{STATES}:"]
        for name, tree in self.states.items():
            restore = ", restore: git" if tree.restore else ""
            root = json.dumps(tree.root)
            lines.append(f"  {json.dumps(name)}: {{root: {root}, save: git{restore}}}")
        return "\n".join(lines) + "\n" if self.states else ""


NOTHING: Final = Declared()


def files_line(fitting: Sequence[FunctionFiles]) -> str | None:
    """The ``files:`` of a function.

    An entry has room for one folder: of several rules, those for the first folder.
    """
    if not fitting:
        return None
    first = fitting[0]
    same = [one for one in fitting if one.root == first.root]
    globs: Sequence[str] = list(dict.fromkeys(glob for one in same for glob in one.globs))
    parts = [] if first.root is None else [f"root: {json.dumps(first.root)}"]
    parts.append(f"globs: {json.dumps(globs)}")
    parts += [] if first.limit is None else [f"limit: {first.limit}"]
    parts += ["delete: true"] if any(one.delete for one in same) else []
    return f"files: {{{', '.join(parts)}}}"
