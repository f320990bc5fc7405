"""The first of us to run in a worker: puts the driver's chia_bypass there, and starts it.

Workers need no install of ours. This module is pickled by value into the job's setup hook, so it
may name nothing of chia_bypass outside of strings, and it carries the sources of what workers use.
The driver's version wins over one that a worker has installed.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
import zlib
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import CodeType, ModuleType
from typing import Any

PACKAGE = "chia_bypass"
SETUP_VARIABLE = "__RAY_WORKER_PROCESS_SETUP_HOOK_ENV_VAR"
"""As `ray_private` has it, which is not there yet."""


class CarriedSources:
    """Finds and loads the modules of a package from their sources."""

    def __init__(self, folder: str, sources: Mapping[str, str]) -> None:
        """``sources``: text by module name; a name that others begin with is a package.

        ``folder``: where the driver has them. Tracebacks and warnings name it, so that they read
        as they do where all is installed; empty: they say where a module comes from.
        """
        self._folder, self._sources = folder, sources

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The import protocol's."""
        if name not in self._sources:
            return None
        origin = self._origin(name)
        spec = ModuleSpec(name, self, origin=origin, is_package=self.is_package(name))  # type: ignore[arg-type]
        spec.has_location = True  # so that the module has a __file__
        return spec

    def _origin(self, name: str) -> str:
        path = name.replace(".", "/") + ("/__init__.py" if self.is_package(name) else ".py")
        return f"{self._folder}/{path}" if self._folder else f"{path} (sent by the driver)"

    def is_package(self, name: str) -> bool:
        """Whether others are inside it."""
        return any(other.startswith(f"{name}.") for other in self._sources)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """None: the usual kind of module will do."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's source in it."""
        exec(self.get_code(module.__name__), vars(module))

    def get_code(self, name: str) -> CodeType:
        """The compiled source."""
        spec = self.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        return compile(self._sources[name], spec.origin, "exec", dont_inherit=True)

    def get_source(self, name: str) -> str:
        """The source: tracebacks ask for it."""
        return self._sources[name]


class Installed:
    """Finds the package in the folder where the driver has it, if that is on this machine: unlike
    sources, its modules are compiled already."""

    def __init__(self, folder: str, identity: tuple[Any, ...] | None) -> None:
        """``identity``: of the package there, on the driver's machine; None: it has none."""
        self._folder, self._identity = folder, identity

    @classmethod
    def at(cls, folder: str) -> Installed:
        """What is in a folder of this machine."""
        return cls(folder, cls._found(folder))

    @staticmethod
    def _found(folder: str) -> tuple[Any, ...] | None:
        """Machine and file: no two have the same."""
        try:
            with open("/proc/sys/kernel/random/boot_id") as file:  # noqa: PTH123
                boot = file.read()
            found = os.stat(f"{folder}/{PACKAGE}/__init__.py")  # noqa: PTH116
        except OSError:
            return None
        return boot, found.st_dev, found.st_ino, found.st_mtime_ns

    def is_here(self) -> bool:
        """Whether this is that machine."""
        return self._identity is not None and self._found(self._folder) == self._identity

    def is_loaded(self) -> bool:
        """Whether the package was imported from there, as our site hook does."""
        file = getattr(sys.modules.get(PACKAGE), "__file__", None)
        return file == f"{self._folder}/{PACKAGE}/__init__.py"

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The import protocol's: what is inside of the package is then found as ever."""
        return PathFinder.find_spec(name, [self._folder]) if name == PACKAGE else None


class WorkerSetup:
    """Makes the job's ``worker_process_setup_hook``: ours, and then the loop's own."""

    def __init__(
        self,
        packed: bytes,
        entry: Sequence[Any],
        own: Callable[[], Any] | str | None,
        installed: Installed | None = None,
    ) -> None:
        """``packed``: sources, see :func:`pack`; ``entry``: arguments of worker_start.enter;
        ``own``: the loop's hook, a function or its dotted name; ``installed``: where the driver
        has the package, which is taken rather than the sources.
        """
        self._packed, self._entry, self._own = packed, tuple(entry), own
        self._installed = installed

    def hook(self) -> Callable[[], None]:
        """The function to give to Ray, which wants one that has a name."""

        def chia_bypass_setup() -> None:
            # Only for this process: a Ray that it starts itself does not know the key.
            os.environ.pop(SETUP_VARIABLE, None)
            self.enter()
            self.run_own()

        return chia_bypass_setup

    def enter(self) -> None:
        """Let chia_bypass in. Whatever goes wrong: a hook that raises kills every worker."""
        try:
            self._put_package()
            start = importlib.import_module(f"{PACKAGE}.hook.worker_start")
            start.enter(*self._entry)
        except Exception:
            logging.getLogger(PACKAGE).exception(
                "chia-bypass could not be loaded in this worker: calls that it dispatches are not "
                "recorded, and results of real calls that run in it are not kept"
            )

    def _put_package(self) -> None:
        installed = self._installed
        if installed is not None and installed.is_here():
            if not installed.is_loaded():
                self._remove_package()
                sys.meta_path.insert(0, installed)
            return
        self._remove_package()
        folder, sources = json.loads(zlib.decompress(self._packed))
        sys.meta_path.insert(0, CarriedSources(folder, sources))

    @staticmethod
    def _remove_package() -> None:
        for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
            del sys.modules[name]  # an installed one, which our site hook may have imported

    def run_own(self) -> None:
        """The loop's own hook: what it raises, Ray reports as ever."""
        if callable(self._own):
            self._own()
        elif self._own is not None:
            module, _, name = self._own.rpartition(".")
            getattr(importlib.import_module(module), name)()


def pack(sources: Mapping[str, str], folder: str = "") -> bytes:
    """``sources``, which are below ``folder``, as :class:`WorkerSetup` carries them."""
    return zlib.compress(json.dumps([folder, sources]).encode())
