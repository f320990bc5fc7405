"""Bytes that no encoder wrote: only declared errors, nothing imported, nothing executed."""

from __future__ import annotations

import sys
import tracemalloc
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgpack import ExtType
from support import value_models as models
from support.value_strategies import CLASSES, packed, to_ref, values

from chia_bypass.errors import CannotRebuild, ClassRefused, PickleRefused
from chia_bypass.values.class_lookup import ImportedClasses, Sketches
from chia_bypass.values.decode import decode
from chia_bypass.values.encode import encode
from chia_bypass.values.kinds import BACK, CONSTANT, HEAD, HEADS, Kind

DECLARED = (CannotRebuild, ClassRefused, PickleRefused)
quiet = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


class NoBuffer(Exception):
    """What the buffers of these tests raise."""


def no_buffer(digest: bytes, length: int) -> memoryview:
    raise NoBuffer


def attempt(document: bytes, classes: Any = CLASSES) -> None:
    """Decode; only a declared error may come out, and no module may come in."""
    before, ran = set(sys.modules), list(models.RAN)
    try:
        decode(document, classes=classes, buffer=no_buffer, reference=to_ref)
    except (*DECLARED, NoBuffer):
        pass
    new = {
        name for name in set(sys.modules) - before if not name.startswith(("numpy", "encodings"))
    }
    assert not new
    hooks = {"__init__", "__new__", "__setstate__", "__reduce__", "__setattr__"}
    assert not hooks.intersection(models.RAN[len(ran) :])


@quiet
@given(values, st.data())
def test_prefixes_are_refused(value: object, data: st.DataObject) -> None:
    document = encode(value).document
    cut = document[: data.draw(st.integers(0, len(document) - 1))]
    with pytest.raises(CannotRebuild):
        decode(cut, classes=CLASSES, buffer=no_buffer, reference=to_ref)


@quiet
@given(values, st.data())
def test_mutations_give_declared_errors_only(value: object, data: st.DataObject) -> None:
    document = bytearray(encode(value).document)
    for _ in range(data.draw(st.integers(1, 4))):
        document[data.draw(st.integers(0, len(document) - 1))] = data.draw(st.integers(0, 255))
    attempt(bytes(document))
    attempt(bytes(document), Sketches())


@quiet
@given(st.binary(max_size=60))
def test_noise_gives_declared_errors_only(document: bytes) -> None:
    attempt(document)


parts = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(max_size=4)
    | st.binary(max_size=4)
    | st.sampled_from([HEADS[kind] for kind in Kind])
    | st.integers(0, 9).map(lambda n: ExtType(BACK, bytes([n])))
    | st.sampled_from(
        [f"{models.__name__}:{name}" for name in ("Point", "Pair", "Hostile", "Mode")]
    )
    | st.sampled_from(["os:system", "builtins:eval", "builtins:ValueError", "builtins:int", "<i8"]),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.tuples(st.sampled_from(list(HEADS.values())), st.lists(inner, max_size=5)).map(
            lambda pair: [pair[0], *pair[1]]
        )
    ),
    max_leaves=20,
)


@settings(quiet, max_examples=400)
@given(parts)
def test_well_formed_nonsense_gives_declared_errors_only(tree: object) -> None:
    attempt(packed(tree))


@pytest.mark.parametrize(
    "document",
    [
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xffab",
        b"\xc9\xff\xff\xff\xff\x02",
        b"\xdd\x00\x0f\xff\xff" * 900,
    ],
)
def test_promised_lengths_allocate_nothing(document: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(CannotRebuild):
            decode(document, classes=CLASSES, buffer=no_buffer, reference=to_ref)
        assert (
            tracemalloc.get_traced_memory()[1] < 3_000_000
        )  # msgpack reads into a buffer of 1 MiB
    finally:
        tracemalloc.stop()


def test_a_buffer_of_2_to_the_60_is_left_to_the_giver_of_buffers() -> None:
    document = packed([HEADS[Kind.BUFFER], b"d" * 32, 2**60])
    with pytest.raises(NoBuffer):
        decode(document, classes=CLASSES, buffer=no_buffer, reference=to_ref)


def test_arrays_of_2_to_the_60_are_refused() -> None:
    shape = [HEADS[Kind.TUPLE], 2**30, 2**30]
    for tree in (
        [HEADS[Kind.ARRAY], "<i8", "C", shape, b""],
        [HEADS[Kind.OBJECT_ARRAY], "C", shape],
        [HEADS[Kind.ARRAY], "|O", "C", [HEADS[Kind.TUPLE], 1], b"12345678"],
        [HEADS[Kind.SCALAR], "V1152921504606846976", b""],
    ):
        with pytest.raises(CannotRebuild):
            decode(packed(tree), classes=CLASSES, buffer=no_buffer, reference=to_ref)


@pytest.mark.parametrize("depth", [201, 1000, 100_000])
def test_depth_has_a_declared_end(depth: int) -> None:
    for document in (b"\x91" * depth + b"\xc0", b"\x92\xd4\x01\x01" * depth + b"\xc0"):
        with pytest.raises(CannotRebuild):
            decode(document, classes=CLASSES, buffer=no_buffer, reference=to_ref)


@pytest.mark.parametrize(
    "name",
    [
        "os:system",
        "subprocess:Popen",
        "builtins:eval",
        "antigravity:X",
        f"{models.__name__}:pydantic.BaseModel",
        f"{models.__name__}:Ordinary",
        f"{models.__name__}:RAN",
        f"{models.__name__}:Gone",
        f"{models.__name__}:Point.__init__",
        f"{models.__name__}:Point.__class__",
        f"{models.__name__}",
        "",
        ":",
        "\ud800:\x00",
    ],
)
def test_other_classes_are_refused_and_their_modules_not_imported(name: str) -> None:
    document = encode(models.Point(1)).document
    old, new = (
        text.encode("utf-8", "surrogatepass") for text in (f"{models.__name__}:Point", name)
    )
    document = document.replace(bytes([0xD9, len(old)]) + old, bytes([0xD9, len(new)]) + new)
    document = document.replace(bytes([0xA0 | len(old)]) + old, bytes([0xD9, len(new)]) + new)
    assert old not in document or old in new
    with pytest.raises(ClassRefused):
        decode(document, classes=CLASSES, buffer=no_buffer, reference=to_ref)
    assert "antigravity" not in sys.modules


def test_the_table_comes_first_and_nested_classes_are_found() -> None:
    table = {"__main__:Result": models.Point}
    assert ImportedClasses([], table).find("__main__:Result") is models.Point
    with pytest.raises(ClassRefused, match="allow-import"):
        ImportedClasses([], table).find(f"{models.__name__}:Point")


def test_hooks_of_a_class_do_not_run() -> None:
    value = object.__new__(models.Hostile)
    value.__dict__["x"] = [1]
    models.RAN.clear()
    document = encode([value]).document
    decoded: Any = decode(document, classes=CLASSES, buffer=no_buffer, reference=to_ref)
    [again] = decoded
    assert models.RAN == []
    assert object.__getattribute__(again, "__dict__") == {"x": [1]}


def test_unknown_extensions_are_refused() -> None:
    for extension in (ExtType(9, b"x"), ExtType(HEAD, b"\xff"), ExtType(CONSTANT, b"\x09")):
        with pytest.raises(CannotRebuild):
            decode(packed(extension), classes=CLASSES, buffer=no_buffer, reference=to_ref)
    with pytest.raises(CannotRebuild):
        decode(b"\xd6\xff\x00\x00\x00\x00", classes=CLASSES, buffer=no_buffer, reference=to_ref)
