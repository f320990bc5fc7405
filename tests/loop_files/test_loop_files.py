"""What a loop reads and writes: noted while it runs, compared and put back before a replay."""

from __future__ import annotations

import contextlib
import hashlib
import io
import shutil
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from support.sample_recording import write_small

from chia_bypass.look.archive.pack import Choice, pack
from chia_bypass.look.archive.prune import prunable
from chia_bypass.look.archive.unpack import unpack
from chia_bypass.look.archive.verify import verify
from chia_bypass.loop_files.arrange import arrange
from chia_bypass.loop_files.collect import Begun
from chia_bypass.loop_files.compare import LoopState, compare
from chia_bypass.loop_files.reading import digest_of
from chia_bypass.loop_files.writing import write_loop_files
from chia_bypass.recording.call_tree import Selection
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import LoopFile
from chia_bypass_cli import inspect_calls

ROOT = Path(__file__).resolve().parents[2]
LOOP = f"""
import sys, types
sys.path.insert(0, {str(ROOT)!r})
from chia_bypass.loop_files.watch import watch
watch(sys.argv[1])
sys.modules["ray"] = types.ModuleType("ray")  # this process is a driver, as far as files go
sys.path.insert(0, ".")
import os, shutil, sqlite3, subprocess
from pathlib import Path
import module
Path("both").read_text()
Path("both").write_text("after")
Path("made").write_text("x")
Path("made").read_text()
Path("in/deep").read_bytes()
open("appended", "a").write("more")
Path("over").write_text("after")
Path("new").write_text("after")
os.replace("new", "swapped")
open("updated", "r+").write("U")
os.remove("gone")
Path(".hidden").read_text()
Path(".state/step").read_text()
Path(".state/step").write_text("2")
Path(".state/new").mkdir()
Path(".state/new/log").write_text("l")
Path(".done").touch()
os.rename(".done", ".finished")
os.remove(".lock")
os.makedirs("out/deep")
Path("out/deep/result").write_text("r")
os.makedirs("there", exist_ok=True)
os.mkdir("left"), os.rmdir("left")
shutil.rmtree("cleared"), os.mkdir("cleared")
database = sqlite3.connect("file:cache.db?mode=rwc", uri=True)
database.execute("insert into t values (2)"), database.commit(), database.close()
sqlite3.connect(".state/db").execute("create table t (x)")
Path("recording/there").read_text()
Path("recordings").read_text()
Path("module.py").read_text()
os.rename("made", "renamed")
subprocess.run(["sh", "-c", "echo x > others"])
try:
    open("nowhere")
except FileNotFoundError:
    pass
if os.fork() == 0:
    Path("untouched").read_text()
    os._exit(0)
os.wait()
"""
BEFORE = {
    "module.py": "X = 1\n",
    "both": "before",
    "in/deep": "deep",
    "appended": "a",
    "over": "before",
    "swapped": "before",
    "updated": "updated",
    "gone": "g",
    "untouched": "u",
    ".hidden": "h",
    ".state/step": "1",
    ".lock": "1",
    "there/file": "t",
    "cleared/file": "c",
    "recording/there": "r",
    "recordings": "not in that folder",
    "loop.py": LOOP,
}


@dataclass
class Ran:
    """A loop that has run, and what was noted of it."""

    begun: Begun
    files: dict[str, LoopFile]
    working: Path


@pytest.fixture
def ran(tmp_path: Path) -> Ran:
    working, control = tmp_path / "work", tmp_path / "control"
    for name, text in BEFORE.items():
        path = working / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    with contextlib.closing(sqlite3.connect(working / "cache.db")) as database:
        database.execute("create table t (x)")
        database.commit()
    control.mkdir()
    command = [sys.executable, "loop.py", str(control)]
    begun = Begun.at(working, control, (working / "recording",), command)
    started = max(path.stat().st_ctime for path in working.rglob("*")) + 1e-4
    while time.time() < started + 0.01:  # the kernel's clock for files is coarse
        pass
    child = subprocess.Popen(command, cwd=working)
    assert child.wait() == 0
    files = begun.ended(started, [child.pid])
    return Ran(begun, {file.path: file for file in files}, working)


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def test_what_is_read_before_it_is_written_is_an_input(ran: Ran) -> None:
    read = {name for name, file in ran.files.items() if file.read and not file.source}
    rewritten = {".state/step", "cache.db"}
    assert read == {"both", "in/deep", "updated", "recordings"} | rewritten
    both = ran.files["both"]
    assert (both.size, both.digest, both.kept) == (6, digest("before"), True)
    assert ran.begun.content(both) == b"before"
    assert (both.written, both.left) == (True, digest("after"))
    deep = ran.files["in/deep"]
    assert (deep.digest, deep.kept, deep.written) == (digest("deep"), True, False)


def test_sources_are_known_and_not_kept(ran: Ran) -> None:
    sources = {name: file for name, file in ran.files.items() if file.source}
    assert sources.keys() == {"module.py", "loop.py"}
    assert sources["module.py"].digest == digest(BEFORE["module.py"])
    assert not any(file.kept or file.written for file in sources.values())


def test_what_the_run_wrote_is_known_by_what_it_left(ran: Ran) -> None:
    written = {n: file for n, file in ran.files.items() if not file.read and not file.folder}
    database = digest_of(str(ran.working / ".state/db"), 1 << 20)
    assert database is not None
    assert {name: (file.before, file.left, file.driver) for name, file in written.items()} == {
        "renamed": (False, digest("x"), True),
        "others": (False, digest("x\n"), False),
        "appended": (True, digest("amore"), True),
        "over": (True, digest("after"), True),
        "swapped": (True, digest("after"), True),
        "gone": (True, b"", True),
        "cleared/file": (True, b"", False),
        "out/deep/result": (False, digest("r"), True),
        ".state/new/log": (False, digest("l"), True),
        ".state/db": (False, bytes.fromhex(database), True),
        ".finished": (False, digest(""), True),
        ".lock": (True, b"", True),
    }
    assert all(ran.files[name].driver for name in ("both", ".state/step", "cache.db"))


def test_what_a_driver_overwrites_is_kept_as_it_was(ran: Ran) -> None:
    was = {name: ran.files[name] for name in ("appended", "over", "swapped")}
    assert {name: (file.digest, file.kept) for name, file in was.items()} == {
        name: (digest(BEFORE[name]), True) for name in was
    }
    assert ran.begun.content(was["over"]) == b"before"
    assert not any(file.kept for name, file in ran.files.items() if file.left and not file.before)


def test_folders_that_a_driver_made_are_known(ran: Ran) -> None:
    folders = {name: file for name, file in ran.files.items() if file.folder}
    assert folders.keys() == {".state/new", "out", "out/deep"}
    assert not any(file.read or file.before for file in folders.values())


def test_a_replay_begins_where_the_run_began_if_nobody_else_wrote_since(
    ran: Ran, tmp_path: Path
) -> None:
    recording = kept(ran, tmp_path / "r")
    files = recording.contents.loop_files
    outside = compare(files, ran.working, None, sandboxed=False)
    assert outside.changed == ()
    again = [".state/step", "both", "cache.db", "updated"]
    assert [text.partition(" ")[0] for text in outside.overwritten] == again
    (ran.working / "out/of_a_call").write_text("c")
    inside = compare(files, ran.working, None, sandboxed=True)
    assert (inside.changed, inside.overwritten) == ((), ())
    arrange(inside, [str(ran.working)], recording)
    names = (".state/step", "appended", "both", "over", "swapped", "updated")
    now = {name: (ran.working / name).read_text() for name in names}
    assert now == {name: BEFORE[name] for name in now}
    with contextlib.closing(sqlite3.connect(ran.working / "cache.db")) as database:
        assert database.execute("select * from t").fetchall() == []
    gone = ("renamed", ".state/new", ".state/db", ".finished", "out/deep")
    assert not any((ran.working / name).exists() for name in gone)
    assert [path.name for path in (ran.working / "out").iterdir()] == ["of_a_call"]
    assert (ran.working / "others").exists(), "nobody else makes it again"
    assert compare(
        files, ran.working, None, sandboxed=True, comes_back=lambda path: path.endswith("others")
    ).removed == (str(ran.working / "others"),)
    (ran.working / "out/of_a_call").unlink()
    (ran.working / "out").rmdir()
    assert compare(files, ran.working, None, sandboxed=True) == LoopState()


def test_what_somebody_else_changed_is_drift_unless_it_is_to_be_as_recorded(
    ran: Ran, tmp_path: Path
) -> None:
    recording = kept(ran, tmp_path / "r")
    files = recording.contents.loop_files
    (ran.working / "in/deep").write_text("edited")
    (ran.working / "both").unlink()
    found = compare(files, ran.working, None, sandboxed=True)
    assert found.changed == ("in/deep, which the loop read, is not what it was",)
    assert found.absent == 1
    present = compare(files, ran.working, "present", sandboxed=True)
    assert (present.changed, present.restored, present.removed) == (found.changed, (), ())
    recorded = compare(files, ran.working, "recorded", sandboxed=True)
    arrange(recorded, [str(ran.working)], recording)
    assert (ran.working / "in/deep").read_text() == "deep"
    assert (ran.working / "both").read_text() == "before"


def test_nothing_is_put_anywhere_else_whoever_made_the_recording(ran: Ran, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (ran.working / "link").symlink_to(outside)
    forged = [
        replace(ran.files["both"], path=path, kept=True)
        for path in ("../outside/a", "link/b", str(outside / "c"))
    ]
    recording = kept(ran, tmp_path / "r", forged)
    state = compare(recording.contents.loop_files, ran.working, "recorded", sandboxed=True)
    assert len(state.restored) >= len(forged)
    arrange(state, [str(ran.working)], recording)
    assert list(outside.iterdir()) == []


def kept(ran: Ran, folder: Path, more: list[LoopFile] | None = None) -> Recording:
    """A recording that has the files of the loop."""
    write_small(folder, closed=False)
    write_loop_files(folder, "run", [*ran.files.values(), *(more or [])], ran.begun)
    return Recording.open(folder, tolerant=True)


def test_inspect_lists_them(ran: Ran, tmp_path: Path) -> None:
    kept(ran, tmp_path / "r")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        inspect_calls.show(tmp_path / "r", Selection(), None, as_json=False)
    lines = printed.getvalue().splitlines()
    inputs = ".state/step, both, cache.db, in/deep, recordings, updated"
    assert f"loop inputs (6 of them kept): {inputs}" in lines
    assert "sources of the loop: loop.py, module.py" in lines
    written = ".finished, .lock, .state/db, .state/new/, .state/new/log, .state/step, appended"
    assert any(line.startswith(f"written by the run: {written}, ") for line in lines)


def test_the_archive_takes_care_of_them(ran: Ran, tmp_path: Path) -> None:
    recording = kept(ran, tmp_path / "r")
    checked = verify(tmp_path / "r")
    assert checked.faults == ()
    assert not any(name.startswith("blobs") for name in checked.extra)
    assert not any("blobs" in str(path) for path in prunable(recording).files)
    for everything in (True, False):
        pack(recording, Choice(everything), tmp_path / "p.tar.gz")
        unpacked = Recording.open(unpack(tmp_path / "p.tar.gz", tmp_path / "u"), tolerant=True)
        again = {file.path: file for file in unpacked.contents.loop_files}
        assert again.keys() == ran.files.keys()
        assert again["both"].kept == everything
        assert unpacked.contents.problems == recording.contents.problems
        (tmp_path / "p.tar.gz").unlink()
        shutil.rmtree(tmp_path / "u")
