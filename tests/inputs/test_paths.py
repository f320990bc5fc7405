"""Which paths the arguments of a call name."""

from __future__ import annotations

import os
import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import value_strategies

from chia_bypass.inputs.paths import PATHS, VALUES, Found, may_name, paths_in


def named(value: object) -> dict[str, str]:
    """Paths by their place in an argument ``x``."""
    return {one.place: one.path for one in paths_in([("x", value)]).named}


@dataclass
class Build:
    worktree: str
    inner: object = None


class Slotted:
    __slots__ = ("top",)

    def __init__(self, top: object) -> None:
        self.top = top


class Pair(NamedTuple):
    source: str
    number: int


class Mode(str, Enum):
    FAST = "/looks/like/one"


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("/wt/a", {"x": "/wt/a"}),
        (Path("/wt/a/"), {"x": "/wt/a"}),
        (PurePosixPath("/wt/./a"), {"x": "/wt/a"}),
        ({"rtl": ["/wt/a.v", 3]}, {"x['rtl'][0]": "/wt/a.v"}),
        ({"/wt/a.v": 1}, {"x.keys()[0]": "/wt/a.v"}),
        ({2: "/a/b"}, {"x[2]": "/a/b"}),
        ({Path("/a"): "/a/b"}, {"x.keys()[0]": "/a", "x[#0]": "/a/b"}),
        (({"/a/b"}, deque(["/c/d"])), {"x[0]{}": "/a/b", "x[1][0]": "/c/d"}),
        (Pair("/a/b", 2), {"x.source": "/a/b"}),
        (
            Build("/wt", SimpleNamespace(top="/wt/top.v")),
            {"x.worktree": "/wt", "x.inner.top": "/wt/top.v"},
        ),
        (Slotted("/wt/top.v"), {"x.top": "/wt/top.v"}),
        (Mode.FAST, {}),
        ("/", {}),
        ("/tmp/", {}),
        (tempfile.gettempdir(), {}),
        (str(Path.home()), {}),
        (Path(), {}),
        ("/dev/null", {}),
        ("/proc/self/maps", {}),
        ("/dev/shm/x", {"x": "/dev/shm/x"}),
        ("https://host/a", {}),
        ("s3://bucket/a.v", {}),
        ("/a\nb", {"x, word 1": "/a"}),
        ("/a\0b", {}),
        ("/" + 300 * "n", {}),
        (5000 * "/n", {}),
        ("", {}),
        (b"/a/b", {}),
        (3.5, {}),
        (len, {}),
        (Build, {}),
        (sys, {}),
    ],
)
def test_what_names_a_path(value: object, found: dict[str, str]) -> None:
    assert named(value) == found


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "top.v").write_text("module top; endmodule")
    (tmp_path / "folder.d").mkdir()
    (tmp_path / "plain").write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_relative_paths_are_noted_absolute_and_as_they_were_written(here: Path) -> None:
    (one,) = paths_in([("x", "src/../top.v")]).named
    assert (one.path, one.given) == (str(here / "top.v"), "src/../top.v")


def test_a_bare_name_is_a_path_if_it_is_that_of_a_file_here(here: Path) -> None:
    texts = ["top.v", "plain", "folder.d", "absent.v", "v1.2", "Say so. And more", "Dockerfile"]
    (here / "Makefile").touch()
    found = {"x[0]": str(here / "top.v"), "x[7]": str(here / "Makefile")}
    assert named([*texts, "Makefile"]) == found
    assert named([Path("plain"), Path("folder.d")]) == {
        "x[0]": str(here / "plain"),
        "x[1]": str(here / "folder.d"),
    }


def test_words_of_a_command_are_paths_but_for_the_systems(here: Path) -> None:
    command = f"{sys.executable} -I/wt/inc top.v </usr/share/x >/wt/log; cat 'made.v'"
    assert {place: path for place, path in named([command]).items() if "," in place} == {
        "x[0], word 2": "/wt/inc",
        "x[0], word 3": str(here / "top.v"),
        "x[0], word 5": "/wt/log",
        "x[0], word 7": str(here / "made.v"),
    }
    assert may_name([command])
    assert not any("," in one.place for one in paths_in([("x", command)], words=False).named)


def test_behind_a_link_the_parent_is_where_the_link_leads(here: Path) -> None:
    (here / "deep/er").mkdir(parents=True)
    (here / "link").symlink_to(here / "deep/er")
    assert named("link/../x") == {"x": str(here.resolve() / "deep/x")}


def test_objects_are_looked_into_three_levels_deep() -> None:
    value: object = "/a/b"
    for _ in range(4):
        value = Build("", value)
    assert named(value) == {}
    assert named(value.inner) == {"x.inner.inner.inner": "/a/b"}  # type: ignore[attr-defined]


def test_a_circle_ends() -> None:
    circle: list[Any] = ["/a/b"]
    circle.append(circle)
    build = Build("/wt", circle)
    circle.append(build)
    assert named(build) == {"x.worktree": "/wt", "x.inner[0]": "/a/b"}


def test_huge_containers_are_looked_at_in_part_and_that_is_said() -> None:
    assert paths_in([("x", [0] * (VALUES + 1))]) == Found((), cut=True)
    many = paths_in([("x", ["/a/b"] * (PATHS + 1))])
    assert len(many.named) == PATHS
    assert many.cut
    nested = paths_in([("x", [[[0] * 200] * 1000])])
    assert not nested.cut  # one and the same list
    assert paths_in([("x", [[0] * 200 for _ in range(1000)])]).cut


class Hostile(list[str]):
    """Counts what is asked of it."""

    asked = 0

    def __iter__(self) -> Iterator[str]:
        Hostile.asked += 1
        raise RuntimeError("no")

    def __len__(self) -> int:
        Hostile.asked += 1
        raise RuntimeError("no")

    def __getattribute__(self, name: str) -> Any:
        Hostile.asked += 1
        raise RuntimeError("no")


def test_no_code_of_the_users_runs() -> None:
    assert named([Hostile(["/a/b"]), "/c/d"]) == {"x[0][0]": "/a/b", "x[1]": "/c/d"}
    assert Hostile.asked == 0


def test_a_working_directory_that_is_gone_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert named("a/b") == {}


def test_calls_of_plain_values_are_known_by_their_types(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the file system was asked")

    monkeypatch.setattr(os, "stat", refuse)
    plain = (1, 2.5, None, True, b"x/y", "a name", "a sentence. And one more", "", "https://h/p.v")
    assert not may_name(plain)
    assert named(plain) == {}
    others: tuple[object, ...] = ("/a", [], Build(""))
    assert all(may_name([one]) for one in others)


@given(st.dictionaries(st.text(max_size=5), value_strategies.values))
def test_no_value_is_an_error_or_changed(arguments: dict[str, Any]) -> None:
    before = repr(arguments)
    found = paths_in(arguments.items())
    assert repr(arguments) == before
    assert all(one.path.startswith("/") for one in found.named)
