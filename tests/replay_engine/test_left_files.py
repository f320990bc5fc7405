"""Files that served calls had left are there for whoever reads them next."""

from __future__ import annotations

import shutil
import sys

from support.loop_runner import Loops

import chia_bypass
from chia_bypass.recording.layout import segments_of
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import PLAIN_FORMAT
from chia_bypass.recording.segments import Segments

LOOP = """
import pathlib

OBJ = pathlib.Path(sys.argv[1])

@ChiaFunction(num_cpus=0)
def compile(name, folder):
    real("compile")
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / f"{name}.o"
    made.write_text(f"object of {name}")
    made.chmod(0o755)
    return {"object": str(made)}

@ChiaFunction(num_cpus=0)
def patch(folder):
    real("patch")
    (folder / "a.o").write_text("patched")
    (folder / "latest").symlink_to("a.o")
    (folder / "wave.vcd").write_bytes(bytes(2 * 1024**2))

@ChiaFunction(num_cpus=0)
def outer(folder):
    real("outer")
    return get(compile.chia_remote("inner", folder / "deep"))

@ChiaFunction(num_cpus=0)
def link(folder, names):
    real("link")
    return [(folder / name).read_text() for name in names]

compiled = get([compile.chia_remote(name, OBJ) for name in "ab"])
get(patch.chia_remote(OBJ))
get(outer.chia_remote(OBJ))
print(os.path.exists(compiled[0]["object"]), (OBJ / "latest").exists())
print(get(link.chia_remote(OBJ, ["a.o", "b.o", "latest", "deep/inner.o"])))
"""
LINKED = "['patched', 'object of b', 'patched', 'object of inner']"


def test_a_real_call_and_the_driver_find_what_served_calls_had_left(loops: Loops) -> None:
    loops.write(LOOP)
    obj = loops.folder / "obj"
    done = loops.chia_bypass(
        *("record", "-o", "r", "--files-limit", "1", "--"),
        *(sys.executable, "loop.py", str(obj)),
    )
    assert done.returncode == 0, done.stderr
    assert LINKED in done.stdout
    assert "files: 6 kept, 59 B; not kept: patch#0 wave.vcd, 2.1 MB (--files-limit)" in (
        done.stderr
    ), done.stderr
    loops.real_runs()
    recording = Recording.open(loops.folder / "r")
    functions = {stored.result.call.function for stored in recording.leaving_files()}
    assert functions == {"loop:compile", "loop:patch", "loop:outer"}

    again = loops.chia_bypass("check", "r", "--address", loops.address)
    assert again.returncode == 0, again.stderr
    assert "put back" not in again.stderr

    shutil.rmtree(obj)
    mixed = loops.replay("--live", "link")
    assert mixed.stdout == done.stdout
    assert loops.real_runs() == ["link"]
    assert (obj / "a.o").stat().st_mode & 0o777 == 0o755
    assert "put back: " in mixed.stderr
    assert "wave.vcd: it is not kept (beyond --files-limit)" in mixed.stderr

    (obj / "b.o").write_text("mine")
    kept = loops.replay()
    assert (obj / "b.o").read_text() == "mine"
    assert "b.o was changed by somebody else since loop.0/1 left it" in kept.stderr
    assert loops.real_runs() == []


PLAIN = """
@ChiaFunction(num_cpus=0)
def f(x):
    return real("f")
get(f.chia_remote(1))
"""


def test_without_files_a_recording_is_of_the_format_that_earlier_readers_know(
    loops: Loops,
) -> None:
    with chia_bypass.record(loops.folder / "r", script="loop") as folder:
        loops.here(PLAIN)
    segments = Segments(folder)
    headers = [segments.header(name) for name in segments_of(segments.folder)]
    assert {header.format for header in headers if header} == {PLAIN_FORMAT}


DECLARED = """
import pathlib, subprocess

OBJ = pathlib.Path(os.environ["OBJ"])

@ChiaFunction(num_cpus=0)
def build(number):
    real("build")
    subprocess.run(["sh", "-c", f"echo {number} > '{OBJ}/prog' && rm -f '{OBJ}/stale'"], check=True)
    (OBJ / "notes.txt").write_text("not asked for")

@ChiaFunction(num_cpus=0)
def run():
    real("run")
    return (OBJ / "prog").read_text(), (OBJ / "stale").exists()

get([build.chia_remote(1), build.chia_remote(2)])
get(build.chia_remote(3))
if os.path.exists("crash"):
    os.unlink("crash")
    sys.exit("crashed")
print(get(run.chia_remote()))
"""
DECLARING = """
bypass:
  build: {bypass: true, files: {root: "%s", globs: ["prog", "st*"], delete: true}}
"""


def test_declared_files_come_back_with_removals_and_resume_goes_on(loops: Loops) -> None:
    obj = loops.folder / "obj"
    obj.mkdir()
    (obj / "stale").write_text("stale")
    loops.environment["OBJ"] = str(obj)
    (loops.folder / "crash").touch()
    (loops.folder / "files.yaml").write_text(DECLARING % obj)
    loops.write(DECLARED)
    done = loops.record(options=("--bypass", "files.yaml"))
    assert done.returncode == 1, done.stderr
    assert loops.real_runs() == ["build"] * 3
    assert "delete: true" in (loops.folder / "r" / "bypass.yaml").read_text()

    yaml = loops.folder / "r" / "bypass.yaml"
    shared = yaml.read_text().replace("    data: .\n", "    data: .\n    state: tree\n")
    yaml.write_text(f"{shared}  run: {{bypass: true, state: tree}}\n")
    shutil.rmtree(obj)
    obj.mkdir()
    (obj / "stale").write_text("stale")
    stale = loops.chia_bypass("resume", "r", "--restore", "never")
    assert stale.returncode == 23, stale.stderr
    assert loops.real_runs() == []
    never = loops.chia_bypass("replay", "r", "--restore", "never", "--address", loops.address)
    assert never.returncode == 24, never.stderr
    assert f"not put back: 2 files of served calls, such as {obj}/prog" in never.stderr
    resumed = loops.chia_bypass("resume", "r")
    assert resumed.returncode == 0, resumed.stderr
    assert "('3\\n', False)" in resumed.stdout
    assert loops.real_runs() == ["run"]
    assert "put back: " in resumed.stderr
    assert not (obj / "notes.txt").exists()
