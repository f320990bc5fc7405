"""Digests: equal for equal content, in every process, and harmless to what they look at."""

from __future__ import annotations

import functools
import hashlib
import io
import logging
import os
import random
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from support import value_models as models
from support.value_strategies import Ref, refer, round_trip, values

from chia_bypass.values.digest import bind, digest, source_digest

ROOT = Path(__file__).resolve().parents[2]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(values)
def test_a_rebuilt_value_has_the_same_digest(value: object) -> None:
    found = digest(value)
    assert found.unstable == ()
    assert digest(round_trip(value)) == found


def test_order_and_sharing_do_not_count_except_where_they_are_content() -> None:
    shared = [1]
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest(OrderedDict(a=1, b=2)) != digest(OrderedDict(b=2, a=1))
    assert digest([shared, shared]) == digest([[1], [1]])


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ([1], (1,)),
        (1, True),
        (1, 1.0),
        (0.0, -0.0),
        ("1", b"1"),
        (["ab", "c"], ["a", "bc"]),
        ({1: 2}, {2: 1}),
        ({"ab": "c"}, {"a": "bc"}),
        ([[1], 2], [[1, 2]]),
        (models.Point(1, 2), models.Child(1, 2)),
        (models.Ordinary(1), models.Ordinary(2)),
        (np.zeros(2, "<i4"), np.zeros(2, "<i8")),
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (functools.partial(max, 1), functools.partial(max, 2)),
        (models.Point(1).__eq__, models.Point(2).__eq__),
        (None, ...),
        (int, str),
    ],
)
def test_different_values_have_different_digests(left: object, right: object) -> None:
    assert digest(left).value != digest(right).value


def test_functions_count_by_name_defaults_and_captured_values() -> None:
    def make(captured: int, default: int = 0) -> Any:
        def inner(x: int = default) -> int:
            return captured + x

        return inner

    assert digest(make(1)) == digest(make(1))
    assert len({digest(f).value for f in (make(1), make(2), make(1, 5))}) == 3


def test_arrays_count_by_content_however_they_are_laid_out() -> None:
    array = np.arange(24).reshape(4, 6)
    columns = np.asfortranarray(array)
    assert digest(columns) == digest(columns.copy(order="F"))
    assert digest(columns) != digest(array)
    assert digest(array[::2, ::3]) == digest(array[::2, ::3].copy())


def test_machinery_counts_by_type() -> None:
    for make in (threading.Lock, threading.Event, threading.Thread):
        assert digest([make()]) == digest([make()])
        assert digest(make()).unstable == ()
    assert digest(logging.getLogger("a")) == digest(logging.getLogger("b"))


@pytest.mark.parametrize(
    "make",
    [
        random.Random,
        np.random.default_rng,
        np.random.RandomState,
        np.random.PCG64,
        np.random.SeedSequence,
        lambda seed: io.BytesIO(bytes([seed])),
        lambda seed: io.StringIO(str(seed)),
    ],
)
def test_generators_count_by_their_state_and_files_in_memory_by_content(
    make: Callable[[int], object],
) -> None:
    assert digest(make(1)) == digest(make(1))
    assert digest(make(1)).value != digest(make(2)).value
    assert digest([make(1)]).unstable == ()


def test_a_used_generator_is_another_one_and_looking_does_not_use_it() -> None:
    used, fresh = random.Random(1), random.Random(1)
    file = io.BytesIO(b"abc")
    assert digest(fresh) == digest(used)
    assert used.random() == fresh.random()
    assert digest(file) == digest(file)
    assert file.read() == b"abc"
    assert digest(random.Random(1)).value != digest(used).value
    assert digest(random.SystemRandom()) == digest(random.SystemRandom())


def test_nothing_is_consumed_and_what_has_no_stable_form_is_reported() -> None:
    numbers = (n for n in range(3))
    walk = iter([1, 2])
    found = digest({"a": [numbers]}, place="arg")
    assert found.unstable[0].startswith("arg['a'][0]: builtins:generator")
    assert digest(walk).unstable
    assert (list(numbers), list(walk)) == ([0, 1, 2], [1, 2])
    assert found == digest({"a": [(n for n in "x")]}, place="arg")


def test_references_count_as_the_call_that_made_them() -> None:
    found = [digest([Ref(call)], reference=refer) for call in ("a", "a", "b")]
    assert found[0] == found[1] != found[2]


def test_cycles_end_and_entangled_ones_are_given_up() -> None:
    rings: list[Any] = [models.Point(1), models.Point(1)]
    for ring in rings:
        ring.y = [ring]
    assert digest(rings[0]) == digest(rings[1])
    web = [models.Point(i) for i in range(30)]
    for node in web:
        node.y = list(web)
    assert "entangled" in digest(web).unstable[0]
    deep: object = 1
    for _ in range(5000):
        deep = [deep]
    assert "levels deep" in digest(deep).unstable[0]


def test_no_code_of_the_users_runs() -> None:
    value = object.__new__(models.Hostile)
    value.__dict__["x"] = 1
    models.RAN.clear()
    digest([value, {"k": value}])
    assert models.RAN == []


def test_bind_names_every_argument() -> None:
    def function(a: int, /, b: int, *rest: int, c: int = 3, **more: int) -> None: ...

    assert bind(function, (1, 2, 8, 9), {"z": 5, "a": 6}) == (
        ("a", 1),
        ("b", 2),
        ("*rest[0]", 8),
        ("*rest[1]", 9),
        ("c", 3),
        ("z", 5),
        ("**a", 6),
    )
    assert bind(function, (1,), {"q": 2}) == (("[0]", 1), ("q", 2))


def test_source_digest_follows_the_source_and_falls_back_on_the_code() -> None:
    def one() -> int:
        return 1

    made: list[Any] = []
    for text in ("def f(): return 1", "\n\ndef f(): return 1", "def f(): return 2"):
        namespace: dict[str, Any] = {}
        exec(text, namespace)
        made.append(namespace["f"])
    assert source_digest(one) == source_digest(one) != source_digest(made[0])
    assert source_digest(made[0]) == source_digest(made[1]) != source_digest(made[2])
    assert len(source_digest(len)) == hashlib.sha256().digest_size


PROCESSES = int(os.environ.get("CHIA_BYPASS_PROCESSES", "3"))
"""In how many fresh processes digests are compared; 50 where it is done thoroughly."""
SCRIPT = """
import sys, functools
from chia.base.tools.ChiaTool import ChiaTool
from chia.models.claude import ClaudeCodeLLM
class Tool(ChiaTool):
    def __init__(self, name): super().__init__(name); self.folders = set("abc")
from dataclasses import dataclass
from chia_bypass.values.digest import digest
from chia_bypass.values.encode import encode
@dataclass(frozen=True)
class Result:
    name: str
    parts: frozenset
    def method(self): pass
def work(x=frozenset("abc")): pass
words = [str(i) * (i % 40) for i in range(200)]
plain = {"s": set(words), "d": {w: len(w) for w in set(words)}}
value = [plain, {(w, frozenset(words[:5])) for w in words},
         Result("a", frozenset(words)), {Result(w, frozenset(words[:9])) for w in words}]
shared = [1, {"a"}]
models = [ClaudeCodeLLM(model="m", resume_session=True), Tool(str(id(shared))), shared, shared]
functions = [work, functools.partial(work, 1), value[2].method, Result]
print(digest([value, models, functions]).value.hex())
print(encode([set(words), *value[1:]]).document.hex())
"""


def test_fresh_processes_with_other_hash_seeds_agree(tmp_path: Path) -> None:
    pytest.importorskip("chia")
    script = tmp_path / "loop.py"
    script.write_text(SCRIPT)
    outputs = set()
    for _ in range(PROCESSES):
        seed = str(random.randrange(1, 2**32))
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, str(script)], env=environment, capture_output=True, check=True
        )
        outputs.add(done.stdout)
    assert len(outputs) == 1


def test_main_counts_as_the_script_that_it_is(tmp_path: Path) -> None:
    (tmp_path / "loop.py").write_text(
        "from chia_bypass.values.digest import digest\n"
        "class A: pass\ndef f(): pass\n"
        "def show(): print(digest([A, A(), f]).value.hex())\n"
        "if __name__ == '__main__': show()\n"
    )
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    commands = (["loop.py"], ["-m", "loop"], ["-c", "import loop; loop.show()"])
    outputs = {
        subprocess.run(
            [sys.executable, *command],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            check=True,
        ).stdout
        for command in commands
    }
    assert len(outputs) == 1
