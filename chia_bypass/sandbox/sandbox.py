"""A sandbox for one command: tried before it starts, entered by it, looked through after it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from chia_bypass.sandbox import kernel, layers
from chia_bypass.sandbox.child import in_child
from chia_bypass.sandbox.foreign import copy_foreign
from chia_bypass.sandbox.kernel import Refused
from chia_bypass.sandbox.layers import Written
from chia_bypass.sandbox.plan import Plan
from chia_bypass.sandbox.refusals import explained
from chia_bypass.sandbox.scratch import InMemory, OnDisk, Scratch

_PLACES: Final = ("/var/tmp",)
"""Where scratch layers may be, besides the folder for temporary files."""


class Sandbox:
    """What :func:`prepare` gives. To be closed at the end."""

    def __init__(self, plan: Plan, scratch: Scratch) -> None:
        self.plan, self._scratch = plan, scratch
        self.first: Callable[[], None] | None = None
        """What is done inside before the command starts."""

    def enter(self) -> None:
        """Take this process into it, which must be a new child that is to be the command.

        Raises Refused and OSError.
        """
        user, group = os.geteuid(), os.getegid()
        closed = [path for path in self.plan.overlaid if not os.access(path, os.R_OK | os.X_OK)]
        became_root = kernel.own_mounts()
        below = [(path, os.open(path, os.O_PATH)) for path in self.plan.overlaid]
        through = [(path, os.open(path, os.O_PATH)) for path in self.plan.passed]
        scratch = self._scratch.mount()
        for number, (path, lower) in enumerate(below):
            if path in closed:  # nothing in it can be seen, so nothing is hidden
                kernel.memory(path)
                continue
            layer = layers.layer(scratch, number)
            _make(layer, Path(path), alone=became_root and user != 0)
            kernel.overlay(path, lower, str(layer.upper), str(layer.work))
        for path, source in through:
            kernel.bind(path, source)
        if self.plan.source:
            Path(self.plan.working).mkdir(parents=True, exist_ok=True)
            kernel.bind(self.plan.working, os.open(self.plan.source, os.O_PATH))
        if became_root:
            kernel.be(user, group)
        os.chdir(self.plan.working)
        for _, descriptor in (*below, *through):
            os.close(descriptor)
        if self.first is not None:
            self.first()

    def try_out(self) -> None:
        """Enter it in a child and write something. Raises Refused and OSError."""
        in_child(self.enter, _write_here)
        self._scratch.empty()

    def written(self) -> Iterator[Written]:
        """What the command wrote and removed, when it has ended."""
        scratch = self._scratch.seen()
        for number, path in enumerate(self.plan.overlaid):
            if scratch is not None and (upper := layers.layer(scratch, number).upper).is_dir():
                yield from map(self._seeming, layers.written(upper, Path(path)))

    def _seeming(self, one: Written) -> Written:
        """At the path that the command knows."""
        start = f"{self.plan.source}/"
        if not self.plan.source or not one.path.startswith(start):
            return one
        return one._replace(path=f"{self.plan.working}/{one.path.removeprefix(start)}")

    def close(self) -> None:
        """Forget what was written."""
        self._scratch.remove()


def prepare(plan: Plan, control: Path) -> Sandbox:
    """A sandbox that was tried out here; ``control`` is a folder of this run's own.

    Its layers are on a disk where one will do, else in memory. Raises Refused.
    """
    kinds: list[Callable[[], Scratch]] = [lambda: InMemory(control)]
    kinds[:0] = [partial(OnDisk, place) for place in _places(plan)]
    problem = ""
    for make in kinds:
        try:
            sandbox = Sandbox(plan, make())
        except OSError as error:
            problem = f"{error.filename}: {error.strerror}"
            continue
        try:
            sandbox.try_out()
        except (OSError, Refused) as error:
            problem = str(error)
            sandbox.close()
        else:
            return sandbox
    raise Refused(explained(problem))


def _places(plan: Plan) -> list[Path]:
    """A layer must not be inside of what is below it."""
    places = dict.fromkeys(Path(place).resolve() for place in (tempfile.gettempdir(), *_PLACES))
    return [one for one in places if not any(one.is_relative_to(root) for root in plan.overlaid)]


def _make(layer: layers.Layer, root: Path, *, alone: bool) -> None:
    """The folders of a layer. ``alone``: there is no user and no group but this one."""
    for folder in layer:
        folder.mkdir(parents=True)
    status = root.stat()
    if not alone and os.geteuid() == 0:
        os.chown(layer.upper, status.st_uid, status.st_gid)
    shutil.copystat(root, layer.upper)
    if alone:
        copy_foreign(root, layer.upper)


def _write_here() -> None:
    """Some kernels mount a layer in which folders cannot be made."""
    if os.access(".", os.W_OK):
        Path(tempfile.mkdtemp(dir=".")).rmdir()
