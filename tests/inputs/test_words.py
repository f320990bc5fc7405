"""Which words of a text may be paths."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chia_bypass.inputs.words import LONGEST, MOST, path_words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("gcc -O2 src/a.c -o a.o", ["src/a.c", "a.o"]),
        ("cd proj/rtl && make -C sub/dir sim", ["proj/rtl", "sub/dir"]),
        ("cat 'a b/c.v'>out/log 2>&1|tee x.log", ["b/c.v", "out/log", "x.log"]),
        (
            "verilator -Irtl/inc +incdir+rtl/a+rtl/b --top=x/top.v",
            ["rtl/inc", "rtl/a", "rtl/b", "x/top.v"],
        ),
        ("-Irtl/inc", ["rtl/inc"]),
        ("cat my-odd-dir/a-b.c", ["my-odd-dir/a-b.c"]),
        ("--config=cfg/a.yaml", ["cfg/a.yaml"]),
        ("+incdir+rtl/inc", ["rtl/inc"]),
        ("ls rtl/*.v /a/b[12]/c *.v", ["rtl/", "/a/"]),
        ("cat ~/notes.txt", [str(Path.home() / "notes.txt")]),
        ("Please improve design.v: it is read by src/b.v in the end.", []),
        ("Rules:\nkeep src/b.v", []),
        ("find . -name x && cp a/b ./c/..", ["a/b", "./c/.."]),
        ("see https://host/a.v for $HOME/a.v and a\\ b", []),
        ("in 3.5 s at v1.2. And more", []),
        ("make -f Makefile all", ["Makefile"]),
        ("docker build -f Dockerfile --logfile profile", ["Dockerfile"]),
        ("a/b", []),
        ("design.v", []),
        ("nothing", []),
        ("", []),
    ],
)
def test_what_may_be_a_path(text: str, found: list[str]) -> None:
    assert [word for _, word in path_words(text)] == found


def test_words_have_their_positions() -> None:
    assert path_words("cat a.v | sort b/c") == [(2, "a.v"), (4, "b/c")]


def test_long_texts_and_many_words_are_bounded() -> None:
    assert len(path_words("a/b " * (MOST + 5))) == MOST
    assert path_words("a/b " * LONGEST) == []


@given(
    st.lists(
        st.from_regex(r"[a-z][a-z-]{0,5}(/[a-z]{1,5}){1,3}(\.[a-z]{1,3})?", fullmatch=True),
        min_size=2,
        max_size=9,
    )
)
def test_paths_of_any_command_are_found(paths: list[str]) -> None:
    assert [word for _, word in path_words(shlex.join(paths))] == paths


@given(st.text())
def test_any_text_can_be_asked(text: str) -> None:
    assert all(at > 0 and word for at, word in path_words(text))
