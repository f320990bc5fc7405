"""What ``record --suggest-files`` advises: what calls wrote, programs included, and others read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.loop_runner import Loops

from chia_bypass.bypass.config import Files
from chia_bypass.bypass.parser import parse_section
from chia_bypass.outputs import opened, touched
from chia_bypass.outputs.opened import Looked


def looked(action: object) -> Looked:
    """What is seen of what ``action`` does."""
    assert callable(action)
    listening = opened.listen()
    since = touched.now()
    try:
        action()
    finally:
        opened.ended(listening)
    return listening.looked(since, ())


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A folder with a file that is older than what follows."""
    (tmp_path / "obj").mkdir()
    (tmp_path / "obj" / "old").write_text("old")
    while touched.now() <= (tmp_path / "obj" / "old").stat().st_ctime_ns:
        pass  # the clock of files ticks every few milliseconds
    return tmp_path / "obj"


def test_what_this_process_writes_and_reads_is_seen(old: Path) -> None:
    def action() -> None:
        (old / "new").write_text((old / "old").read_text())
        (old / "scratch").write_text("renamed")
        (old / "scratch").rename(old / "final")

    found = looked(action)
    assert set(found.wrote) == {str(old / "new"), str(old / "final")}
    assert found.wrote[str(old / "new")] == (old / "new").stat().st_ctime_ns
    assert str(old / "old") in found.read


def test_what_a_program_writes_and_reads_is_seen_by_the_folders_that_it_is_told(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(old)
    wrote = {str(old / "made"), str(old / "deep" / "made")}

    def shell() -> None:
        script = f"mkdir deep && cat '{old}/old' | tee made deep/made >/dev/null"
        subprocess.run(["sh", "-c", script], check=True, cwd=old)

    found = looked(shell)
    assert set(found.wrote) == wrote
    assert str(old / "old") in found.read
    found = looked(lambda: os.system(f"cp {old}/old {old}/copied"))
    assert str(old / "copied") in found.wrote
    assert str(old / "old") in found.read


def test_what_is_not_the_loops_is_not_looked_at(old: Path) -> None:
    recording = old / "recording"
    recording.mkdir()

    def action() -> None:
        (recording / "segment").write_text("ours")
        (old / "new").write_text("the loop's")
        Path(os.__file__).read_bytes()

    listening = opened.listen()
    since = touched.now()
    action()
    opened.ended(listening)
    found = listening.looked(since, (str(recording),))
    assert set(found.wrote) == {str(old / "new")}
    assert os.__file__ not in found.read


def test_afterwards_nothing_is_noted(old: Path) -> None:
    listening = opened.listen()
    opened.ended(listening)
    (old / "old").read_text()
    assert not listening.read


LOOP = """
import pathlib, subprocess

OBJ = pathlib.Path(os.environ["OBJ"])

@ChiaFunction(num_cpus=0)
def build(number):
    real("build")
    script = f"echo {number} > '{OBJ}/prog'; echo x > '{OBJ}/unread'"
    subprocess.run(["sh", "-c", script], check=True)

@ChiaFunction(num_cpus=0)
def run():
    real("run")
    return (OBJ / "prog").read_text()

get(build.chia_remote(1))
print(get(run.chia_remote()))
"""


def test_record_names_what_it_would_keep_as_a_yaml(loops: Loops) -> None:
    obj = loops.folder / "obj"
    obj.mkdir()
    loops.environment["OBJ"] = str(obj)
    loops.write(LOOP)
    done = loops.record(options=("--suggest-files",))
    assert done.returncode == 0, done.stderr
    line = f'build#0 wrote {obj}/prog, run#0 read it -> files: {{root: "{obj}", globs: ["prog"]}}'
    assert line in done.stderr, done.stderr
    printed = done.stdout[done.stdout.index("bypass:") :]
    (loops.folder / "files.yaml").write_text(printed)
    entries = parse_section("files.yaml", yaml.safe_load(printed)["bypass"])
    assert entries["build"].files == Files(("prog",), str(obj))

    again = loops.chia_bypass(
        *("record", "-o", "again", "--bypass", "files.yaml", "--suggest-files", "--"),
        *(sys.executable, "loop.py"),
    )
    assert again.returncode == 0, again.stderr
    assert "files: 1 kept" in again.stderr
    assert "files: nothing to suggest that is not kept" in again.stderr
