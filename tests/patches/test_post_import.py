"""Callbacks after imports, on real modules of every kind."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from chia_bypass.patches.post_import import after_import

NAME = "watched_by_the_hook"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on sys.path with a module NAME in it; the finders are compared afterwards."""
    (tmp_path / f"{NAME}.py").write_text("value = 1\n\ndef double(x):\n    return 2 * x\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    before = list(sys.meta_path)
    yield tmp_path
    sys.modules.pop(NAME, None)
    assert sys.meta_path == before


def test_called_after_the_module_is_complete_until_undone(place: Path) -> None:
    seen: list[tuple[str, int]] = []
    undo = after_import(NAME, lambda module: seen.append((module.__name__, module.value)))
    assert seen == []
    importlib.import_module(NAME)
    importlib.import_module(NAME)
    assert seen == [(NAME, 1)]
    undo()
    undo()
    del sys.modules[NAME]
    importlib.import_module(NAME)
    assert seen == [(NAME, 1)]


def test_called_at_once_for_a_module_that_is_there(place: Path) -> None:
    module = importlib.import_module(NAME)
    seen: list[ModuleType] = []
    after_import(NAME, seen.append)()
    assert seen == [module]


def test_several_registrations_are_called_in_order_and_undone_one_by_one(place: Path) -> None:
    seen: list[str] = []
    undo_first = after_import(NAME, lambda _: seen.append("first"))
    undo_second = after_import(NAME, lambda _: seen.append("second"))
    importlib.import_module(NAME)
    undo_first()
    importlib.reload(sys.modules[NAME])
    assert seen == ["first", "second", "second"]
    undo_second()


def test_module_is_as_if_nobody_had_watched(place: Path) -> None:
    plain = importlib.import_module(NAME)
    expected = (type(plain.__loader__), type(plain.__spec__.loader), plain.__file__)  # type: ignore[union-attr]
    del sys.modules[NAME]
    undo = after_import(NAME, lambda _: None)
    watched = importlib.import_module(NAME)
    assert (type(watched.__loader__), type(watched.__spec__.loader), watched.__file__) == expected  # type: ignore[union-attr]
    assert inspect.getsource(watched.double) == "def double(x):\n    return 2 * x\n"
    assert importlib.reload(watched) is watched
    undo()


def test_called_again_after_a_reload(place: Path) -> None:
    seen: list[int] = []
    undo = after_import(NAME, lambda module: seen.append(module.value))
    module = importlib.import_module(NAME)
    vars(module)["value"] = 5
    importlib.reload(module)
    assert seen == [1, 1]
    undo()


def test_what_the_callback_raises_is_raised_by_the_import(place: Path) -> None:
    undo = after_import(NAME, lambda _: 1 / 0)  # type: ignore[arg-type]
    with pytest.raises(ZeroDivisionError):
        importlib.import_module(NAME)
    assert NAME not in sys.modules
    undo()


def test_missing_module_is_missing_as_ever(place: Path) -> None:
    undo = after_import("no_such_module_at_all", lambda _: None)
    with pytest.raises(ModuleNotFoundError, match="no_such_module_at_all"):
        importlib.import_module("no_such_module_at_all")
    undo()


def test_lazy_loader_calls_back_at_first_use(place: Path) -> None:
    seen: list[ModuleType] = []
    undo = after_import(NAME, seen.append)
    spec = importlib.util.find_spec(NAME)
    assert spec is not None
    assert spec.loader is not None
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = module
    spec.loader.exec_module(module)
    assert seen == []
    assert module.value == 1
    assert seen == [module]
    undo()


def test_module_in_a_zip_file(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = place / "lib.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("zipped_and_watched.py", "value = 7\n")
    monkeypatch.syspath_prepend(str(archive))
    seen: list[int] = []
    undo = after_import("zipped_and_watched", lambda module: seen.append(module.value))
    module = importlib.import_module("zipped_and_watched")
    assert seen == [7]
    assert type(module.__loader__).__name__ == "zipimporter"
    undo()
    del sys.modules["zipped_and_watched"]


def test_another_finder_that_asks_all_finders(place: Path) -> None:
    class Asking:
        """What wrapt and its kin do."""

        def find_spec(self, name: str, path: object = None, target: object = None) -> object:
            if name != NAME:
                return None
            for finder in sys.meta_path:
                if finder is not self:  # type: ignore[comparison-overlap]
                    spec = finder.find_spec(name, path, target)  # type: ignore[arg-type]
                    if spec is not None:
                        return spec
            return None

    seen: list[ModuleType] = []
    asking = Asking()
    undo = after_import(NAME, seen.append)
    sys.meta_path.insert(0, asking)  # type: ignore[arg-type]
    try:
        module = importlib.import_module(NAME)
    finally:
        sys.meta_path.remove(asking)  # type: ignore[arg-type]
        undo()
    assert seen == [module]
