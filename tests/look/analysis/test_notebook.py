"""What a notebook shows of recordings and replays."""

from __future__ import annotations

import pickle
import re
from html.parser import HTMLParser
from pathlib import Path

from support.recording_builder import NEVER, Made, make_recording

from chia_bypass.blocks import RecordingFolder
from chia_bypass.look.analysis.notebook import outcome_html
from chia_bypass.look.analysis.replay_outcome import ReplayedCall, ReplayOutcome


def rows(html: str) -> list[list[str]]:
    """The cells of the table, and that nothing in it was taken for markup."""
    found = re.findall(r"<tr>(.*?)</tr>", html)
    parser = _Tags()
    parser.feed(html)
    assert parser.tags <= {"table", "thead", "tbody", "tr", "th", "td", "p", "code"}
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in found]


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)


def test_a_recording_is_a_row_a_function(tmp_path: Path) -> None:
    folder = RecordingFolder(tmp_path / "r")
    made = [Made("loop:f", 1, seconds=2), Made("loop:f", ValueError()), Made("loop:<b>", NEVER)]
    make_recording(folder, made)
    assert rows(folder._repr_html_()) == [
        ["function", "calls", "raised", "no result", "time"],
        ["&lt;b&gt;", "1", "0", "1", "0.0 s"],
        ["f", "2", "1", "0", "3.0 s"],
    ]
    assert "complete" in folder._repr_html_()


def test_another_folder_is_its_path_and_the_path_travels(tmp_path: Path) -> None:
    folder = RecordingFolder(tmp_path / "<i>")
    assert folder._repr_html_() == f"<code>{tmp_path}/&lt;i&gt;</code>"
    assert pickle.loads(pickle.dumps(folder)) == folder == tmp_path / "<i>"


def test_a_replay_is_counted_by_function_with_its_first_misses() -> None:
    calls = [
        ReplayedCall("served", "loop:f"),
        *(ReplayedCall("missed", "loop:g", message=f"miss <{n}>\x1b[2J") for n in range(7)),
    ]
    html = outcome_html(ReplayOutcome("/r", tuple(calls)))
    assert [row[:4] for row in rows(html)[1:]] == [["f", "1", "0", "0"], ["g", "0", "0", "7"]]
    assert html.count("<p>miss ") == 5
    assert "miss &lt;0&gt;\\x1b[2J" in html
    assert "1 replayed · 0 real · 7 missed" in html
