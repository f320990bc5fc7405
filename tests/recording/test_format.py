from __future__ import annotations

import re
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any

import independent_reader as independent
import pytest
from support.sample_recording import BIG, LONG_LIST, write_small

import chia_bypass.recording
from chia_bypass.recording import index
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import Record
from chia_bypass.recording.schema import KINDS
from chia_bypass.values.kinds import Kind

PAGE = Path(str(chia_bypass.recording.__file__)).with_name("FORMAT.md").read_text()


def plain(item: Any) -> Any:
    """A record of ours as the maps that it is stored as: without what has its default."""
    if is_dataclass(item):
        given = {field.name: getattr(item, field.name) for field in fields(item)}
        return {name: plain(value) for name, value in given.items() if value != default(item, name)}
    if isinstance(item, tuple | list):
        return [plain(part) for part in item]
    if isinstance(item, dict):
        return {key: plain(part) for key, part in item.items()}
    return item


def default(item: Any, name: str) -> Any:
    field = item.__dataclass_fields__[name]
    return field.default if field.default_factory is MISSING else field.default_factory()


def without_kind(record: dict[str, Any]) -> dict[str, Any]:
    return {key: item for key, item in record.items() if key != "kind"}


def test_an_independent_reader_agrees(tmp_path: Path) -> None:
    folder = write_small(tmp_path / "r")
    ours, theirs = Recording.open(folder), independent.read(folder)
    assert theirs.complete == ours.complete
    assert [without_kind(run) for run in theirs.runs] == plain(ours.contents.runs)
    assert [without_kind(closed) for closed in theirs.closed] == plain(ours.contents.closed)
    assert theirs.calls.keys() == ours.contents.calls.keys()
    for path, call in ours.contents.calls.items():
        assert without_kind(theirs.calls[path]) == plain(call)
    assert theirs.results.keys() == set(ours.contents.results)
    for path, attempts in ours.contents.results.items():
        read = [without_kind(result) for result in theirs.results[path]]
        assert read == [plain(stored.result) for stored in attempts]
        counting = ours.result(path)
        assert counting is not None
        assert independent.counting(theirs.results[path])["attempt"] == counting.result.attempt
    kinds = {record["kind"] for record in theirs.others}
    assert kinds == {"driver", "cluster", "uncaptured"}


def test_an_independent_reader_reads_the_values(tmp_path: Path) -> None:
    folder = write_small(tmp_path / "r")
    theirs = independent.read(folder)
    values = {
        path: independent.value(folder, theirs.documents[id(results[-1])])
        for path, results in theirs.results.items()
        if id(results[-1]) in theirs.documents
    }
    assert values == {
        "loop.0/0": {"a": (1, 2.5, None)},
        "loop.0/0@1/0": ["é", {1, 2}],
        "loop.0/1": BIG,
        "loop.0/2": LONG_LIST,
        "loop.0/3": BIG,
    }
    failed = theirs.documents[id(theirs.results["loop.0/0"][0])]
    assert independent.value(folder, failed) == (
        "builtins:ValueError",
        ("no",),
        {"__suppress_context__": False},
    )


def test_an_independent_reader_reads_the_index(tmp_path: Path) -> None:
    folder = write_small(tmp_path / "r")
    theirs = independent.index_of(folder, independent.read(folder))
    ours = Recording.open(folder).index
    assert theirs is not None
    assert theirs["paths"] == ours.paths
    for name in (*index.CALL_COLUMNS, *index.RESULT_COLUMNS):
        assert theirs[name] == list(ours.columns[name]), name
    assert len(theirs["others"]) == 3


def test_an_independent_reader_finds_the_arguments_in_the_index(tmp_path: Path) -> None:
    folder = write_small(tmp_path / "r")
    read = independent.read(folder)
    index = independent.index_of(folder, read)
    assert index is not None
    found = {
        path: (call["options"], [(a["name"], a["digest"][:8]) for a in call["arguments"]])
        for path, call in read.calls.items()
    }
    assert independent.calls_of(index) == found
    assert any(arguments for _, arguments in found.values())


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_has_every_field_of_every_record(kind: str) -> None:
    section = re.search(rf"^## {kind}: .*?(?=^#)", PAGE, re.MULTILINE | re.DOTALL)
    assert section is not None
    cells = re.findall(r"^\| (`.*?) \|", section.group(), re.MULTILINE)
    described = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    record: type[Record] = KINDS[kind]
    assert described == [field.name for field in fields(record)]


@pytest.mark.parametrize("kind", Kind)
def test_the_page_has_every_kind_of_value(kind: Kind) -> None:
    assert re.search(rf"^\|[ 0-9,]*\b{kind.value}\b[ 0-9,]*\|.*\b{kind.name}\b", PAGE, re.MULTILINE)
