"""What a recorded loop's calls are noted to have read and written."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from support.chia_loop_runner import ChiaLoops
from support.loop_runner import Loops

from chia_bypass.inputs.compare import Writes, compare
from chia_bypass.inputs.digests import Trees
from chia_bypass.inputs.entries import Limits
from chia_bypass.inputs.observe import look_at
from chia_bypass.inputs.paths import paths_in
from chia_bypass.recording import listings
from chia_bypass.recording.call_tree import rows
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import Blob, Result

LOOP = """
from dataclasses import dataclass
from pathlib import Path

@dataclass
class Config:
    rtl: list

class Node:
    def __init__(self, worktree):
        self.worktree = worktree

@ChiaFunction()
def plain(number, text):
    real("plain")
    return number

@ChiaFunction()
def where():
    real("where")
    return os.getcwd()

@ChiaFunction()
def build(node, config, out):
    real("build")
    (Path(out) / "prog").write_text((node.worktree / "top.v").read_text().upper())
    (node.worktree / "top.v").write_text("mended")
    (node.worktree / "old").unlink()
    return "built"

@ChiaFunction()
def read(path, missing):
    real("read")
    raise ValueError(Path(path).read_text())

tree = Path("tree").resolve()
node = Node(tree)
alu = os.path.relpath("rel/alu.v", get(where.chia_remote()))  # as its worker sees it
print(get(plain.chia_remote(1, "no path")))
print(get(build.chia_remote(node, Config([alu]), str(tree / "out"))))
try:
    get(read.chia_remote(alu, "/absent/a.v"))
except ValueError as error:
    print(error)
"""


def make_tree(folder: Path) -> Path:
    tree = folder / "tree"
    (tree / "out").mkdir(parents=True)
    (tree / "top.v").write_text("module")
    (tree / "old").write_text("old")
    (folder / "rel").mkdir()
    (folder / "rel/alu.v").write_text("alu")
    return tree


def result_of(recording: Recording, function: str) -> Result:
    (found,) = (row.result for row in rows(recording) if row.call.function.endswith(f":{function}"))
    assert found is not None
    return found


def reader(recording: Recording) -> listings.ReadBlob:
    def read(blob: Blob) -> memoryview:
        return recording.buffer(blob.digest, blob.length)

    return read


def sha(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def check(loops: Loops) -> None:
    folder = loops.folder
    recording = Recording.open(folder / "r")
    assert result_of(recording, "plain").inputs == ()
    build, read = result_of(recording, "build"), result_of(recording, "read")
    alu = str(folder / "rel/alu.v")

    tree, rtl, out = build.inputs
    assert (tree.place, tree.path, tree.kind, tree.given) == (
        "node.worktree",
        str(folder / "tree"),
        "directory",
        "",
    )
    assert (rtl.place, rtl.path) == ("config.rtl[0]", alu)
    assert rtl.given.startswith("../")
    assert (rtl.kind, rtl.size, rtl.digest, rtl.partial) == ("file", 3, sha("alu"), False)
    assert (out.place, out.kind) == ("out", "directory")
    names = listings.tree_of(tree, reader(recording))
    assert {name: entry.digest for name, entry in names.items()} == {
        "old": sha("old"),
        "out": b"",
        "top.v": sha("module"),
    }
    assert [(one.place, one.count) for one in build.wrote] == [("node.worktree", 3), ("out", 1)]
    assert [one.path for one in read.inputs] == [alu]  # of what raised too; and not what is absent
    assert read.wrote == ()

    writes = Writes()
    listings.add_writes(writes, build.wrote, reader(recording))
    arguments = [("node", {"worktree": folder / "tree"}), ("config", [alu])]
    now = look_at(paths_in(arguments), Trees(), Limits())
    recorded = listings.recorded(build.inputs, reader(recording))
    assert compare(recorded, now, lambda: writes).unchanged
    (folder / "tree/top.v").write_text("by hand")
    now = look_at(paths_in(arguments), Trees(), Limits())
    (difference,) = compare(recorded, now, lambda: writes).changed
    assert difference.changed == ("top.v",)


def test_a_loop_s_inputs_are_noted_on_the_worker(loops: Loops) -> None:
    make_tree(loops.folder)
    loops.write(LOOP)
    loops.recorded()
    check(loops)
    shown = loops.chia_bypass("inspect", "r", "build#0")
    assert shown.returncode == 0, shown.stderr
    assert f"{loops.folder}/rel/alu.v (file, 3 B, sha256 {sha('alu').hex()[:12]})" in shown.stdout
    assert "(3 entries written)" in shown.stdout
    printed = json.loads(loops.chia_bypass("inspect", "r", "build#0", "--json").stdout)
    assert [one["place"] for one in printed["inputs"]] == ["node.worktree", "config.rtl[0]", "out"]
    assert printed["inputs"][1]["digest"] == sha("alu").hex()
    assert [one["entries"] for one in printed["wrote"]] == [3, 1]


def test_of_chia_s_functions_too(loops: Loops) -> None:
    chia_loops = ChiaLoops(loops.folder, loops.environment, loops.address)
    make_tree(chia_loops.folder)
    chia_loops.write(f"ray.init(include_dashboard=False)\n{LOOP}")
    chia_loops.recorded()
    check(chia_loops)


def test_what_redaction_rules_match_is_in_no_path(loops: Loops) -> None:
    (loops.folder / "acme-tree").mkdir()
    (loops.folder / "acme-tree/of-acme.v").write_text("module")
    loops.write(
        """
@ChiaFunction()
def build(tree, options):
    real("build")

tree = os.path.abspath("acme-tree")
get(build.chia_remote(tree, {"acme": f"{tree}/of-acme.v"}))
"""
    )
    done = loops.record(options=("--redact", "acme"))
    assert done.returncode == 0, done.stderr
    for path in (loops.folder / "r/segments").iterdir():
        assert b"acme-tree" not in path.read_bytes()
        assert b"of-acme" not in path.read_bytes()
    first, second = result_of(Recording.open(loops.folder / "r"), "build").inputs
    assert first.path.endswith("/[redacted]-tree")
    assert second.place == "options['[redacted]']"


def test_a_large_tree_is_listed_once_however_many_calls_read_it(loops: Loops) -> None:
    tree = loops.folder / "tree"
    tree.mkdir()
    for number in range(600):
        (tree / f"file{number}").write_text(str(number))
    loops.write(
        """
@ChiaFunction()
def build(tree):
    real("build")

for _ in range(3):
    get(build.chia_remote(os.path.abspath("tree")))
"""
    )
    loops.recorded()
    recording = Recording.open(loops.folder / "r")
    noted = {row.result.inputs for row in rows(recording) if row.result is not None}
    ((one,),) = noted
    assert one.listing is not None
    assert len(listings.tree_of(one, reader(recording))) == 600
    assert len(list((loops.folder / "r/blobs").glob("*/*"))) == 1
    for command in (
        ["verify"],
        ["pack", "-o", "p.tar.gz", "--values", "all", "--yes"],
        ["prune"],
        ["verify"],
    ):
        done = loops.chia_bypass(command[0], "r", *command[1:])
        assert done.returncode == 0, done.stdout + done.stderr
    done = loops.chia_bypass("unpack", "p.tar.gz", "-o", "u")
    assert done.returncode == 0, done.stderr
    for name in "ru":
        assert len(list((loops.folder / name / "blobs").glob("*/*"))) == 1
