"""Which of the files that the text of a function names are inputs of its calls."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chia_bypass.record_engine import by_source
from chia_bypass.record_engine.by_source import inputs_by_source
from chia_bypass.recording.records import UNSEEN, Input
from chia_bypass.session import Mode, Session

LOOP = """
import os, subprocess
from pathlib import Path

HERE = Path(__file__).parent
RTL = HERE / "rtl"
SETTINGS = "settings.json"

def helper():
    return Path(SETTINGS).read_text()

def unrelated():
    return Path("a.v").read_text()

def by_helper(x):
    return helper() + str(x)

def joined(x):
    return (RTL / "b.v").read_text() + open(os.path.join(HERE, "rtl", "deep", "c.v")).read()

def formatted(x):
    return open(f"{HERE}/a.v").read()

def command(x):
    subprocess.run("cat rtl/b.v > made.v", shell=True, check=True, cwd=HERE)
    subprocess.run(["make", "-f", "Makefile"], check=True)

def shell(n):
    subprocess.run("make -s -f Makefile area N=%d" % n, shell=True, check=True)

def writes(x):
    Path("made.v").write_text("new")
    Path("settings.json").write_text(Path("a.v").read_text())

def left_out(x):
    names = [".hidden", ".cache/d.v", "helper.py", "__pycache__/e.v", "../outside.v", "absent.v"]
    return names + ["lib/site-packages/f.v", "recording/g.v", "rtl", "a.v", "What is in a.v?"]
"""
FILES = (
    "a.v",
    "rtl/b.v",
    "rtl/deep/c.v",
    "settings.json",
    "Makefile",
    "helper.py",
    ".hidden",
    ".cache/d.v",
    "__pycache__/e.v",
    "lib/site-packages/f.v",
    "recording/g.v",
    "../outside.v",
)


class Project:
    """A working directory whose files are older than the command that is recorded."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in (*FILES, "loop.py"):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(LOOP if name == "loop.py" else name)
        newest = max(path.lstat().st_ctime for path in folder.parent.rglob("*"))
        while time.time() <= newest:
            pass  # the clock of files ticks every few milliseconds
        self._session = Session(
            Mode.RECORD, str(folder / "recording"), "", "", began=time.time(), working=str(folder)
        )
        self.functions: dict[str, Any] = {"__file__": str(folder / "loop.py")}
        exec(compile(LOOP, str(folder / "loop.py"), "exec"), self.functions)

    def noted(self, name: str, *named: Input) -> list[str]:
        """The places of what is noted of a call of that function."""
        found = inputs_by_source(self._session, self.functions[name], named, str)
        return [one.place or one.kind for one in found]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The folder is that of the process, too."""
    made = Project(tmp_path / "project")
    monkeypatch.chdir(made.folder)
    return made


@pytest.mark.parametrize(
    ("function", "files"),
    [
        ("by_helper", ["settings.json"]),
        ("joined", ["rtl/b.v", "rtl/deep/c.v"]),
        ("formatted", ["a.v"]),
        ("command", ["Makefile", "rtl/b.v"]),
        ("shell", ["Makefile"]),
        ("left_out", ["a.v"]),
    ],
)
def test_files_that_a_function_names_count(
    project: Project, function: str, files: list[str]
) -> None:
    assert sorted(project.noted(function)) == [f"source: {file}" for file in files]


def test_what_was_written_since_the_command_began_does_not(project: Project) -> None:
    project.functions["writes"](1)
    assert project.noted("writes") == ["source: a.v"]
    assert project.noted("by_helper") == []


def test_what_arguments_name_is_noted_once(project: Project) -> None:
    folder = Input("tree", str(project.folder / "rtl"), "directory")
    assert project.noted("joined", folder) == []
    assert project.noted("formatted", Input("x", str(project.folder / "a.v"), "file")) == []


def test_of_very_many_some_count_and_the_rest_is_said_to_be_unknown(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(by_source, "MOST", 1)
    assert project.noted("joined") == ["source: rtl/b.v", UNSEEN]


def test_who_has_no_source_names_nothing(project: Project) -> None:
    typed: Callable[[Path], bool] = Path.exists
    project.functions["typed"] = typed
    assert project.noted("typed") == []
