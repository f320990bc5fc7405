"""What --chia-record decides."""

from __future__ import annotations

from pathlib import Path

import pytest

from chia_bypass.errors import UsageError
from chia_bypass.testing.modes import RecordMode, mode_of, records


@pytest.mark.parametrize(
    ("given", "environment", "mode"),
    [
        (None, {}, "once"),
        (None, {"CI": "true"}, "none"),
        (None, {"CI": "1"}, "none"),
        (None, {"CI": "false"}, "once"),
        (None, {"CI": ""}, "once"),
        ("once", {"CI": "true"}, "once"),
        ("none", {}, "none"),
        ("all", {"CI": "true"}, "all"),
    ],
)
def test_nothing_records_in_ci_unless_asked(
    given: str | None, environment: dict[str, str], mode: str
) -> None:
    assert mode_of(given, environment).value == mode


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(UsageError, match="chia_record must be none, once or all, not never"):
        mode_of("never", {})


def test_an_empty_folder_is_no_recording(tmp_path: Path) -> None:
    assert records(RecordMode.ONCE, tmp_path, "t")
    with pytest.raises(UsageError, match="pytest --chia-record=once 't'"):
        records(RecordMode.NONE, tmp_path, "t")
    (tmp_path / "manifest").touch()
    assert not records(RecordMode.ONCE, tmp_path, "t")
    assert not records(RecordMode.NONE, tmp_path, "t")
    assert records(RecordMode.ALL, tmp_path, "t")
