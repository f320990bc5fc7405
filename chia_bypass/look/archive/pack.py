"""One file from a recording, for CI and bug reports: without values, unless they are named."""

from __future__ import annotations

import tarfile
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

from chia_bypass.errors import RecordingError, RecordingExists, UsageError
from chia_bypass.files import publish
from chia_bypass.look.archive.artifact import Artifact
from chia_bypass.look.archive.rewriting import rewrite
from chia_bypass.look.archive.secrets import secrets_in, secrets_of_tags
from chia_bypass.names import named
from chia_bypass.recording.index import CallIndex
from chia_bypass.recording.layout import LOCK, belongs, files_of
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import (
    ActorMethod,
    Argument,
    Call,
    LoopFile,
    Outcome,
    Record,
    Result,
    Run,
    Surroundings,
)
from chia_bypass.recording.redaction import Secret

WITHHELD = "not kept (withheld): `chia-bypass pack` left it out; --keep names what it includes"


@dataclass(frozen=True, slots=True)
class Choice:
    """Whose values a pack includes: results, renderings of arguments, and tracebacks."""

    everything: bool = False
    keep: tuple[str, ...] = ()
    """Paths of calls, tags, and globs of functions."""

    def chosen(self, index: CallIndex) -> frozenset[str]:
        """Paths of the calls. Raises UsageError for a name that means none."""
        if self.everything:
            return frozenset(index.paths)
        found: set[str] = set()
        for wanted in self.keep:
            calls = {index.paths[n] for n in range(len(index)) if _means(wanted, index, n)}
            if not calls:
                raise UsageError(f"--keep {wanted}: no call, tag or function is called so")
            found |= calls
        return frozenset(found)


def _means(wanted: str, index: CallIndex, number: int) -> bool:
    names = (index.paths[number], index.tag(number))
    return wanted in names or named(index.function(number), (wanted,))


@dataclass(frozen=True, slots=True)
class Leaving:
    """What somebody who gets the file learns."""

    values: tuple[tuple[str, int, int], ...]
    """Functions whose values are in it, with the number of calls and of bytes."""
    files: tuple[tuple[str, int, int], ...]
    """Functions whose files are in it, with the number of files and of bytes."""
    withheld: int
    """Results whose values are not."""
    functions: tuple[str, ...]
    """Names of functions."""
    tags: int
    command: tuple[str, ...]
    paths: tuple[str, ...]
    """Working directories and scripts, which may name users."""
    hosts: tuple[str, ...]
    environment: int
    """Names of environment variables."""
    kept: tuple[str, ...]
    """Variables whose values are stored."""
    secrets: tuple[tuple[str, Secret], ...]
    """What looks like a secret in the values that leave, and in tags, with where it is."""
    rules: int
    """Rules of --redact that are left out: a pattern tells what a secret looks like."""


def leaving(recording: Recording, choice: Choice) -> Leaving:
    """What a pack of ``recording`` would tell. Raises UsageError and RecordingCorrupt."""
    index, contents = recording.index, recording.contents
    chosen = choice.chosen(index)
    calls, sizes, withheld = Counter[str](), Counter[str](), 0
    for number, path in enumerate(index.paths):
        for position in index.results(number):
            if path in chosen:
                calls[index.function(number)] += 1
                sizes[index.function(number)] += index.columns["size"][position]
            else:
                withheld += index.outcome(position) in (Outcome.VALUE, Outcome.EXCEPTION)
    runs = contents.runs
    return Leaving(
        values=tuple((name, calls[name], sizes[name]) for name in sorted(calls)),
        files=_files(recording, chosen),
        withheld=withheld,
        functions=tuple(sorted({index.function(number) for number in range(len(index))})),
        tags=len({index.tag(number) for number in range(len(index))} - {None}),
        command=runs[0].command if runs else (),
        paths=_unique(*(r.directory for r in runs), *(d.argv[0] for d in contents.drivers)),
        hosts=_hosts(recording),
        environment=len({name for run in runs for name in run.environment}),
        kept=_unique(*(name for run in runs for name in run.kept)),
        secrets=(*secrets_in(recording, chosen), *secrets_of_tags(recording)),
        rules=len({rule for run in runs for rule in run.redact}),
    )


def _files(recording: Recording, chosen: frozenset[str]) -> tuple[tuple[str, int, int], ...]:
    counts, sizes = Counter[str](), Counter[str]()
    for stored in recording.leaving_files():
        call = stored.result.call
        if call.path in chosen:
            counts[call.function] += sum(one.count - one.unkept for one in stored.result.files)
            sizes[call.function] += stored.result.files_size
    return tuple((name, counts[name], sizes[name]) for name in sorted(counts))


def _unique(*texts: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


def _hosts(recording: Recording) -> tuple[str, ...]:
    contents = recording.contents
    nodes = (str(node.get("host")) for cluster in contents.clusters for node in cluster.nodes)
    return _unique(*(driver.host for driver in contents.drivers), *nodes)


def pack(recording: Recording, choice: Choice, file: Path, artifact: Artifact | None = None) -> int:
    """Write the archive ``file``, which must not exist; returns its size in bytes.

    ``artifact``: with the loop itself. Raises RecordingExists and RecordingError.
    """
    if file.exists():
        raise RecordingExists(file, "exists already", "Name another file with -o, or remove it")
    chosen = choice.chosen(recording.index)
    name = recording.folder.resolve().name
    try:
        with tempfile.TemporaryDirectory(prefix=".chia-bypass-", dir=file.parent) as scratch:
            folder = Path(scratch) / name
            every = choice.everything
            if artifact is None:
                change = partial(_packed, chosen=chosen, every=every)
                rewrite(recording, folder, change, of_run=without_rules)
            else:
                rewrite(
                    recording, folder, artifact.change, partial(artifact.add, folder), without_rules
                )
            publish(file, lambda packed: _archive(folder, packed))
    except OSError as error:
        raise RecordingError(file, f"cannot be written: {error}", "Name another with -o") from None
    return file.stat().st_size


def without_rules(run: Run) -> Run:
    """The run as a pack has it."""
    return replace(run, redact=(), tells_methods=False)


def _packed(record: Record, chosen: frozenset[str], *, every: bool) -> Record | None:
    if isinstance(record, ActorMethod):  # its arguments are no values that were looked through
        return None
    if isinstance(record, LoopFile):
        return record if every else replace(record, kept=False)
    if isinstance(record, Surroundings):
        return replace(record, working="")
    if isinstance(record, Call):
        return record if record.path in chosen else _silent(record)
    if isinstance(record, Result) and record.call.path not in chosen:
        return _withheld(record)
    return record


def _silent(call: Call) -> Call:
    arguments = tuple(
        Argument(a.name, a.digest, "", a.producers, masked=a.masked) for a in call.arguments
    )
    return replace(call, arguments=arguments, unstable=())


def _withheld(result: Result) -> Result:
    """The result as if its value could not be kept: its facts stay, what it says goes."""
    had_value = result.outcome in (Outcome.VALUE, Outcome.EXCEPTION)
    return Result(
        call=_silent(result.call),
        attempt=result.attempt,
        outcome=Outcome.UNKEPT if had_value else result.outcome,
        started=result.started,
        finished=result.finished,
        node=result.node,
        host=result.host,
        pid=result.pid,
        type=result.type,
        reason=WITHHELD,
    )


def _archive(folder: Path, archive: BinaryIO) -> None:
    """A compressed tar of the files, without owners, times and modes of this machine."""
    # Named for the header of gzip, where else the name of a scratch file would stand.
    with tarfile.open("archive", "w:gz", fileobj=archive, format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(files_of(folder)):
            relative = path.relative_to(folder).as_posix()
            if belongs(relative) and relative != LOCK:
                info = tarfile.TarInfo(f"{folder.name}/{relative}")
                info.size, info.mode = path.stat().st_size, 0o644
                with path.open("rb") as source:
                    tar.addfile(info, source)
