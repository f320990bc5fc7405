"""The guides: what they show is understood by the code that they tell of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
import yaml
from support.terminals import in_pipe, on_terminal

import chia_bypass
from chia_bypass.bypass.parser import _PARSERS, parse_section
from chia_bypass_cli import guide
from chia_bypass_cli.app import app

ROOT = Path(chia_bypass.__file__).parents[1]
PAGES = guide.topics()
FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WRITTEN = {name: page.read_text() for name, page in PAGES.items()}


def blocks(language: str) -> list[tuple[str, str]]:
    """Each block of code in a language, with the guide that it is in."""
    return [
        (name, code)
        for name, text in WRITTEN.items()
        for kind, code in FENCED.findall(text)
        if kind == language
    ]


def test_every_key_of_the_yaml_has_a_heading_and_an_example_that_is_read() -> None:
    sections = re.split(r"^### (\w+)\n", WRITTEN["yaml"], flags=re.MULTILINE)
    told = dict(zip(sections[1::2], sections[2::2], strict=True))
    assert list(told) == list(_PARSERS)
    for key, text in told.items():
        ((_, example),) = FENCED.findall(text)
        entries = yaml.safe_load(example)["bypass"].values()
        assert all(key in entry for entry in entries)


def test_the_examples_of_yaml_are_accepted() -> None:
    examples = [code for _, code in blocks("yaml") if "bypass:" in code]
    assert len(examples) > len(_PARSERS)
    for code in examples:
        assert parse_section("example.yaml", yaml.safe_load(code)["bypass"])


def test_the_examples_of_python_compile() -> None:
    assert len(blocks("python")) >= 3
    for name, code in blocks("python"):
        compile(code, name, "exec")


def test_the_guides_name_commands_options_and_guides_that_exist() -> None:
    commands = typer.main.get_group(app).commands
    options = {
        flag
        for command in commands.values()
        for one in command.params
        for flag in (*one.opts, *one.secondary_opts)
    } | {"--chia-record", "--help", "--version"}
    for name, text in {**WRITTEN, "README": (ROOT / "README.md").read_text()}.items():
        own = re.sub(r"(pip|pytest|python)[^\n]*", "", text)
        assert set(re.findall(r"(?<![\w-])--[a-z][\w-]+", own)) - options - _OTHERS == set(), name
        assert set(re.findall(r"chia-bypass guide ([a-z]+)", text)) <= PAGES.keys(), name
        assert set(re.findall(r"chia-bypass ([a-z]+)\b", own)) <= commands.keys(), name


_OTHERS = {"--iterations", "--small"}
"""Options of the loops that the pages run."""


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_a_guide_fits_the_terminal(columns: int) -> None:
    shown = on_terminal("guide", "yaml", columns=columns)
    assert max(map(len, shown.splitlines())) <= min(columns, 100)
    assert "ignore_args" in shown


def test_in_a_pipe_a_guide_is_as_it_was_written() -> None:
    assert in_pipe("guide", "matching").stdout.decode() == WRITTEN["matching"]


def test_the_list_and_what_is_not_in_it() -> None:
    listed = in_pipe("guide").stdout.decode()
    assert all(re.search(rf"^{name} +\w", listed, re.MULTILINE) for name in PAGES)
    wrong = in_pipe("guide", "matchin")
    assert wrong.returncode == 2
    assert b"There are: ci, " in wrong.stderr
