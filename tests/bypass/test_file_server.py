"""The file server without Ray: what it finds, what it says, how often it reads."""

from __future__ import annotations

import os
import pickle
import threading
from pathlib import Path

import pytest

from chia_bypass.bypass.file_server import (
    INLINE_BYTES,
    FileServer,
    Folder,
    Published,
    ServedPaths,
    Version,
)
from chia_bypass.bypass.file_server_actor import FileLocation
from chia_bypass.errors import ServedFileMissing, ServedFileUnreadable

LARGE = "x" * (INLINE_BYTES + 1)


class Store:
    """What publishing would be with Ray: counted, and told apart from the text itself."""

    def __init__(self) -> None:
        self.published: list[str] = []

    def __call__(self, text: str) -> tuple[str, int]:
        self.published.append(text)
        return ("reference", len(self.published))


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def server(tmp_path: Path, store: Store) -> FileServer:
    for name in ("yaml", "work"):
        (tmp_path / name).mkdir()
    return FileServer(ServedPaths(roots(tmp_path)), "node-7", store)


def roots(tmp_path: Path) -> tuple[str, ...]:
    return (str(tmp_path / "yaml"), str(tmp_path / "work"))


def test_text_bytes_and_existence(server: FileServer, tmp_path: Path) -> None:
    file = tmp_path / "work/a.txt"
    file.write_bytes("é\n".encode())
    assert server.get_text(str(file)) == "é\n"
    assert server.get_bytes(str(file)) == "é\n".encode()
    assert server.exists(str(file))
    assert not server.exists(str(tmp_path / "work"))
    assert not server.exists(str(tmp_path / "work/absent"))


def test_relative_paths_are_looked_up_next_to_the_yaml_first(
    server: FileServer, tmp_path: Path
) -> None:
    (tmp_path / "work/a.txt").write_text("working directory")
    assert server.get_text("a.txt") == "working directory"
    (tmp_path / "yaml/a.txt").write_text("next to the YAML")
    assert server.get_text("a.txt") == "next to the YAML"
    assert server.exists("a.txt")


@pytest.mark.parametrize("method", ["get_text", "get_bytes", "fetch"])
def test_a_missing_file_is_named_with_node_and_places(
    server: FileServer, tmp_path: Path, method: str
) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        getattr(server, method)("absent.txt")
    error = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(error, ServedFileMissing)
    assert error.filename == "absent.txt"
    assert error.errno == caught.value.errno
    for part in ("absent.txt", "node-7", str(tmp_path / "yaml"), str(tmp_path / "work")):
        assert part in str(error)


ASKED = ["get_text", "get_bytes", "fetch", "exists"]


@pytest.mark.parametrize("method", ASKED)
@pytest.mark.parametrize(
    "how", ["absolute", "upwards", "link", "linked folder", "absent", "beside"]
)
def test_nothing_else_is_handed_out(
    method: str, how: str, server: FileServer, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("precious")
    (tmp_path / "work/link").symlink_to(tmp_path / "secret")
    (tmp_path / "work/folder").symlink_to(tmp_path)
    (tmp_path / "working").mkdir()
    (tmp_path / "working/secret").write_text("precious")
    path = {
        "absolute": str(tmp_path / "secret"),
        "upwards": "../secret",
        "link": "link",
        "linked folder": "folder/secret",
        "absent": str(tmp_path / "absent"),
        "beside": str(tmp_path / "working/secret"),
    }[how]
    with pytest.raises(ServedFileUnreadable, match=r"neither in .* serve_any_path=True") as caught:
        getattr(server, method)(path)
    assert caught.value.path == path
    assert "precious" not in str(caught.value)


@pytest.mark.parametrize("method", ASKED)
def test_what_the_yaml_names_is_handed_out_and_what_is_below_it(
    method: str, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "yaml").mkdir()
    (tmp_path / "results/deep").mkdir(parents=True)
    for name in ("results/deep/a", "single", "other"):
        (tmp_path / name).write_text(name)
    (tmp_path / "yaml/named").symlink_to(tmp_path / "single")
    named = (str(tmp_path / "results"), "../yaml/named")
    server = FileServer(ServedPaths((str(tmp_path / "yaml"),), named), "node-7", store)
    ask = getattr(server, method)
    for path in (f"{tmp_path}/results/deep/a", "../results/deep/a", "named", f"{tmp_path}/single"):
        assert ask(path) in ("results/deep/a", b"results/deep/a", "single", b"single", True)
    with pytest.raises(ServedFileUnreadable, match="nor named by the YAML"):
        ask("../other")


def test_any_path_is_handed_out_if_that_is_asked_for(store: Store, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "work").mkdir()
    server = FileServer(ServedPaths((f"{tmp_path}/work",), any_path=True), "node-7", store)
    assert server.get_text(str(tmp_path / "a.txt")) == server.get_text("../a.txt") == "a"


def test_names_of_file_servers_cannot_be_guessed() -> None:
    names = [FileLocation.here(None, (), any_path=False).name for _ in range(100)]
    strangers = {a ^ b for a, b in zip(map(number, names), map(number, names[1:]), strict=False)}
    assert len(strangers) == 99
    assert all(difference.bit_count() > 20 for difference in strangers)


def number(name: str) -> int:
    return int(name.removeprefix("files-"), 16)


def test_a_loaded_state_serves_what_both_yamls_name() -> None:
    ours = FileLocation(ServedPaths(("/a",), ("/x", "b")))
    theirs = FileLocation(ServedPaths(("/c",), ("b",)), node="n")
    both = theirs.serving_also(ours)
    assert both.served == ServedPaths(("/c",), ("b", "/x"))
    assert (both.node, both.name == theirs.name) == ("n", False)
    assert both.serving_also(ours) is both
    anything = FileLocation(ServedPaths(("/c",), any_path=True))
    assert anything.serving_also(ours) is anything


def test_what_is_no_text_says_how_to_get_it(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "yaml/elf").write_bytes(b"ab\xff")
    with pytest.raises(ServedFileUnreadable, match=r"not UTF-8 text.*byte 2.*get_bytes") as caught:
        server.fetch("elf")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    assert server.get_bytes("elf") == b"ab\xff"


@pytest.mark.parametrize("method", ["get_text", "get_bytes"])
def test_a_folder_cannot_be_read(server: FileServer, tmp_path: Path, method: str) -> None:
    with pytest.raises(ServedFileUnreadable, match="directory"):
        getattr(server, method)(str(tmp_path / "work"))


def test_fetch_tells_folders_apart(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "yaml/results").mkdir()
    assert server.fetch("results") == Folder(str(tmp_path / "yaml/results"))


def test_a_small_file_is_in_the_answer(server: FileServer, tmp_path: Path, store: Store) -> None:
    (tmp_path / "yaml/small").write_text("small")
    assert server.fetch("small") == "small"
    assert store.published == []


def test_a_large_file_is_published_once_until_it_changes(
    server: FileServer, tmp_path: Path, store: Store
) -> None:
    file = tmp_path / "yaml/large"
    file.write_text(LARGE)
    assert server.fetch("large") == server.fetch("large") == ("reference", 1)
    os.utime(file, ns=(1, 1))
    assert server.fetch("large") == ("reference", 2)
    file.write_text(LARGE + "y")
    assert server.fetch("large") == ("reference", 3)
    assert store.published == [LARGE, LARGE, LARGE + "y"]


def version(name: str, size: int) -> Version:
    return Version(name, size, 0, 0)


def test_what_is_kept_is_bounded_and_the_longest_unused_goes_first() -> None:
    kept, published = Published(limit=10), []

    def ask(name: str, size: int = 4) -> None:
        kept.get(version(name, size), lambda: published.append(name))

    for name in ("a", "b", "a", "c", "a", "b"):
        ask(name)
    assert published == ["a", "b", "c", "b"]
    ask("huge", 100)
    ask("huge", 100)
    assert published.count("huge") == 1


def test_readers_of_one_file_wait_for_one_reading_and_others_do_not() -> None:
    kept, begun, go = Published(), threading.Event(), threading.Event()
    readings: list[str] = []
    answers: list[str] = []

    def slow() -> str:
        readings.append("slow")
        begun.set()
        assert go.wait(60)
        return "contents"

    def read() -> None:
        answers.append(kept.get(version("slow", 1), slow))

    first = threading.Thread(target=read)
    first.start()
    assert begun.wait(60)
    second = threading.Thread(target=read)
    second.start()
    assert kept.get(version("other", 1), lambda: "other") == "other"
    assert answers == []
    go.set()
    first.join()
    second.join()
    assert (answers, readings) == (["contents", "contents"], ["slow"])


def test_a_failed_reading_is_not_kept() -> None:
    kept = Published()

    def fail() -> None:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        kept.get(version("a", 1), fail)
    assert kept.get(version("a", 1), lambda: "again") == "again"
