"""Do something right after a module has been imported, whenever that is.

Runs at every Python start below ``record`` and ``replay``: builtin modules only.
"""

from __future__ import annotations

import sys
from _thread import get_ident

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

    Callback = Callable[[ModuleType], None]


def after_import(module_name: str, callback: Callback) -> Callable[[], None]:
    """Call ``callback(module)`` each time ``module_name`` has been executed; returns the undoing.

    Calls at once if the module is there already, and again after ``importlib.reload``. What the
    callback raises is raised by the import.
    """
    _finder.callbacks.setdefault(module_name, []).append(callback)
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
    module = sys.modules.get(module_name)
    if module is not None and not _is_importing(module):
        callback(module)
    return lambda: _forget(module_name, callback)


def _is_importing(module: ModuleType) -> bool:
    """Being executed by another thread, or further up in this one."""
    return bool(getattr(module.__spec__, "_initializing", False))


def _forget(module_name: str, callback: Callback) -> None:
    """Undo one registration; doing it twice is harmless."""
    callbacks = _finder.callbacks.get(module_name, [])
    if callback in callbacks:
        callbacks.remove(callback)
    if not callbacks:
        _finder.callbacks.pop(module_name, None)
    if not _finder.callbacks and _finder in sys.meta_path:
        sys.meta_path.remove(_finder)


class _Finder:
    """Lets the other finders find a module, and puts our loader around theirs."""

    def __init__(self) -> None:
        self.callbacks: dict[str, list[Callback]] = {}
        self._searching: set[tuple[str, int]] = set()

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        search = (name, get_ident())
        # Another tool's finder may ask all finders in turn, like this one.
        if name not in self.callbacks or search in self._searching:
            return None
        self._searching.add(search)
        try:
            spec = self._from_the_others(name, path, target)
        finally:
            self._searching.discard(search)
        if spec is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = _Loader(spec.loader)  # type: ignore[assignment]
        return spec

    def _from_the_others(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None
    ) -> ModuleSpec | None:
        for finder in list(sys.meta_path):
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                return spec
        return None

    def imported(self, module: ModuleType) -> None:
        for callback in tuple(self.callbacks.get(module.__name__, ())):
            callback(module)


class _Loader:
    """Another loader, and the callbacks after it; leaves no trace on the module."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        _finder.imported(module)


_finder = _Finder()
