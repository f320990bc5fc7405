"""The glossary has the terms that help texts, summaries and reasons of misses use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

import chia_bypass
from chia_bypass.errors import Miss, RealRunRefused, Swallowed
from chia_bypass.exit_status import ExitStatus
from chia_bypass.replay_engine.events import Kind
from chia_bypass.replay_engine.miss_reasons import MissReason
from chia_bypass_cli.app import app

PAGE = Path(chia_bypass.__file__).with_name("GLOSSARY.md")

WORDS = (
    *("argument", "attempt", "bypassed", "call", "companion", "drift", "driver", "foreign"),
    *("golden", "hook", "input", "lane", "miss", "parent", "provider", "real", "recording"),
    *("redacted", "result", "served", "session", "spoiled", "stale", "state", "tag", "unused"),
    *("value", "worker"),
)
"""Words with a meaning of their own here: a text that uses one relies on the page."""

AVOIDED = re.compile(
    r"\bhow-manieth\b|\bswallow|\bat home\b|\bnone of its choices\b|\binvented\b|\bis said\b", re.I
)
"""Words that earlier texts had for things that now have another name."""


def terms() -> set[str]:
    """What the page explains: the first column, and what it sets in italics."""
    rows = re.findall(r"^\| ([^|]+) \| (.+) \|$", PAGE.read_text(), re.MULTILINE)
    named = {name for first, _ in rows for name in first.split(", ")}
    return named | {name for _, text in rows for name in re.findall(r"\*([^*]+)\*", text)}


def help_texts() -> Iterator[tuple[str, str]]:
    """Each text of the command line's help, by the command and option that it is about."""
    for name, command in typer.main.get_group(app).commands.items():
        yield name, f"{command.help} {command.epilog}"
        for parameter in command.params:
            yield f"{name} {parameter.name}", getattr(parameter, "help", None) or ""


def texts() -> list[tuple[str, str]]:
    """The help, the meanings of exit statuses, and errors of a replay."""
    errors = (
        Miss("f", None, "loop.0", *(reason.value for reason in list(MissReason)[:3])),
        Swallowed(["one"]),
        RealRunRefused("f", None, "why"),
    )
    statuses = [(status.name, status.meaning) for status in ExitStatus]
    return [*help_texts(), *statuses, *((type(e).__name__, str(e)) for e in errors)]


def uses(text: str, word: str) -> bool:
    return re.search(rf"\b{word}(s|es|ed)?\b", text, re.IGNORECASE) is not None


@pytest.mark.parametrize("word", WORDS)
def test_every_word_that_texts_rely_on_is_explained(word: str) -> None:
    where = [name for name, text in texts() if uses(text, word)]
    assert word in terms(), f"explain {word}: {where}"


@pytest.mark.parametrize("reason", MissReason)
def test_every_reason_of_a_miss_names_a_term(reason: MissReason) -> None:
    assert any(uses(reason.value, term) for term in terms()) or reason is MissReason.NEVER_PLACED


@pytest.mark.parametrize(
    "kind", [Kind.SERVED, Kind.REAL, Kind.MISSED, Kind.BYPASSED, Kind.IN_PLACE]
)
def test_every_column_of_the_summary_is_a_term(kind: Kind) -> None:
    assert any(uses(kind.value, term) for term in terms())


def test_texts_say_one_thing_by_one_word() -> None:
    found = {name: hit[0] for name, text in texts() if (hit := AVOIDED.search(text))}
    assert found == {}


def test_the_other_pages_lead_to_the_glossary() -> None:
    for page in (PAGE.with_name("ARCHITECTURE.md"), PAGE.parents[1] / "README.md"):
        assert "GLOSSARY.md)" in page.read_text()
