"""What a foreign recording's YAML and rules must not do by themselves."""

from __future__ import annotations

import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.recording_builder import Made, make_recording
from support.sample_records import make_run
from support.terminals import text_in_pipe

from chia_bypass.control.foreign_rules import too_slow
from chia_bypass.control.replay_nodes import MOST_NODES
from chia_bypass.control.replay_session import ReplaySession
from chia_bypass.errors import RecordingCorrupt, UsageError
from chia_bypass.exit_status import ExitStatus
from chia_bypass.options import ReplayOptions
from chia_bypass.ownership.whose import make_own
from chia_bypass.recording.folder import RunFolder
from chia_bypass.recording.layout import BYPASS_YAML
from chia_bypass.recording.records import Cluster, PlacementGroup, RedactionRule
from chia_bypass.recording.writer import SegmentWriter, append_records, segment_header

SLOW = [
    *("(a+)+b", "(a|ab|b)*c", "(a*)*", "((ab)*c?)*", r"(a+)\1+"),
    *("(?=a+)b", "a*a*a*a*b", "(x+x+)+y"),
]
FAST = ["iter0.*", r"iter\d+_.*", "a|b|c", "(?i)build", r"\d{1,4}", ".*foo.*", "[a-z]+-[0-9]+"]


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_recording(tmp_path / "r", [Made("loop:build", 1), Made("loop:sim", 2)])
    return tmp_path / "r"


def entered(folder: Path, **options: Any) -> Any:
    with ReplaySession(folder, ReplayOptions(**options), ["true"]) as session:
        return session.session


def yaml(folder: Path, text: str) -> None:
    (folder / BYPASS_YAML).write_text(f"bypass:\n  sim: true\n  build: {text}\n")


@pytest.mark.parametrize("text", ["false", "{bypass: true, tags: [iter0]}"])
def test_a_foreign_yaml_lets_nothing_run_for_real_unasked(text: str, folder: Path) -> None:
    yaml(folder, text)
    with pytest.raises(UsageError, match="--live build"):
        entered(folder)
    assert entered(folder, live=["build"]).foreign
    assert entered(folder, live=["bui*"]).foreign
    make_own(folder)
    assert not entered(folder).foreign


@pytest.mark.parametrize("pattern", SLOW)
def test_a_pattern_that_may_never_end_is_refused(pattern: str, folder: Path) -> None:
    yaml(folder, f"{{bypass: true, tags: ['{pattern}']}}")
    with pytest.raises(UsageError, match="pattern"):
        entered(folder, live=["build"])
    make_own(folder)
    entered(folder)


@pytest.mark.parametrize("command", ["replay", "resume"])
def test_nor_is_it_tried_to_foretell_what_would_run(command: str, tmp_path: Path) -> None:
    folder = tmp_path / "tagged"
    make_recording(folder, [Made("loop:build", 1, tag="a" * 40)])
    (folder / BYPASS_YAML).write_text("bypass:\n  build: {bypass: true, tags: ['(a+)+b']}\n")
    done = text_in_pipe(command, folder, "--dry-run")  # one that hangs is killed
    assert done.returncode == ExitStatus.USAGE, done.stderr
    assert "the pattern '(a+)+b' of build" in done.stderr
    yaml(folder, "false")
    foretold = text_in_pipe(command, folder, "--dry-run")
    assert foretold.returncode == 0, foretold.stderr
    assert "1 recorded calls would run for real" in foretold.stdout


@pytest.mark.parametrize("pattern", FAST)
def test_usual_patterns_are_allowed(pattern: str) -> None:
    assert too_slow(pattern) == ""


@given(
    st.lists(st.sampled_from("ab()|*+?{},.1 9\\[]^$"), max_size=12).map("".join),
    st.text("ab1", max_size=300),
)
def test_what_is_allowed_ends_soon(pattern: str, text: str) -> None:
    import re

    warnings.simplefilter("ignore", FutureWarning)
    if too_slow(pattern):
        return
    before = time.process_time()
    re.fullmatch(pattern, text)
    assert time.process_time() - before < 20, "the bound is not of this machine, but of the loop"


def with_rules(folder: Path) -> Path:
    run = replace(make_run(), redact=(RedactionRule(".*", "*"),))
    with RunFolder.create(folder, run, "host") as made:
        made.close(0, 2.0)
    return folder


def test_rules_of_a_stranger_do_not_run_over_our_arguments(tmp_path: Path) -> None:
    folder = with_rules(tmp_path / "r")
    assert entered(folder).record.redact_in == ()
    with pytest.raises(UsageError, match="trust"):
        entered(folder, on_miss="record")
    make_own(folder)
    assert list(entered(folder).record.redact_in) == ["*=.*"]


@pytest.mark.parametrize("count", [MOST_NODES // 2, 3000])
def test_a_group_cannot_ask_for_any_number_of_nodes(count: int, tmp_path: Path) -> None:
    with RunFolder.create(tmp_path / "r", make_run(), "host") as run:
        writer = SegmentWriter.unique(tmp_path / "r", segment_header("run", "driver", "h", 1, 0.0))
        node = {"id": "n", "host": "h", "alive": True, "resources": {"CPU": 4.0}, "labels": {}}
        group = PlacementGroup("loop.0", "", ({"CPU": 1.0},) * count, "STRICT_SPREAD")
        append_records(writer, [Cluster("loop.0", (node,)), group])
        writer.close()
        run.close(0, 2.0)
    if count > MOST_NODES:
        with pytest.raises(UsageError, match="--address"):
            entered(tmp_path / "r")
    else:
        assert entered(tmp_path / "r").foreign


def test_a_yaml_that_is_a_link_is_not_read(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("bypass: {build: false}")
    (folder / BYPASS_YAML).unlink(missing_ok=True)
    (folder / BYPASS_YAML).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RecordingCorrupt, match="link"):
        ReplaySession(folder, ReplayOptions())
