"""Run as a program: which classes a foreign recording may name, and what each of them runs.

It imports the standard library and all of the packages that are named. It rebuilds an instance of
every class that is allowed, alone, in a set and as a key, sends it through a pickle as Ray does,
and lets it end. It prints a line for each Python function that ran and is neither ours nor of what
makes methods for classes.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import pickle
import pkgutil
import sys
import warnings
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import FrameType
from typing import Any

import msgpack

import chia_bypass
from chia_bypass.errors import ValueProblem
from chia_bypass.values.class_lookup import ImportedClasses
from chia_bypass.values.class_shapes import BASES, class_name, shape_of
from chia_bypass.values.decode import decode
from chia_bypass.values.kinds import HEAD, Kind

OURS = str(Path(chia_bypass.__file__).parent)
HARMLESS = ("copyreg.py", "enum.py", "dataclasses.py", "weakref.py", "abc.py", "<frozen abc>")
"""What makes methods for classes, or is asked by pickle; none of it uses what is in an object."""
NEVER = {"antigravity", "this", "idlelib", "test", "tkinter", "turtle", "turtledemo", "lib2to3"}
MAKERS = ("attr/_make.py", "collections/__init__.py", "pydantic/main.py", "pydantic/_internal")


def modules(packages: list[str]) -> None:
    """Import all that can be imported."""
    names = sorted(set(sys.stdlib_module_names) - NEVER)
    for package in packages:
        root = importlib.import_module(package)
        names += [package, *(m.name for m in _below(root))]
    for name in names:
        if any(part in name for part in ("__main__", ".tests", ".testing", "conftest")):
            continue
        with contextlib.suppress(BaseException):
            importlib.import_module(name)


def _below(root: Any) -> Iterator[Any]:
    # Ray's programs start things when they are imported; its values are in these.
    if root.__name__ == "ray":
        for name in ("exceptions", "util", "actor", "runtime_env", "job_submission", "types"):
            yield pkgutil.ModuleInfo(None, f"ray.{name}", True)  # type: ignore[arg-type]
    else:
        yield from pkgutil.walk_packages(root.__path__, f"{root.__name__}.", lambda name: None)


def classes() -> dict[str, type]:
    """All classes that a name leads to."""
    found: dict[str, type] = {}
    for module in list(sys.modules.values()):
        for item in list(vars(module).values()) if module is not None else ():
            _take(item, found)
    return found


def _take(item: object, found: dict[str, type]) -> None:
    if not isinstance(item, type):
        return
    with contextlib.suppress(Exception):
        name = class_name(item)
        if name not in found and not name.startswith(("chia_bypass", "__main__")):
            found[name] = item
            for inner in list(vars(item).values()):
                _take(inner, found)


def head(kind: Kind) -> msgpack.ExtType:
    return msgpack.ExtType(HEAD, bytes([kind]))


CONTENTS = {
    "OrderedDict": [head(Kind.ORDERED_DICT), "a", 1],
    "defaultdict": [head(Kind.DEFAULT_DICT), None, "a", 1],
    "dict": {"a": 1},
    "list": [1],
    "set": [head(Kind.SET), 1],
    "deque": [head(Kind.DEQUE), None, 1],
    "bytearray": [head(Kind.BYTEARRAY), b"a"],
    "tuple": [head(Kind.TUPLE), 1, 1],
    "frozenset": [head(Kind.FROZENSET), 1],
    "str": "a",
    "bytes": b"a",
    "int": 1,
    "float": 1.0,
    "complex": [head(Kind.COMPLEX), 1.0, 1.0],
}


def instance(name: str, cls: type) -> list[Any]:
    """The document of an instance."""
    shape = shape_of(cls)
    if issubclass(cls, Enum):
        return [head(Kind.ENUM), [head(Kind.SHAPE), name], next(iter(cls._member_map_), "none")]
    fields = [*(f for f in shape.slots if f not in shape.optional)]
    if shape.has_dict:
        fields += [f for f in getattr(cls, "__annotations__", {}) if f not in fields]
    fields = [f for f in fields if not f.startswith("__")]
    values = ["x"] * len(fields)
    if issubclass(cls, BaseException):
        args = [head(Kind.TUPLE), "x"]
        return [head(Kind.EXCEPTION), [head(Kind.SHAPE), name, *fields], args, None, None, *values]
    base = next((b.type.__name__ for b in BASES if issubclass(cls, b.type)), "")
    return [
        *(head(Kind.OBJECT), [head(Kind.SHAPE), name, *fields]),
        *(CONTENTS.get(base), *values),
    ]


class Watch:
    """Notes which functions run."""

    def __init__(self) -> None:
        self.ran: set[str] = set()

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        if event != "call":
            return
        file, name = frame.f_code.co_filename, frame.f_code.co_name
        generated = file.startswith("<attrs") or (
            file == "<string>" and name in ("__hash__", "__eq__", "__setattr__", "<lambda>")
        )
        mine = file == __file__ or file.startswith(OURS)
        if not (generated or mine or file.endswith(HARMLESS) or any(m in file for m in MAKERS)):
            self.ran.add(f"{file}:{frame.f_code.co_firstlineno} {name}")


def use(document: bytes, lookup: ImportedClasses, *, travels: bool) -> None:
    """Rebuild a value, send it on, and let it end."""
    value = decode(document, classes=lookup, buffer=_none, reference=_none)
    if not travels:
        return
    cannot_travel = (pickle.PicklingError, TypeError, AttributeError, ImportError)
    try:
        value = pickle.loads(pickle.dumps(value, protocol=5))
    except cannot_travel:
        return


def _none(*_: object) -> Any:
    raise AssertionError("nothing is beside")


def main() -> None:
    """Scan."""
    warnings.simplefilter("ignore")
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        modules(sys.argv[1:])
    found = classes()
    lookup = ImportedClasses({name.partition(":")[0] for name in found}, trusted=())
    allowed = 0
    for name, cls in sorted(found.items()):
        try:
            if lookup.find(name) is not cls:
                continue
        except Exception:  # refused
            continue
        allowed += 1
        value = instance(name, cls)
        watch = Watch()
        for tree in (value, [head(Kind.SET), value], [head(Kind.DICT), value, 1]):
            document: Any = msgpack.packb(tree)
            sys.setprofile(watch)
            try:
                # A member of an enum was there before: no stranger has made it.
                use(document, lookup, travels=not issubclass(cls, Enum))
            except ValueProblem:
                pass
            except Exception as error:
                watch.ran.add(f"raises {type(error).__name__}: {error}")
            finally:
                sys.setprofile(None)
        for ran in sorted(watch.ran):
            print(f"{name} runs {ran}")
    gc.collect()
    print(f"scanned {len(found)} allowed {allowed}")


if __name__ == "__main__":
    main()
