"""What the user said that functions leave: from bypass YAMLs and ``--files``, and back into one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from chia_bypass.bypass.config import BypassConfig
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
    )


def declared_in(path: str | Path | None) -> tuple[FunctionFiles, ...]:
    """What the YAML at ``path`` says, if there is one. Raises ConfigError."""
    return () if path is None else declared_files(load_config(path))


def given_files(options: RecordOptions) -> tuple[FunctionFiles, ...]:
    """What ``--files`` and ``--bypass`` say. Raises ConfigError."""
    return (*map(FunctionFiles.of, options.files), *declared_in(options.bypass))


def files_entry(function: str, declared: Iterable[FunctionFiles]) -> str | None:
    """The ``files:`` of a function, for its entry in a YAML; None: nothing was said.

    An entry has room for one folder: of several rules, those for the first folder.
    """
    fitting = [one for one in declared if named(function, (one.function,))]
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
