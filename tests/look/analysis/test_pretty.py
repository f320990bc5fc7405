"""Values for people: short whatever their size, and nothing of the user's runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy
import pytest
from support.recording_builder import Made, make_recording

from chia_bypass.errors import UsageError
from chia_bypass.look.analysis.pretty import brief, pretty
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.sketched import part, raw, sketched
from chia_bypass.values.encode import encode


def shown(value: object, width: int = 100) -> str:
    return "\n".join(pretty(value, width).lines)


def test_large_values_are_shown_in_short() -> None:
    deep: list[Any] = []
    for _ in range(300):
        deep = [deep]
    wide: Any = "x"
    for _ in range(60):  # as a tree it has 2**60 parts
        wide = [wide, wide]
    values = [list(range(10**6)), b"x" * 10**7, dict.fromkeys(range(500), "y" * 10**4), deep, wide]
    for value in values:
        found = pretty(value, 80)
        assert found.elided
        assert len("\n".join(found.lines)) < 200_000
    assert "… 999960 more" in shown(values[0])


def test_long_texts_and_bytes_in_a_container_leave_room_for_the_rest() -> None:
    lines = pretty({"log": "x" * 10_000, "elf": bytes(10_000), "short": b"y" * 32}, 80).lines
    assert [len(line) < limit for line, limit in zip(lines[1:4], (460, 170, 60), strict=True)]
    assert lines[3].strip() == f"'short': b'{'y' * 32}'"
    assert brief({"a": b"123456789", "b": "x\ny"}) == "{'a': b'12345678' … 1 more, 'b': 'x\\ny'}"


def test_small_values_are_whole() -> None:
    value = {"a": [1, (2,)], "b": {3}, "c": numpy.arange(3)}
    found = pretty(value, 200)
    assert not found.elided
    assert found.lines == (
        "{'a': [1, (2,)], 'b': {3}, 'c': ndarray(int64, shape=(3,), [0, 1, 2])}",
    )


def test_a_text_of_several_lines_is_shown_as_lines() -> None:
    assert pretty("a\n\x1b[31mb\x07\n", 80).lines == ("a", "b\\x07")


def test_what_holds_itself_ends() -> None:
    value: list[Any] = [1]
    value.append(value)
    assert shown(value) == "[1, … (itself)]"


def test_classes_that_cannot_be_imported_are_sketched(tmp_path: Path) -> None:
    module = tmp_path / "gone.py"
    module.write_text(
        "import dataclasses\n"
        "@dataclasses.dataclass\nclass Kernel:\n    unroll: int\n    source: bytes\n"
        "    def __repr__(self): raise SystemExit\n"
    )
    sys.path.insert(0, str(tmp_path))
    try:
        from gone import Kernel  # type: ignore[import-not-found]
    finally:
        sys.path.remove(str(tmp_path))
    assert encode(Kernel(4, b"x")).classes == ("gone:Kernel",)
    make_recording(tmp_path / "r", [Made(value=[Kernel(4, b"int main")])])
    module.unlink()
    del sys.modules["gone"]
    recording = Recording.open(tmp_path / "r")
    stored = recording.result("loop.0/0")
    assert stored is not None
    value = sketched(recording, stored)
    assert shown(value) == "[Kernel(unroll=4, source=b'int main')]"
    assert raw(part(value, "[0].source")) == b"int main"
    assert "gone" not in sys.modules


@pytest.mark.parametrize(
    ("path", "found"),
    [("a", [1, {"x y": 2}]), ("a[0]", 1), ("a[-1]['x y']", 2), ('["a"][1]["x y"]', 2)],
)
def test_parts_are_named_by_steps(path: str, found: object) -> None:
    assert part({"a": [1, {"x y": 2}]}, path) == found


@pytest.mark.parametrize(
    ("path", "told"),
    [("b", "has no 'b'. It has: a"), ("a[7]", "2 elements"), ("a[0].x", "no parts"), ("[", "step")],
)
def test_parts_that_are_not_there_are_told(path: str, told: str) -> None:
    with pytest.raises(UsageError, match=told.replace("[", r"\[")):
        part({"a": [1, 2]}, path)
