"""Everything that opens a recording, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Final


def look(root: Path) -> None:
    """Everything that opens a recording; whatever comes out of here is a finding.

    Until something is added nothing changes: what opens a recording, or reads its YAML, again gets
    what the first one got.
    """
    for step in STEPS:
        if step in (STEPS[0], _grown):
            for function in _once():
                function.forget()
        with suppress(*_declared()):
            step(root)


@lru_cache(maxsize=1)
def _once() -> Sequence[Once]:
    """What is called once for the same folder, from now on."""
    from chia_bypass.bypass import yaml_text
    from chia_bypass.recording.reader import Recording

    opened, loaded = Once(Recording._open), Once(yaml_text.load_sections)
    Recording._open, yaml_text.load_sections = opened, loaded  # type: ignore[method-assign]
    return opened, loaded


class Once:
    """A function that is called once for the same arguments, and then answers from memory."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._ends: dict[object, tuple[Any, Exception | None]] = {}

    def forget(self) -> None:
        """Call it again."""
        self._ends.clear()

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        asked = (arguments, tuple(options.items()))
        if asked not in self._ends:
            try:
                self._ends[asked] = self._function(*arguments, **options), None
            except Exception as error:
                self._ends[asked] = None, error
        found, raised = self._ends[asked]
        if raised is not None:
            raise raised
        return found


def _declared() -> tuple[type[Exception], ...]:
    from chia_bypass.errors import ChiaBypassError

    return (ChiaBypassError,)


def _read(root: Path) -> None:
    from chia_bypass.recording.reader import Recording
    from chia_bypass.recording.sketched import sketched

    recording = Recording.open(root, tolerant=True)
    for path in recording.index.paths:
        with suppress(*_declared()):
            stored = recording.result(path)
            if stored is not None and stored.result.content:
                repr(sketched(recording, stored))
    for call in recording.calls():
        str(call)
    list(recording.seen)


def _opened(root: Path) -> None:
    from chia_bypass.recording.reader import Recording

    Recording.open(root)


def _listed(root: Path) -> None:
    from chia_bypass.recording.summary import listing
    from chia_bypass.wording import moment, seconds

    for found in listing(root.parent):
        f"{found} {moment(found.started)} {seconds(found.seconds)}"


def _verified(root: Path) -> None:
    from chia_bypass.look.archive.verify import verify

    verify(root)


def _asked(root: Path) -> None:
    from chia_bypass.bypass.parser import load_config
    from chia_bypass.control.foreign_rules import check_patterns, check_real
    from chia_bypass.control.replay_session import located
    from chia_bypass.options import ReplayOptions
    from chia_bypass.ownership.whose import is_foreign

    is_foreign(root)
    _, yaml = located(root)
    if yaml is not None:
        rules = load_config(yaml)
        check_patterns(rules, root)
        check_real(rules, ReplayOptions(), root)


def _grown(root: Path) -> None:
    from support.sample_records import make_run

    from chia_bypass.recording.folder import RunFolder

    with RunFolder.extend(root, make_run("more"), "host") as run:
        with suppress(OSError):  # as its callers do
            run.close(0, 3.0)


STEPS: Final = (_opened, _read, _listed, _verified, _asked, _grown)
