"""What a YAML switches on, merged, asked and sent to workers."""

from __future__ import annotations

import pickle

import pytest

from chia_bypass.bypass.config import BypassConfig, Entry
from chia_bypass.bypass.settings import Settings


def settings_of(file: str | None, **entries: Entry) -> Settings:
    return Settings.of(BypassConfig(file, entries))


ON = Entry(bypass=True, data="a.txt", tags=("iter.*",))
OFF = Entry(bypass=False, data="b.txt", tags=("x",))


def test_an_entry_that_is_off_says_nothing_else() -> None:
    made = settings_of("/a.yaml", f=ON, g=OFF, h=Entry(bypass=True))
    assert made.flags == {"f": True, "g": False, "h": True}
    assert made.data == {"f": "a.txt"}
    assert made.tags == {"f": ("iter.*",)}
    assert made.file == "/a.yaml"
    assert [made.switched_on(f"m:{name}") for name in "fghz"] == [True, False, True, False]


def test_the_later_settings_win_key_by_key() -> None:
    first = settings_of("/a.yaml", f=ON, g=Entry(bypass=True, data="old", tags=("old",)))
    later = settings_of("/b.yaml", g=Entry(bypass=True, data="new", tags=("new",)))
    merged = first.merged(later)
    assert merged.flags == {"f": True, "g": True}
    assert merged.data == {"f": "a.txt", "g": "new"}
    assert merged.tags == {"f": ("iter.*",), "g": ("new",)}
    assert merged.file == "/b.yaml"
    assert first.merged(settings_of(None, f=OFF)).flags["f"] is False
    assert first.merged(settings_of(None)).file == "/a.yaml"


@pytest.mark.parametrize(
    ("key", "file", "named"),
    [
        ("f", "/a.yaml", "bypass.f.data in /a.yaml"),
        ("m:f", "/a.yaml", "bypass.m:f.data in /a.yaml"),
        ("other", "/a.yaml", "bypass.m:f.data in /a.yaml"),
        ("f", None, "bypass.f.data"),
    ],
)
def test_where_data_was_named(key: str, file: str | None, named: str) -> None:
    assert settings_of(file, **{key: ON}).data_key("m:f") == named


@pytest.mark.parametrize(
    ("data", "files"),
    [([], ()), (["actor://a"], ()), (["a.txt"], ("a.txt",)), (["actor://a", "b"], ("b",))],
)
def test_data_that_is_a_path_takes_a_file_server(data: list[str], files: tuple[str, ...]) -> None:
    entries = {f"f{n}": Entry(bypass=True, data=item) for n, item in enumerate(data)}
    assert settings_of(None, **entries).files == files


def test_a_worker_unpickles_the_same_settings_once_and_sends_the_same_bytes_on() -> None:
    made = settings_of("/a.yaml", f=ON)
    sent = pickle.dumps(made)
    there = pickle.loads(sent)
    assert (there.flags, there.data, there.tags) == (made.flags, made.data, made.tags)
    assert there.file == made.file
    assert pickle.loads(sent) is there
    assert pickle.dumps(there) == sent
