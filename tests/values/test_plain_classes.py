"""Plain classes: kept by their fields and rebuilt without their code, shared as they were."""

from __future__ import annotations

import copyreg
import functools
import io
import os
import pickle
import random
import subprocess
import sys
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FunctionType, MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgpack import ExtType
from support import plain_models as models
from support import value_models
from support.value_strategies import packed, rebuild, refer, to_ref

from chia_bypass.errors import CannotKeep, CannotRebuild, ClassRefused, PickleRefused
from chia_bypass.values.class_lookup import ImportedClasses, Sketches
from chia_bypass.values.class_shapes import shape_of
from chia_bypass.values.decode import decode
from chia_bypass.values.digest import digest
from chia_bypass.values.encode import encode
from chia_bypass.values.kinds import BACK, HEADS, Kind
from chia_bypass.values.rendering import render

ROOT = Path(__file__).resolve().parents[2]
CLASSES = ImportedClasses([models.__name__, value_models.__name__])
graphs = st.randoms(use_true_random=False).map(models.graph)
many = settings(
    deadline=None,
    max_examples=300,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def again(value: object, **options: Any) -> Any:
    return rebuild(encode(value, reference=refer), classes=CLASSES, **options)


def isomorphic(left: Any, right: Any) -> bool:
    """The same graph: what is one object on one side is one object on the other."""
    pairs: dict[int, int] = {}
    met: set[int] = set()
    waiting = [(left, right)]
    while waiting:
        a, b = waiting.pop()
        if type(a) is not type(b):
            return False
        if a is None or isinstance(a, int | float | str | bytes):
            if a != b:
                return False
            continue
        if type(a) is not tuple:
            if id(a) in pairs or id(b) in met:
                if pairs.get(id(a)) != id(b):
                    return False
                continue
            pairs[id(a)] = id(b)
            met.add(id(b))
        names, others = (list(_parts(side)) for side in (a, b))
        if [name for name, _ in names] != [name for name, _ in others]:
            return False
        waiting.extend(zip((x for _, x in names), (x for _, x in others), strict=True))
    return True


def _parts(value: Any) -> Iterator[tuple[object, Any]]:
    if isinstance(value, list | tuple):
        yield from enumerate(value)
    elif isinstance(value, set):
        assert all(item in value for item in value), "an element is where its hash says"
        yield from ((item.name, item) for item in sorted(value, key=lambda item: item.name))
    elif isinstance(value, dict):
        assert all(key in value for key in value), "a key is where its hash says"
        yield from enumerate(part for pair in value.items() for part in pair)
    else:
        yield from shape_of(type(value)).state(value)


@many
@given(graphs)
def test_a_graph_comes_back_as_the_same_graph(value: models.Node) -> None:
    encoded = encode(value)
    assert encoded.pickled == ()
    models.RAN.clear()
    rebuilt = rebuild(encoded, classes=CLASSES)
    assert models.RAN == []
    assert isomorphic(value, rebuilt)
    assert encode(rebuilt).document == encoded.document
    assert digest(rebuilt) == digest(value)


def test_the_comparison_sees_sharing() -> None:
    shared = [1]
    one, two = models.Node("a", left=shared, right=shared), models.Node("a", left=[1], right=[1])
    assert isomorphic(one, one)
    assert not isomorphic(one, two)
    assert not isomorphic(two, one)
    assert digest(one) == digest(two)
    assert encode(one).document != encode(two).document


SEEDS = range(150)


def summary() -> str:
    """Digest and bytes of some graphs."""
    values = [models.graph(random.Random(seed)) for seed in SEEDS]
    return "\n".join(f"{digest(v).value.hex()} {encode(v).document.hex()}" for v in values)


def test_digests_and_bytes_are_the_same_in_another_process() -> None:
    code = "from test_plain_classes import summary; print(summary())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={
            **os.environ,
            "PYTHONHASHSEED": "7",
            "PYTHONPATH": os.pathsep.join(
                [str(ROOT), str(ROOT / "tests"), str(Path(__file__).parent)]
            ),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == summary().splitlines()


def test_what_two_objects_share_is_shared_and_a_ring_is_a_ring() -> None:
    shared = {"runs": [1]}
    two: Any
    one, two = models.Node("one", runs=shared), models.Both()
    two.left, two.more, two.back = shared, one, two
    one.two = two
    rebuilt = again([one, two])
    assert rebuilt[0].runs is rebuilt[1].left
    assert rebuilt[0].two is rebuilt[1] is rebuilt[1].back
    assert rebuilt[1].more is rebuilt[0]
    assert not hasattr(rebuilt[1], "right"), "a slot that was never set"


def test_generic_and_hidden_attributes() -> None:
    value = models.Slots()
    value.hide([value])
    rebuilt = again(models.Box(value)).item
    assert rebuilt.hidden()[0] is rebuilt
    assert type(again(models.Box)) is type
    assert again({"kind": models.Node})["kind"] is models.Node


def test_elements_with_the_hash_of_their_identity() -> None:
    nodes = [models.Node(f"n{n}") for n in range(4)]
    for node in nodes:
        node.others = set(nodes) - {node}
    rebuilt = again({node: node.name for node in nodes})
    assert [node.name for node in rebuilt] == ["n0", "n1", "n2", "n3"]
    assert all(rebuilt[node] == node.name for node in rebuilt)
    assert all(node.others == set(rebuilt) - {node} for node in rebuilt)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda node: {node},
        lambda node: {node: 1},
        lambda node: {(node, 1): 1},
        lambda node: OrderedDict([(node, 1)]),
        lambda node: defaultdict(list, {node: 1}),
        lambda node: value_models.Bag([node]),
        lambda node: value_models.Table({node: 1}),
        lambda node: MappingProxyType({node: 1}),
    ],
    ids=range(8),
)
def test_a_hash_waits_for_the_fields_that_it_looks_at(wrap: Any) -> None:
    """The container is an attribute that is written before the name that the hash needs."""
    node = models.Keyed("a")
    node.__dict__ = {"others": wrap(node), "name": "a"}
    rebuilt = again(node)
    [element] = rebuilt.others
    assert (element[0] if type(element) is tuple else element) is rebuilt
    assert element in rebuilt.others
    assert type(rebuilt.others) is type(node.others)


def test_a_frozenset_in_such_a_ring_is_refused() -> None:
    node = models.Keyed("a")
    node.__dict__ = {"others": frozenset([node]), "name": "a"}
    with pytest.raises(CannotRebuild, match="AttributeError"):
        again(node)


@pytest.mark.parametrize("cls", models.NOT_PLAIN, ids=lambda cls: cls.__name__)
def test_a_class_with_a_say_is_not_plain(cls: type) -> None:
    assert not shape_of(cls).rebuildable
    name = f"{models.__name__}:{cls.__name__}"
    with pytest.raises(ClassRefused, match="plain class"):
        CLASSES.find(name)
    models.RAN.clear()
    forged = tree(HEADS[Kind.OBJECT], [HEADS[Kind.SHAPE], name, "item"], None, 1)
    with pytest.raises(ClassRefused):
        decode(forged, classes=CLASSES, buffer=_no_buffer, reference=to_ref)
    assert models.RAN == []


def test_a_class_that_copyreg_knows_is_not_plain() -> None:
    class Known:
        pass

    copyreg.pickle(Known, lambda value: (Known, ()))
    try:
        assert not shape_of(Known).rebuildable
    finally:
        del copyreg.dispatch_table[Known]


def _no_buffer(digest: bytes, length: int) -> memoryview:
    raise AssertionError("no document here has a buffer")


def tree(*parts: object) -> bytes:
    return packed(list(parts))


def back(number: int) -> ExtType:
    return ExtType(BACK, bytes([number]))


NODE = [HEADS[Kind.SHAPE], f"{models.__name__}:Node", "name"]
SLOTS = [HEADS[Kind.SHAPE], f"{models.__name__}:Slots", "left"]


@pytest.mark.parametrize(
    "document",
    [
        tree(HEADS[Kind.OBJECT], NODE, None, back(9)),
        tree(HEADS[Kind.OBJECT], NODE, None, ExtType(BACK, b"\xff" * 40)),
        tree(HEADS[Kind.OBJECT], NODE, None, back(1)),
        tree(HEADS[Kind.OBJECT], back(0), None, 1),
        tree(HEADS[Kind.OBJECT], back(1), None, 1),
        tree(HEADS[Kind.OBJECT], NODE, back(0), 1, 2),
        tree(HEADS[Kind.OBJECT], NODE, None),
        tree(HEADS[Kind.OBJECT], [*SLOTS, "other"], None, 1, 2),
        tree(HEADS[Kind.EXCEPTION], NODE, [HEADS[Kind.TUPLE]], None, None, 1),
        tree(HEADS[Kind.ENUM], NODE[:2], "A"),
        tree(HEADS[Kind.TUPLE], back(0)),
        tree(HEADS[Kind.FROZENSET], [HEADS[Kind.OBJECT], NODE, None, back(0)]),
        tree(HEADS[Kind.SET], [[HEADS[Kind.OBJECT], NODE, None, 1]]),
        tree(HEADS[Kind.OBJECT], [*NODE[:1], f"{models.__name__}:Keyed", "x"], None, back(0), 1),
    ],
    ids=range(14),
)
def test_forged_ways_back_and_fields_are_refused(document: bytes) -> None:
    for classes in (CLASSES, Sketches()):
        models.RAN.clear()
        try:
            decode(document, classes=classes, buffer=_no_buffer, reference=to_ref)
        except CannotRebuild:
            continue
        finally:
            assert models.RAN == []
        assert isinstance(classes, Sketches), "a sketch takes any fields"


def test_a_ring_of_hashed_objects_that_is_forged_ends() -> None:
    keyed = [HEADS[Kind.SHAPE], f"{models.__name__}:Keyed", "others"]
    document = tree(HEADS[Kind.OBJECT], keyed, None, [HEADS[Kind.SET], back(0)])
    with pytest.raises(CannotRebuild, match="AttributeError"):  # it has no name to hash
        decode(document, classes=CLASSES, buffer=_no_buffer, reference=to_ref)


def test_what_a_pickle_and_the_rest_share_stays_one() -> None:
    shared = [1]
    node = models.Node("a", shared=shared)
    node.inside = models.Stateful([shared, node])
    encoded = encode(node)
    assert len(encoded.pickled) == 1
    rebuilt = rebuild(encoded, classes=CLASSES, allow_pickle=True)
    assert rebuilt.inside.item[0] is rebuilt.shared
    assert rebuilt.inside.item[1] is rebuilt
    with pytest.raises(PickleRefused):
        rebuild(encoded, classes=CLASSES)
    assert "inside" in repr(rebuild(encoded, classes=Sketches()))


def test_what_two_pickles_share_makes_the_whole_value_one_pickle() -> None:
    shared = [1]
    for value in (
        [models.Stateful(shared), models.Stateful(shared)],
        [models.Stateful(shared), shared],
    ):
        encoded = encode(value)
        assert [note.partition(" ")[0] for note in encoded.pickled] == ["result:"]
        first, second = rebuild(encoded, classes=CLASSES, allow_pickle=True)
        assert first.item is getattr(second, "item", second)


def test_what_never_changes_does_not_count_as_shared() -> None:
    kind, path = np.dtype("i4"), Path("/a")
    encoded = encode([models.Stateful((kind, path)), models.Stateful([kind, path])])
    assert len(encoded.pickled) == 2


def test_parts_are_copied_where_the_whole_has_no_pickle() -> None:
    class Local:
        """Pickle does not find it; the format names it."""

    shared = [1]
    value = [models.Stateful(shared), shared, Local()]
    encoded = encode(value)
    assert [note.partition(" ")[0] for note in encoded.pickled] == ["result[0]:"]


def test_attributes_with_names_that_are_no_texts_are_pickled() -> None:
    node = models.Node("a")
    node.__dict__[1] = 2  # type: ignore[index]
    encoded = encode([node])
    assert len(encoded.pickled) == 1
    assert vars(rebuild(encoded, classes=CLASSES, allow_pickle=True)[0]) == {"name": "a", 1: 2}


def _of_main(item: Any) -> Any:
    """As the script's own, which workers get by value and cannot import."""
    item.__module__ = "__main__"
    return item


@_of_main
class Scripted:
    def __init__(self, item: object) -> None:
        self.item = item

    def __reduce__(self) -> Any:
        return (_make_scripted, (type(self), self.item))


@_of_main
def _make_scripted(kind: Any, item: object) -> Scripted:
    made: Scripted = kind(item)
    return made


TABLE: dict[str, object] = {
    "__main__:Scripted": Scripted,
    "__main__:_make_scripted": _make_scripted,
}


def test_classes_and_functions_of_the_script_are_pickled_by_name_and_come_from_the_table() -> None:
    encoded = encode([Scripted([1])])
    assert encoded.classes == tuple(TABLE)
    classes = ImportedClasses([], TABLE)
    [again] = rebuild(encoded, classes=classes, allow_pickle=True)
    assert isinstance(again, Scripted)
    assert again.item == [1]
    with pytest.raises(CannotRebuild, match="the script does not have it any more"):
        rebuild(encoded, classes=ImportedClasses([]), allow_pickle=True)
    with pytest.raises(PickleRefused):
        rebuild(encoded, classes=classes)
    with pytest.raises(ClassRefused):
        classes.find("__main__:Scripted")


def test_a_pickle_that_names_the_script_by_itself_finds_the_table_too() -> None:
    """As earlier versions wrote it in a driver, where the script can be imported."""
    data = b"\x80\x04c__main__\nScripted\n" + pickle.dumps(1, protocol=4)[2:-1] + b"\x85R."
    document = tree(HEADS[Kind.PICKLE], "__main__:Scripted", data)
    made = decode(
        document,
        classes=ImportedClasses([], TABLE),
        buffer=_no_buffer,
        reference=to_ref,
        allow_pickle=True,
    )
    assert isinstance(made, Scripted)


@pytest.mark.parametrize("pid", [7, -1, "os:system", "__main__:gone", (1, 2, 3), None, b"x"])
def test_forged_persistent_ids_are_refused(pid: object) -> None:
    class Forger(pickle.Pickler):
        def persistent_id(self, obj: object) -> object:
            return pid if obj == "here" else None

    file = io.BytesIO()
    Forger(file, protocol=5).dump(["here"])
    data = file.getvalue() if pid is not None else b"\x80\x05NQ."
    for kind in (Kind.PICKLE, Kind.JOINED_PICKLE):
        with pytest.raises(CannotRebuild):
            decode(
                tree(HEADS[kind], "x:Y", data),
                classes=CLASSES,
                buffer=_no_buffer,
                reference=to_ref,
                allow_pickle=True,
            )


def test_a_function_or_a_lambda_inside() -> None:
    encoded = encode(models.Node("a", call=functools.partial(_make_scripted, None)))
    assert "__main__:_make_scripted" in encoded.classes
    with pytest.raises(CannotKeep):
        encode(models.Node("a", call=lambda: 1))
    with pytest.raises(CannotKeep, match=r"result\.lock"):
        encode(models.Node("a", lock=threading.Lock()))
    assert isinstance(_make_scripted, FunctionType)


def _chain(length: int) -> models.Node:
    """Objects in a row and in a ring, whose ends know each other."""
    nodes = [models.Node(f"n{n}") for n in range(length)]
    for n, node in enumerate(nodes):
        node.next, node.before, node.first = nodes[(n + 1) % length], nodes[n - 1], nodes[0]
    return nodes[0]


def _in_thread(run: Callable[[], object]) -> None:
    """Run it with a stack of its own: as deep as ever, whatever the tests have used up."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(run).result()


@pytest.mark.parametrize("length", [1, 90, 99, 100, 101, 150, 198, 250, 20_000])
def test_a_ring_of_any_length_comes_back(length: int) -> None:
    def check() -> None:
        value = _chain(length)
        encoded = encode(value)
        assert encoded.pickled == ()
        rebuilt = rebuild(encoded, classes=CLASSES)
        assert isomorphic(value, rebuilt)
        assert encode(rebuilt).document == encoded.document
        assert len(repr(rebuild(encoded, classes=Sketches()))) < 2000

    _in_thread(check)


@pytest.mark.parametrize("count", [40, 300])
def test_a_web_of_hashed_objects_comes_back(count: int) -> None:
    def check() -> None:
        chance = random.Random(count)
        nodes = [models.Keyed(f"n{n}") for n in range(count)]
        for node in nodes:
            node.others = set(chance.sample(nodes, 3))
            node.table = {other: [other] for other in chance.sample(nodes, 2)}
        encoded = encode(nodes)
        assert encoded.pickled == ()
        assert isomorphic(nodes, rebuild(encoded, classes=CLASSES))

    _in_thread(check)


@pytest.mark.parametrize(
    "parts",
    [
        ([HEADS[Kind.STUB], NODE],),
        ([HEADS[Kind.STUB], NODE], 0),
        ([HEADS[Kind.STUB], NODE], 0, []),
        ([HEADS[Kind.STUB], NODE], 0, [1, 2]),
        ([HEADS[Kind.STUB], NODE], 0, [1], 0, [1]),
        ([HEADS[Kind.STUB], NODE], 5, [1]),
        ([HEADS[Kind.STUB], NODE], "0", [1]),
        ([HEADS[Kind.STUB], NODE], 0, {"name": 1}),
        ([HEADS[Kind.STUB], NODE], 0, [HEADS[Kind.TUPLE]]),
        ([HEADS[Kind.STUB], NODE], 0, [[HEADS[Kind.DEEP], 1]]),
        ([HEADS[Kind.STUB], [HEADS[Kind.SHAPE], "builtins:ValueError"]], 0, []),
        ([HEADS[Kind.STUB], [HEADS[Kind.SHAPE], "builtins:list"]], 0, []),
        ([HEADS[Kind.STUB]], 0, []),
        (),
    ],
    ids=range(14),
)
def test_forged_stubs_are_refused(parts: tuple[Any, ...]) -> None:
    if not parts:
        parts = ([HEADS[Kind.DEEP]],)
    for document in (tree(HEADS[Kind.DEEP], *parts), tree(*parts)):
        with pytest.raises(CannotRebuild):
            decode(document, classes=CLASSES, buffer=_no_buffer, reference=to_ref)


def test_rings_are_shown() -> None:
    node = models.Node("a")
    node.me = node
    assert "name='a'" in render(node)
    assert repr(rebuild(encode(node), classes=Sketches())) == "Node(name='a', me=…)"
