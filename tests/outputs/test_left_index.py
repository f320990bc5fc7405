"""Where what calls left is wanted, if the working directory is another one."""

from __future__ import annotations

import pytest

from chia_bypass.outputs.left_index import Moved


@pytest.mark.parametrize(
    ("folder", "here"),
    [
        ("/old", "/new"),
        ("/old/obj", "/new/obj"),
        ("/older/obj", "/older/obj"),
        ("/elsewhere", "/elsewhere"),
    ],
)
def test_what_was_below_the_old_directory_is_below_the_new_one(folder: str, here: str) -> None:
    assert Moved(("/old",), "/new").places(folder) == (here,)
    both = (folder,) if folder == here else (folder, here)
    assert Moved(("/old",), "/new", both=True).places(folder) == both


@pytest.mark.parametrize("old", ["/", "/old/"])
def test_nothing_gets_beside_the_new_directory(old: str) -> None:
    (here,) = Moved((old,), "/new").places("/old/obj")
    assert here.startswith("/new/")
