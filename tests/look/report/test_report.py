"""The report: one file, safe with any content, and drawn by a browser without complaint."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from support.recording_builder import Made, a_loop, make_recording

from chia_bypass.look.analysis.replay_outcome import ReplayedCall, ReplayOutcome
from chia_bypass.look.report.report import report

HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>"
OUTCOME = ReplayOutcome(
    recording="r",
    calls=(
        ReplayedCall("served", "m:f", None, "loop.0/0", ("x",)),
        ReplayedCall("missed", "m:g", HOSTILE, message="record it"),
    ),
)


class Links(HTMLParser):
    """Collects what a page would load, and its scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loaded += [
            value or ""
            for name, value in attrs
            if name in ("src", "href") and not (value or "").startswith(("#", "data:"))
        ]


def test_the_page_loads_nothing_and_escapes_everything(tmp_path: Path) -> None:
    made = [Made(f"loop:{HOSTILE}", OSError(HOSTILE), HOSTILE, host=HOSTILE), *a_loop(6)]
    page = report([make_recording(tmp_path / "r", made)], OUTCOME)
    found = Links()
    found.feed(page)
    assert found.loaded == []
    assert "img" not in found.tags
    assert HOSTILE not in page
    assert "1 missed · 1 served" in page
    assert "drift: x" in page
    assert escape(f"OSError({HOSTILE!r})")[:60] in page  # what a call that failed says


def test_two_runs_are_laid_over_each_other(tmp_path: Path) -> None:
    a = make_recording(tmp_path / "a", a_loop(12))
    b = make_recording(tmp_path / "b", [*a_loop(12, slower=2.0), Made("loop:more", 1)])
    page = report([a, b])
    titles = re.findall(r"<h2>(.*?)</h2>", page)
    assert "Durations in both runs" in titles
    assert "12 calls in both, 0 only in the first, 1 only in the second, 0 changed." in page


def test_without_plotly_it_says_how_to_get_it(tmp_path: Path) -> None:
    make_recording(tmp_path / "r", [Made(value=1)])
    code = "import sys; sys.modules['plotly'] = None\nfrom chia_bypass_cli.app import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "report", "r"],
        cwd=tmp_path,
        env={"PYTHONPATH": ":".join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "pip install 'chia-bypass[report]'" in done.stderr
    assert not (tmp_path / "report.html").exists()


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Chromium")
def test_a_browser_draws_it_without_a_complaint(tmp_path: Path) -> None:
    made = [Made(f"loop:{HOSTILE}", OSError(HOSTILE), HOSTILE, host=HOSTILE), *a_loop(49)]
    counted = """<script>addEventListener("load", () => {
        const first = document.querySelectorAll(".js-plotly-plot").length;
        dispatchEvent(new Event("beforeprint"));  // draws what has not been seen yet
        const all = document.querySelectorAll(".js-plotly-plot").length;
        const bars = document.querySelectorAll(".bars path").length;
        document.title = `first ${first} all ${all} bars ${bars}`;
    })</script>"""
    page = report([make_recording(tmp_path / "r", made)])
    (tmp_path / "r.html").write_text(page.replace("</body>", f"{counted}</body>"))
    options = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
        "--disable-background-networking --disable-component-update --enable-logging=stderr "
        f"--user-data-dir={tmp_path / 'profile'} --dump-dom file://{tmp_path / 'r.html'}"
    )
    done = subprocess.run(
        ["chromium", *options.split()], capture_output=True, text=True, timeout=100, check=False
    )
    title = re.search(r"<title>first (\d+) all (\d+) bars (\d+)</title>", done.stdout)
    assert title is not None, done.stderr
    first, every, bars = map(int, title.groups())
    assert first < every == 5  # a chart is drawn when it comes into sight
    assert bars >= 50  # the timeline's, and those of the functions
    assert "CONSOLE" not in done.stderr
