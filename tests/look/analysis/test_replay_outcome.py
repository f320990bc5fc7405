"""The file of `replay --report`: what it holds, and that reading it gives the same back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chia_bypass.errors import UsageError
from chia_bypass.look.analysis.replay_outcome import (
    ReplayedCall,
    ReplayOutcome,
    UnusedCall,
    read_outcome,
)

OUTCOME = ReplayOutcome(
    recording="/p/recordings/a",
    calls=(
        ReplayedCall("served", "m:f", "t", "loop.0/0", ("x", "y")),
        ReplayedCall("served", "m:f", None, "loop.0/1"),
        ReplayedCall("in place", "m:g"),
        ReplayedCall(
            "missed",
            "m:h",
            None,
            None,
            (),
            "m:h: all",
            "why",
            "loop.0/2",
            "do this",
            "loop.0/3",
            True,
        ),
    ),
    unused=(UnusedCall("loop.0/2", "m:h", "ü\n"),),
    redacted=("loop.0/1",),
    saved_seconds=90.5,
    command=("python", "loop.py"),
    command_status=1,
    exit_status=20,
)


def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "o.json").write_text(OUTCOME.to_json())
    assert read_outcome(tmp_path / "o.json") == OUTCOME


def test_scripts_need_not_count() -> None:
    content = json.loads(OUTCOME.to_json())
    assert content["final_line"] == "2 replayed · 0 real · 1 missed · 1 unused · saved 90 s"
    none = {"served": 0, "real": 0, "missed": 0, "bypassed": 0, "in place": 0, "faulted": 0}
    assert content["totals"] == {
        **none,
        "served": 2,
        "missed": 1,
        "in place": 1,
        "drifted": 1,
        "unused": 1,
    }
    assert content["functions"]["m:f"] == {**none, "served": 2}


def test_every_field_is_in_the_file_under_its_name() -> None:
    """What version 1 promises: a field that is renamed or lost needs a version 2."""
    content = json.loads(OUTCOME.to_json())
    assert set(content) == {
        *("format", "version", "final_line", "totals", "functions", "recording", "calls"),
        *("unused", "redacted", "saved_seconds", "entered", "command", "command_status"),
        *("exit_status", "spoiled", "error", "not_checked", "put_back", "not_put_back"),
    }
    assert set(content["calls"][0]) == {
        *("kind", "function", "tag", "recorded", "drift", "message", "reason", "nearest"),
        *("remedy", "path", "source_changed"),
    }
    assert content["unused"] == [{"path": "loop.0/2", "function": "m:h", "tag": "ü\n"}]


def test_a_later_version_1_with_more_fields_is_read(tmp_path: Path) -> None:
    content = json.loads(OUTCOME.to_json())
    content["more"] = content["calls"][0]["more"] = 1
    (tmp_path / "o.json").write_text(json.dumps(content))
    assert read_outcome(tmp_path / "o.json") == OUTCOME


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[]", "is no outcome of a replay"),
        ("{}", "is no outcome of a replay"),
        ("not json", "is no outcome of a replay"),
        ('{"format": "other", "version": 1}', "its format is 'other'"),
        (OUTCOME.to_json().replace('"version": 1', '"version": 2'), "newer chia-bypass"),
        (OUTCOME.to_json().replace('"kind"', '"sort"'), "is no outcome of a replay"),
    ],
)
def test_what_is_none_is_refused(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "o.json").write_text(text)
    with pytest.raises(UsageError, match=told):
        read_outcome(tmp_path / "o.json")
