"""Patches and their undoing, alone and among others' patches."""

from __future__ import annotations

import functools
import importlib
import pickle
import sys
from collections.abc import Callable, Iterator
from itertools import permutations
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from ray import cloudpickle

from chia_bypass.patches.patching import Patch, undo_all

NAME = "patched_for_a_test"


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A module of a function ``put``."""
    (tmp_path / f"{NAME}.py").write_text("def put(x):\n    return [x]\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module(NAME)
    del sys.modules[NAME]


def adding(text: str) -> Callable[[Any], Any]:
    """Makes replacements that add ``text`` to what the original returns."""

    def wrap(original: Any) -> Any:
        @functools.wraps(original)
        def replacement(*args: Any) -> Any:
            return [*original(*args), text]

        return replacement

    return wrap


def test_put_in_place_once_and_taken_away(module: Any) -> None:
    original = module.put
    patch: Patch[None] = Patch("put", adding("a"))
    undo, undo_nothing = patch.install(module), patch.install(module)
    assert module.put(1) == [1, "a"]
    undo_nothing()
    assert module.put(1) == [1, "a"]
    undo()
    undo()
    assert module.put is original


@pytest.mark.parametrize("order", list(permutations("abc")))
def test_nested_patches_are_undone_in_any_order(module: Any, order: tuple[str, ...]) -> None:
    original = module.put
    patches: dict[str, Patch[None]] = {text: Patch("put", adding(text)) for text in "abc"}
    undoings = {text: patch.install(module) for text, patch in patches.items()}
    assert module.put(1) == [1, "a", "b", "c"]
    for text in order[:-1]:
        undoings[text]()
        assert order[-1] in module.put(1)
    undoings[order[-1]]()
    assert module.put is original


def test_whoever_patched_last_keeps_theirs(module: Any) -> None:
    undo = Patch[None]("put", adding("ours")).install(module)
    theirs = module.put = adding("theirs")(module.put)
    undo()
    assert module.put is theirs
    assert module.put(1) == [1, "ours", "theirs"]


def test_a_patch_below_somebody_elses_is_not_made_twice(module: Any) -> None:
    original = module.put
    patch: Patch[None] = Patch("put", adding("ours"))
    undo = patch.install(module)
    ours, module.put = module.put, adding("theirs")(module.put)
    patch.install(module)()
    undo()
    undo_again = patch.install(module)  # there it is still
    assert module.put(1) == [1, "ours", "theirs"]
    undo()  # has been undone, and has no say in the second install
    module.put = ours
    assert module.put(1) == [1, "ours"]
    undo_again()
    assert module.put is original


def test_the_last_setting_is_obeyed_and_none_after_the_undoing(module: Any) -> None:
    def wrap(original: Any) -> Any:
        return functools.wraps(original)(lambda x: [*original(x), patch.setting])

    patch: Patch[str] = Patch("put", wrap)
    undo = patch.install(module, setting="outer")
    held = module.put
    undo_inner = patch.install(module, setting="inner")
    assert held(1) == [1, "inner"]
    undo_inner()
    undo_inner()
    assert held(1) == [1, "outer"]
    undo()
    assert held(1) == [1, None]


def test_all_places_get_it_and_what_was_the_same_stays_the_same(module: Any) -> None:
    original = module.put
    theirs = adding("theirs")(original)
    same, covered, later = (ModuleType(name) for name in ("same", "covered", "later"))
    vars(same)["put"], vars(covered)["put"] = original, theirs
    undo = Patch[None]("put", adding("ours")).install(module, same, covered, later)
    assert vars(same)["put"] is module.put is not original
    assert module.put(1) == [1, "ours"]
    assert vars(covered)["put"](1) == [1, "theirs", "ours"]
    vars(later)["put"] = module.put  # as a module that was half imported does
    undo()
    assert vars(same)["put"] is vars(later)["put"] is module.put is original
    assert vars(covered)["put"] is theirs


def test_a_module_that_was_reloaded_is_patched_anew(module: Any) -> None:
    patch: Patch[None] = Patch("put", adding("a"))
    undoings = undo_all([patch.install(module)])
    importlib.reload(module)
    fresh = module.put
    undo = patch.install(module)
    assert module.put(1) == [1, "a"]
    undoings()
    assert module.put(1) == [1, "a"]
    undo()
    assert module.put is fresh


def test_an_object_has_its_classes_method_again() -> None:
    class Node:
        def end(self) -> list[str]:
            return ["end"]

    node = Node()
    undo = Patch[None]("end", adding("a")).install(node)
    assert node.end() == ["end", "a"]
    assert Node().end() == ["end"]
    undo()
    assert vars(node) == {}
    assert node.end() == ["end"]


def test_functions_that_use_what_is_replaced_are_pickled_with_its_name_only(module: Any) -> None:
    undo = Patch[None]("put", adding("a")).install(module)
    by_name = pickle.dumps(module.put)
    scope: dict[str, Any] = {"put": module.put, "__name__": "__main__"}
    exec("def work(x):\n    return put(x)", scope)  # as a loop's, which is pickled by value
    work = cloudpickle.dumps(scope["work"])  # type: ignore[no-untyped-call]
    assert pickle.loads(by_name)(1) == pickle.loads(work)(1) == [1, "a"]
    undo()
    # As in a worker where nothing was replaced.
    assert pickle.loads(by_name)(1) == pickle.loads(work)(1) == [1]
