"""Files that other processes see: whole or not at all, and claimed by one."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from chia_bypass.files import claim, publish, scratch_beside

CLAIMING = 8
"""Threads that want one name."""


def test_a_file_is_published_with_nothing_beside_it(tmp_path: Path) -> None:
    target = tmp_path / ("é" * 120)  # 240 bytes, of the 255 that a name may have
    publish(target, lambda file: file.write(b"first"))
    publish(target, lambda file: file.writelines([b"sec", b"ond"]))
    assert list(tmp_path.iterdir()) == [target]
    assert target.read_bytes() == b"second"


def test_what_was_there_is_seen_until_all_is_written(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"old")
    seen = []

    def write(file: BinaryIO) -> None:
        file.write(b"new" * 10_000)
        file.flush()
        seen.append(target.read_bytes())

    publish(target, write)
    assert seen == [b"old"]
    assert target.read_bytes() == b"new" * 10_000


def test_links_that_somebody_planted_lead_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim, target = tmp_path / "victim", tmp_path / "report.html"
    victim.write_text("mine")
    target.symlink_to(victim)
    publish(target, lambda file: file.write(b"page"))
    assert (target.is_symlink(), target.read_bytes()) == (False, b"page")

    # Not even by who guesses the name that the file has before it is whole.
    monkeypatch.setattr("secrets.token_hex", lambda size: "guessed")
    scratch_beside(target).symlink_to(victim)
    with pytest.raises(FileExistsError):
        publish(target, lambda file: file.write(b"other"))
    assert (target.read_bytes(), victim.read_text()) == (b"page", "mine")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_writer_that_fails_leaves_what_was_there(tmp_path: Path, error: BaseException) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"old")

    def write(file: BinaryIO) -> None:
        file.write(b"half")
        raise error

    with pytest.raises(type(error)):
        publish(target, write)
    assert list(tmp_path.iterdir()) == [target]
    assert target.read_bytes() == b"old"


def test_bytes_are_durable_before_their_name_and_that_on_return(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[tuple[str, str]] = []

    def note(name: str) -> None:
        real = getattr(os, name)

        def noted(what: Any, *rest: Any, **more: Any) -> Any:
            path = Path(what) if isinstance(what, str) else Path(f"/proc/self/fd/{what}").readlink()
            steps.append((name, path.name.partition(".")[0] or "scratch"))
            return real(what, *rest, **more)

        monkeypatch.setattr(os, name, noted)

    for name in ("fdatasync", "rename", "fsync"):
        note(name)
    folder = tmp_path / "folder"
    folder.mkdir()
    publish(folder / "a", lambda file: file.write(b"x"))
    assert steps == [("fdatasync", "scratch"), ("rename", "scratch"), ("fsync", "folder")]


def test_a_name_is_claimed_once_and_its_content_is_the_first_ones(tmp_path: Path) -> None:
    path = tmp_path / "claims" / "a"
    assert [claim(path, b"one"), claim(path, b"two"), claim(path)] == [True, False, False]
    assert path.read_bytes() == b"one"
    assert list(path.parent.iterdir()) == [path]


def test_of_many_at_once_one_claims_and_all_see_its_whole_content(tmp_path: Path) -> None:
    together = threading.Barrier(CLAIMING)
    names = [tmp_path / "claims" / str(number) for number in range(20)]

    def run(own: int) -> list[tuple[bool, bytes]]:
        content, found = str(own).encode() * 1000, []
        for name in names:
            together.wait()
            found.append((claim(name, content), name.read_bytes()))
        return found

    with ThreadPoolExecutor(CLAIMING) as threads:
        results = list(threads.map(run, range(CLAIMING)))
    for place, name in enumerate(names):
        won = [own for own, found in enumerate(results) if found[place][0]]
        assert len(won) == 1
        assert {found[place][1] for found in results} == {str(won[0]).encode() * 1000}
        assert name.read_bytes() == str(won[0]).encode() * 1000
    assert sorted(names[0].parent.iterdir()) == sorted(names)


def test_no_folder_is_made_above_that_of_the_claim(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        claim(tmp_path / "ended" / "claims" / "a")
    assert list(tmp_path.iterdir()) == []
