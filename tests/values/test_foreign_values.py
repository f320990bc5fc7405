"""Rebuilding the values of a foreign recording runs no code that the loop does not call."""

from __future__ import annotations

import gc
import hashlib
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest
from support import forged_classes as forged

from chia_bypass.errors import CannotRebuild, ClassRefused, ValueProblem
from chia_bypass.values.class_lookup import ImportedClasses, Sketches
from chia_bypass.values.decode import decode
from chia_bypass.values.decoder import Classes
from chia_bypass.values.encode import encode
from chia_bypass.values.kinds import BACK, HEAD, Kind

MODULE = forged.__name__
FOREIGN = ImportedClasses([MODULE, "collections"], trusted=())
ALLOWED = ImportedClasses([MODULE], trusted=[MODULE])
OWN = ImportedClasses([MODULE])
TESTS = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module", autouse=True)
def _others_are_left_alone() -> Iterator[None]:
    """What is there before is no garbage, and is not gone through each time."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _nothing_ran() -> Iterator[None]:
    gc.collect()
    forged.RAN.clear()
    yield
    forged.RAN.clear()


def head(kind: Kind) -> msgpack.ExtType:
    return msgpack.ExtType(HEAD, bytes([kind]))


def back(number: int) -> msgpack.ExtType:
    return msgpack.ExtType(BACK, bytes([number]))


def shape(name: str, *fields: str) -> list[Any]:
    return [head(Kind.SHAPE), f"{MODULE}:{name}", *fields]


def rebuild(tree: Any, classes: Classes = FOREIGN, blobs: dict[bytes, bytes] | None = None) -> Any:
    document: Any = msgpack.packb(tree)
    return decode(
        document,
        classes=classes,
        buffer=lambda digest, length: memoryview((blobs or {})[digest]),
        reference=lambda reference: reference,
    )


def an_object(name: str, content: Any = None, **fields: Any) -> list[Any]:
    return [head(Kind.OBJECT), shape(name, *fields), content, *fields.values()]


def an_exception(name: str) -> list[Any]:
    return [head(Kind.EXCEPTION), shape(name), [head(Kind.TUPLE), "/precious"], None, None]


FORGED = {
    "__del__": an_object("Ends", path="/precious"),
    "__del__ of a parent": an_object("Inherits", {}),
    "__setstate__": an_object("SetsState", path="/precious"),
    "__reduce_ex__": an_object("Reduces", path="/precious"),
    "__hash__": [head(Kind.SET), an_object("Hashes", path="/precious")],
    "__hash__ of a key": [head(Kind.DICT), an_object("Hashes", path="/precious"), 1],
    "__hash__ of a part": [
        head(Kind.FROZENSET),
        [head(Kind.TUPLE), an_object("Key", inner=an_object("Hashes", path="/precious"))],
    ],
    "__init__": an_exception("Raised"),
    "__getattr__": an_object("Asked", x=1),
    "items": an_object("Items", {"a": 1}),
    "extend": an_object("Grows", [1]),
    "metaclass": an_exception("Made"),
}


@pytest.mark.parametrize("tree", FORGED.values(), ids=FORGED)
def test_no_class_of_a_foreign_recording_runs_code(tree: Any) -> None:
    with pytest.raises(ClassRefused, match="--allow-import"):
        pickle.loads(pickle.dumps(rebuild(tree)))
    gc.collect()
    assert forged.RAN == []


@pytest.mark.parametrize("classes", [ALLOWED, OWN], ids=["allowed", "own"])
@pytest.mark.parametrize("tree", FORGED.values(), ids=FORGED)
def test_what_is_allowed_or_own_is_rebuilt(tree: Any, classes: Classes) -> None:
    pickle.loads(pickle.dumps(rebuild(tree, classes)))
    gc.collect()
    assert forged.RAN != [], "the case would show nothing otherwise"


def test_what_runs_nothing_needs_no_permission() -> None:
    value = [forged.Plain({1: forged.Plain(2)}), forged.PlainError("no"), {forged.Key((1, "a"))}]
    rebuilt = rebuild_encoded(value)
    assert repr(rebuilt) == repr(value)


def rebuild_encoded(value: object) -> Any:
    encoded = encode(value)
    return decode(
        encoded.document,
        classes=FOREIGN,
        buffer=lambda d, n: memoryview(b""),
        reference=lambda r: r,
    )


@pytest.mark.parametrize(
    "name", ["__reduce_ex__", "__class__", "__dict__", "__setstate__", "__x__"]
)
def test_no_field_is_one_that_python_looks_up(name: str) -> None:
    harmful = [head(Kind.CLASS), shape("Raised")]
    tree = [head(Kind.OBJECT), shape("Plain", name), None, harmful]
    with pytest.raises(ValueProblem):
        rebuild(tree)
    plain = [head(Kind.OBJECT), shape("Plain", name), None, "x"]
    with pytest.raises(CannotRebuild, match=name):
        rebuild(plain)


def test_notes_of_exceptions_are_kept() -> None:
    error = forged.PlainError("no")
    error.__dict__["__notes__"] = ["said on Python 3.11"]
    assert vars(rebuild_encoded(error)) == vars(error)


def test_a_default_that_would_run_is_refused() -> None:
    tree = [head(Kind.DEFAULT_DICT), [head(Kind.CLASS), shape("Plain")]]
    with pytest.raises(CannotRebuild, match="factory"):
        rebuild(tree)
    native = [head(Kind.DEFAULT_DICT), [head(Kind.CLASS), [head(Kind.SHAPE), "builtins:list"]]]
    assert rebuild(native)["new"] == []


def unicode_error(kind: str, **fields: Any) -> list[Any]:
    name = [head(Kind.SHAPE), f"builtins:{kind}", *fields]
    return [head(Kind.EXCEPTION), name, [head(Kind.TUPLE)], None, None, *fields.values()]


@pytest.mark.parametrize("classes", [FOREIGN, OWN, Sketches()], ids=["foreign", "own", "looked at"])
@pytest.mark.parametrize(
    "tree",
    [
        unicode_error("UnicodeDecodeError", object=b"a", start=1 << 40, end=(1 << 40) + 1),
        unicode_error("UnicodeDecodeError", object=b"a", start=-(1 << 40), end=1),
        unicode_error("UnicodeDecodeError", object="a" * 9, start=0, end=1),
        unicode_error("UnicodeEncodeError", object=b"a", start=0, end=1),
        unicode_error("UnicodeEncodeError", object="a", start=3, end=4),
        unicode_error("UnicodeTranslateError", object="a", start=0, end=1 << 62),
        unicode_error("UnicodeDecodeError", object=b"a", start=0, end=1, reason=7, encoding=[]),
        unicode_error("SyntaxError", msg="x", lineno=1 << 40),
        unicode_error("SyntaxError", msg="x", text=[1], lineno=1, offset=1),
    ],
)
def test_native_exceptions_have_possible_fields(tree: Any, classes: Classes) -> None:
    with pytest.raises(CannotRebuild):
        str(rebuild(tree, classes))


def test_possible_ones_come_back() -> None:
    errors: list[Exception] = []
    for cause in (
        lambda: b"\xff".decode(),
        lambda: "é".encode("ascii"),
        lambda: compile("(", "", "exec"),
    ):
        try:
            cause()
        except (UnicodeError, SyntaxError) as error:
            errors.append(error.with_traceback(None))
    assert list(map(str, rebuild_encoded(errors))) == list(map(str, errors))


BLOB = bytes(1 << 20)
DIGEST = hashlib.sha256(BLOB).digest()
BUFFER = [head(Kind.BUFFER), DIGEST, len(BLOB)]


def test_a_blob_that_is_named_often_is_there_once() -> None:
    asked = []

    def buffer(digest: bytes, length: int) -> memoryview:
        asked.append(digest)
        return memoryview(BLOB)

    tree = [[BUFFER, [head(Kind.TEXT), BUFFER]] for _ in range(1000)]
    document: Any = msgpack.packb(tree)
    rebuilt: Any = decode(document, classes=FOREIGN, buffer=buffer, reference=lambda r: r)
    assert len({id(part) for pair in rebuilt for part in pair}) == 2
    assert len(asked) == 1


LONG = 1 << 16
MANY_KEYS = [n * (2**61 - 1) for n in range(-3000, 3000)]
COSTLY = {
    "copies of a blob": [[head(Kind.BYTEARRAY), BUFFER] for _ in range(1000)],
    "copies of a list": [
        list(range(LONG)),
        *([head(Kind.OBJECT), [head(Kind.SHAPE), "builtins:list"], back(1)] for _ in range(4000)),
    ],
    "a pattern": [head(Kind.PATTERN), "(a|b)" * (1 << 17), 32],
}


@pytest.mark.parametrize("what", ["copies of a blob", "copies of a list", "a pattern"])
@pytest.mark.parametrize("classes", [FOREIGN, OWN, Sketches()], ids=["foreign", "own", "looked at"])
def test_few_bytes_do_not_become_gigabytes(what: str, classes: Classes) -> None:
    with pytest.raises(CannotRebuild, match="larger than what is stored"):
        rebuild(COSTLY[what], classes, {DIGEST: BLOB})


@pytest.mark.parametrize("make", [set, frozenset, dict.fromkeys], ids=["set", "frozenset", "dict"])
def test_keys_that_all_have_one_hash_are_refused(make: Any) -> None:
    encoded = encode(make(MANY_KEYS))
    with pytest.raises(CannotRebuild, match="hash"):
        decode(encoded.document, classes=OWN, buffer=lambda d, n: memoryview(b""), reference=id)
    few = encode(make(range(6000)))
    decode(few.document, classes=OWN, buffer=lambda d, n: memoryview(b""), reference=id)


def test_scan_of_all_classes_that_could_be_named() -> None:
    """Of the standard library, Ray, CHIA, numpy, pydantic and attrs none runs anything."""
    packages = ["ray", "numpy", "pydantic", "attr"]
    try:
        import chia

        packages.append(chia.__name__)
    except ImportError:
        pass
    done = subprocess.run(
        [sys.executable, TESTS / "support" / "class_scan.py", *packages],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *ran, last = done.stdout.splitlines()
    assert ran == []
    _, scanned, _, allowed = last.split()
    assert int(scanned) > 4000
    assert int(allowed) > 2000
