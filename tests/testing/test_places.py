"""Names of recordings: safe anywhere, and no two tests share one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chia_bypass.testing.places import test_folder as folder_of

FILE = Path("/p/tests/test_a.py")


@pytest.mark.parametrize(
    ("node", "name"),
    [
        ("tests/test_a.py::test_b", "test_b"),
        ("tests/test_a.py::TestC::test_b", "TestC.test_b"),
        ("tests/test_a.py::test_b[1-2.5]", "test_b-1-2.5"),
    ],
)
def test_plain_names_stay_as_they_are(node: str, name: str) -> None:
    assert folder_of(FILE, node) == Path("/p/tests/recordings/test_a") / name


@given(st.lists(st.text(min_size=1, max_size=300), min_size=2, max_size=2, unique=True))
def test_parameters_of_any_kind_make_different_safe_names(ids: list[str]) -> None:
    folders = [folder_of(FILE, f"tests/test_a.py::test_b[{one}]") for one in ids]
    assert folders[0] != folders[1]
    for folder in folders:
        assert folder.parent == Path("/p/tests/recordings/test_a")
        assert folder.name.isascii()
        assert set(folder.name).isdisjoint(" /\\[]*?'\"$&;|<>\n")
        assert len(folder.name) < 200
