"""The bypass YAML that a recording begins with: one entry a function, meant to be edited."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from chia_bypass.bypass.config import SECTION
from chia_bypass.bypass.parser import load_config
from chia_bypass.control.declared_files import NOTHING, Declared
from chia_bypass.names import find, short_name
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.summary import by_function

_HEAD = """\
# This file says what a replay of this recording serves. You may edit it: a function that is set to
# false runs for real, and `tags:` (regexes that match a whole tag) limits which calls are served.
# Paths are relative to this file. All keys, with examples: chia-bypass guide yaml
"""
_SECTION = re.compile(
    rf"^{SECTION}:[ \t]*(?:#.*)?\n(?:[ \t]*(?:#.*)?\n)*(?P<first>(?P<indentation>[ ]+)\S)",
    re.MULTILINE,
)
"""The head of the section up to its first entry."""
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")


@dataclass(frozen=True, slots=True)
class _Summary:
    calls: int
    seconds: float
    tags: tuple[str, ...]
    failures: int
    unkept: int

    def __str__(self) -> str:
        parts = [f"{self.calls} call{'s' if self.calls != 1 else ''}", f"{self.seconds:.1f} s"]
        if self.failures:
            parts.append(f"{self.failures} raised")
        if self.unkept:
            parts.append(f"{self.unkept} not kept")
        if self.tags:
            more = ", …" if len(self.tags) > 3 else ""
            parts.append("tags " + ", ".join(self.tags[:3]) + more)
        return ", ".join(parts)


def bypass_yaml(recording: Recording, declared: Declared = NOTHING) -> str:
    """The text of ``bypass.yaml`` for ``recording``."""
    summaries = _summaries(recording)
    filtered = {u.function for u in recording.contents.uncaptured.values() if u.how == "filtered"}
    keys = keys_of([*summaries, *filtered])
    lines = [_HEAD, "bypass:"]
    for function in sorted(summaries):
        lines.extend(_entry(keys[function], summaries[function]))
        lines.extend(f"    {line}" for line in declared.lines(function))
    for function in sorted(filtered - summaries.keys()):
        lines.append(f"  {quoted(keys[function])}: false  # left out by a filter of record")
    for name, said in declared.others({*summaries, *filtered}).items():
        entry = [f"  {quoted(name)}:  # not called yet", "    bypass: true", "    data: ."]
        lines.extend([*entry, *(f"    {line}" for line in said)])
    if len(lines) == 2:
        lines[-1] = "bypass: {}  # no call was recorded"
    return "\n".join(lines) + "\n" + declared.section()


def _entry(key: str, summary: _Summary) -> list[str]:
    return [f"  {quoted(key)}:  # {_comment(str(summary))}", "    bypass: true", "    data: ."]


def grown_yaml(path: Path, recording: Recording) -> str:
    """The text of the bypass YAML at ``path``, with entries for what it does not list yet.

    They go before all others, so that nothing else in it changes, which users may have edited. A
    section that is written in one line is left as it is. Raises ConfigError.
    """
    entries = load_config(path).entries if path.is_file() else {}
    if not entries:
        return bypass_yaml(recording)
    text, summaries = path.read_text(), _summaries(recording)
    head = _SECTION.search(text)
    keys = keys_of(summaries)
    new = [name for name in sorted(summaries) if find(entries, name) is None]
    if head is None or not new:
        return text
    lines = [line[2:] for name in new for line in _entry(keys[name], summaries[name])]
    indented = "".join(f"{head['indentation']}{line}\n" for line in lines)
    return text[: head.start("first")] + indented + text[head.start("first") :]


def _comment(text: str) -> str:
    """``text`` on one line, whatever characters a tag has."""
    return json.dumps(text, ensure_ascii=False)[1:-1].replace("\x7f", "?")


def quoted(key: str) -> str:
    return key if _PLAIN.fullmatch(key) else json.dumps(key)


def _summaries(recording: Recording) -> Mapping[str, _Summary]:
    index = recording.index
    tags: defaultdict[str, dict[str, None]] = defaultdict(dict)
    dispatched = index.columns["dispatched"].__getitem__
    for number in sorted(range(len(index)), key=dispatched):
        tag = index.tag(number)
        if tag is not None:
            tags[index.function(number)][tag] = None
    return {
        found.function: _Summary(
            found.calls, found.seconds, tuple(tags[found.function]), found.raised, found.unkept
        )
        for found in by_function(recording)
    }


def keys_of(functions: Iterable[str]) -> Mapping[str, str]:
    """The YAML key of each function: its qualified name, if that means only this one."""
    functions = set(functions)
    shared = Counter(map(short_name, functions))
    return {name: name if shared[short_name(name)] > 1 else short_name(name) for name in functions}
