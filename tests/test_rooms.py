"""The plan of the house, as chia_bypass/ARCHITECTURE.md draws it, held against the code.

Every import points downwards in that page's table, imports inside functions and those for type
checkers counted; no modules import each other in a circle; and the sizes there are today's.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import chia_bypass
from chia_bypass.driver.shipping import STAYS, worker_modules

PACKAGE = Path(chia_bypass.__file__).parent
PAGE = PACKAGE / "ARCHITECTURE.md"
FACE = "chia_bypass"
"""The package itself: its public names are looked up in the rooms when they are asked for."""


class Import(NamedTuple):
    """One import of one of our modules by another."""

    importer: str
    imported: str
    line: int

    def __str__(self) -> str:
        return f"{self.importer.replace('.', '/')}.py:{self.line} imports {self.imported}"


@cache
def modules() -> Mapping[str, Path]:
    """Every module of the package, by its dotted name."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = path
    return found


def imports() -> Iterator[Import]:
    """Every import of one of our modules by another, wherever it stands."""
    for name, path in modules().items():
        for node in ast.walk(ast.parse(path.read_text())):
            for target in imported(node):
                if target not in (name, FACE) and name != FACE:
                    yield Import(name, target, node.lineno)  # type: ignore[attr-defined]


def imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name in modules())
    elif isinstance(node, ast.ImportFrom) and node.module and node.module in modules():
        for alias in node.names:
            inner = f"{node.module}.{alias.name}"
            yield inner if inner in modules() else node.module


class Row(NamedTuple):
    """One row of the page's table."""

    rooms: tuple[str, ...]
    size: str
    where: str


def table() -> list[Row]:
    """The rows of the page, from the ground up."""
    rows = [line.strip("|\n").split("|") for line in PAGE.read_text().splitlines() if "|" in line]
    cells = [[cell.strip() for cell in row] for row in rows if len(row) == 4]
    drawn = [Row(tuple(re.findall(r"`([\w/]+?)/?`", c[0])), c[1], c[3]) for c in cells]
    return [row for row in drawn if row.rooms][::-1]


def room_of(module: str) -> str:
    """The room of a module as the page calls it: a folder, or a file of the package itself."""
    parts = module.split(".")[1:]
    return "/".join(parts[:2]) if parts[0] == "look" and len(parts) > 1 else parts[0]


def size_of(rooms: tuple[str, ...]) -> float:
    """Thousands of lines of a floor."""
    lines = sum(
        len(path.read_text().splitlines())
        for name, path in modules().items()
        if name != FACE and room_of(name) in rooms and path.name != "__init__.py"
    )
    return round(lines / 1000, 1)


def is_about(size: str, today: float) -> bool:
    """Whether the page still gives the right idea: it need not change every day."""
    return abs(float(size.removesuffix("k")) - today) <= max(0.2, 0.1 * today)


def test_every_import_points_downwards() -> None:
    floors = {room: number for number, row in enumerate(table()) for room in row.rooms}
    upwards = [
        str(one)
        for one in imports()
        if room_of(one.importer) != room_of(one.imported)
        and floors[room_of(one.imported)] >= floors[room_of(one.importer)]
        and not (floors[room_of(one.imported)] == 0 == floors[room_of(one.importer)])
    ]
    assert upwards == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    below: defaultdict[str, set[str]] = defaultdict(set)
    for one in imports():
        below[one.importer].add(one.imported)
    left = {name: set(below[name]) for name in modules()}
    while free := {name for name, wanted in left.items() if not wanted & left.keys()}:
        left = {name: wanted for name, wanted in left.items() if name not in free}
    # What merely imports a circle is left as well: the circle is what is also imported.
    circle = {n for n in left if any(n in wanted for wanted in left.values())}
    assert not circle, f"these import each other: {sorted(circle)}"


def test_the_page_knows_every_room_and_its_size() -> None:
    drawn = {room for row in table() for room in row.rooms}
    assert drawn == {room_of(name) for name in modules() if name not in (FACE, f"{FACE}.look")}
    today = {row: size_of(row.rooms) for row in table()}
    wrong = {row.rooms: size for row, size in today.items() if not is_about(row.size, size)}
    assert wrong == {}, f"sizes of today, for {PAGE.name}"


def test_what_is_sent_to_workers_is_whole_rooms_and_the_page_says_which() -> None:
    sent = {room_of(name) for name, _ in worker_modules() if name != FACE}
    assert {room for row in table() for room in row.rooms if row.where == "everywhere"} == sent
    assert not any(room_of(name) in STAYS for name, _ in worker_modules() if name != FACE)


def test_every_module_that_the_page_names_is_there() -> None:
    named = re.findall(r"`([a-z_]+/[a-z_/]*\.(?:py|md))`", PAGE.read_text())
    places = (PACKAGE, PACKAGE.parent)
    assert named, "the page leads to modules"
    assert [n for n in named if not any((place / n).is_file() for place in places)] == []
