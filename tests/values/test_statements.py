"""What a function is made of, as its digest has it: found in the text of the loop's own modules."""

from __future__ import annotations

import ast
import gc
import importlib
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from chia_bypass.values import statements
from chia_bypass.values.code import class_digest, code_digest, function_digest, is_own
from chia_bypass.values.digest import digest

_numbers = itertools.count()

LOOP = """
import functools
import PKG.tools as tools
from PKG import table
from PKG.deep import *
from PKG.deep import DEPTH as depth
from .near import close

WIDTH = 8
OTHER = 9
TABLE = {}
TABLE["a"] = 1
if WIDTH:
    LIMIT = 3

def unused():
    return OTHER

def scaled(x):
    return x * LIMIT

def plain(x):
    return scaled(x) + WIDTH

def shadowed(OTHER):
    return OTHER

def recursive(x):
    return recursive(x - 1) if x else 0

def through_modules(x):
    return tools.area(x) + table.ROW + depth + STAR + close()

def changed_in_place():
    return TABLE

def inside(x):
    from .tools import area
    return area(x)

class Base:
    LENGTH = 4

    def first(self):
        return self.second()

    def second(self):
        return WIDTH

class Build(Base):
    def run(self):
        return self.step()

    def step(self):
        return OTHER

    def alone(self):
        return 1

def makes():
    return Build()

def here_and_there(x):
    from .tools import there_and_here
    return there_and_here(x)

def absent(x):
    return nowhere + tools.nowhere

def outer():
    local = WIDTH
    def inner():
        return local
    return inner

wrapped = functools.wraps(plain)(lambda x: plain(x))
anonymous = lambda x: x + OTHER
"""
FILES = {
    "loop.py": LOOP,
    "__init__.py": "",
    "tools.py": (
        "from .table import *\nSCALE = 2\n\ndef area(x):\n    return x * SCALE\n\n"
        "def there_and_here(x):\n    from .loop import here_and_there\n"
        "    return here_and_there(x) - 1\n"
    ),
    "table.py": "from .tools import *\nfrom .near import *\nROW = 1\nCOLUMN = 2\n",
    "deep/__init__.py": "from .below import *\nDEPTH = 5\n",
    "deep/below.py": "STAR = 6\nDARK = 7\n",
    "near.py": "from .table import *\nfrom .tools import *\n\ndef close():\n    return 0\n",
}

Load = Callable[..., ModuleType]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Makes the package of FILES, after some replacements of text, and imports its `loop`."""
    monkeypatch.syspath_prepend(str(tmp_path))
    made: list[str] = []

    def package(*edits: tuple[str, str]) -> ModuleType:
        made.append(name := f"edited_{next(_numbers)}")
        for file, text in FILES.items():
            for old, new in edits:
                text = text.replace(old, new)
            path = tmp_path / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace("PKG", name))
        importlib.invalidate_caches()
        return importlib.import_module(f"{name}.loop")

    yield package
    for name in [module for module in sys.modules if module.split(".")[0] in made]:
        del sys.modules[name]


EDITS = {
    "plain": {
        "return scaled(x) + WIDTH": True,
        "return x * LIMIT": True,
        "LIMIT = 3": True,
        "WIDTH = 8": True,
        "return OTHER": False,
        "OTHER = 9": False,
    },
    "shadowed": {"OTHER = 9": False, "WIDTH = 8": False},
    "recursive": {"if x else 0": True, "WIDTH = 8": False},
    "through_modules": {
        "return x * SCALE": True,
        "SCALE = 2": True,
        "ROW = 1": True,
        "COLUMN = 2": False,
        "DEPTH = 5": True,
        "STAR = 6": True,
        "DARK = 7": False,
        "return 0\n": True,
    },
    "changed_in_place": {'TABLE["a"] = 1': True, "WIDTH = 8": False},
    "inside": {"SCALE = 2": True, "OTHER = 9": False},
    "Build.run": {
        "return self.step()": True,
        "return OTHER": True,
        "OTHER = 9": True,
        "LENGTH = 4": True,
        "WIDTH = 8": True,
        "return 1\n": False,
    },
    "Build.alone": {"return self.step()": False, "return 1\n": True},
    "makes": {"return 1\n": True, "LENGTH = 4": True, "STAR = 6": False},
    "here_and_there": {"there_and_here(x)\n": True, "(x) - 1": True, "SCALE = 2": False},
    "absent": {"SCALE = 2": False},
    "anonymous": {"lambda x: x + OTHER": True, "OTHER = 9": True, "WIDTH = 8": False},
}
CASES = [(name, old, matters) for name, edits in EDITS.items() for old, matters in edits.items()]


@pytest.mark.parametrize(("name", "old", "matters"), CASES)
def test_an_edit_counts_for_the_functions_that_it_reaches(
    load: Load, name: str, old: str, matters: bool
) -> None:
    new = f"{old} + 1" if "lambda" in old else f"{old.rstrip()}  # edited\n"
    before, after = (_of(load(*edits), name) for edits in ([], [(old, new)]))
    assert len(before) == 32
    assert (before != after) == matters


def _of(module: ModuleType, name: str) -> bytes:
    found: object = module
    for part in name.split("."):
        found = getattr(found, part)
    assert callable(found)
    # A package of another name has the same text but for its name, which `import` alone says.
    return code_digest(found)


def test_a_function_in_another_reads_what_that_one_makes(load: Load) -> None:
    one, other = load(), load(("local = WIDTH", "local = OTHER"))
    assert code_digest(one.outer()) != code_digest(other.outer())
    assert code_digest(one.outer()) != code_digest(load(("WIDTH = 8", "WIDTH = 7")).outer())


def test_what_wraps_a_function_counts_as_that(load: Load) -> None:
    module = load()
    assert code_digest(module.wrapped) == code_digest(module.plain)


def test_the_loops_own_is_what_nobody_installed(load: Load, tmp_path: Path) -> None:
    module = load()
    assert is_own(module.Build)
    assert class_digest(module.Build) != class_digest(load(("return 1\n", "return 2\n")).Build)
    for cls in (int, Path, pytest.Config):
        assert not is_own(cls)
        assert class_digest(cls) == b""
    assert code_digest(Path.exists) == code_digest(len) == code_digest(digest) == b""


def test_what_was_typed_in_counts_by_its_compiled_form() -> None:
    functions = {}
    for name, text in {"one": "x + 1", "two": "x + 2", "again": "x + 1"}.items():
        found: dict[str, Any] = {}
        exec(f"def f(x):\n    return {text}", found)
        functions[name] = found["f"]
    assert code_digest(functions["one"]) == b""
    digests = {name: function_digest(function) for name, function in functions.items()}
    assert digests["one"] == digests["again"] != digests["two"]


@pytest.mark.parametrize("text", ["def f(:", "x = '\udc80'", "\0", "(" * 5000])
def test_what_is_no_program_has_no_statements(tmp_path: Path, text: str) -> None:
    file = tmp_path / "odd.py"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert statements.of_function(str(file), "f", 1) == frozenset()
    assert statements.of_function(str(tmp_path / "absent.py"), "f", 1) == frozenset()


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="nothing runs while a tree is made")
def test_who_else_parses_meanwhile_does_not_matter(tmp_path: Path) -> None:
    """Before Python 3.11.8 a tree fails that the garbage collector interrupts for another one."""
    file = tmp_path / "long.py"
    file.write_text("".join(f"def f{n}(x):\n    return x + {n}\n" for n in range(2000)))
    others = iter([1, 2, 3])

    def parse_too(phase: str, _: dict[str, int]) -> None:
        if phase == "start" and next(others, None):
            ast.parse("x = 1")

    gc.callbacks.append(parse_too)
    try:
        found = statements.of_function(str(file), "f1999", 3999)
    finally:
        gc.callbacks.remove(parse_too)
    assert next(others, None) is None, "nothing was parsed meanwhile"
    assert found == {"def f1999(x):\n    return x + 1999"}


def test_the_nearest_statements_count_where_there_are_very_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statements, "MOST_STATEMENTS", 5)
    file = tmp_path / "long.py"
    functions = [f"def f{n}(x):\n    return f{n + 1}(x) + A{n}" for n in range(50)]
    variables = [f"A{n} = {n}" for n in range(50)]
    file.write_text("\n".join((*functions, *variables)))
    found = statements.of_function(str(file), "f0", 1)
    assert found == {*functions[:3], *variables[:2]}
