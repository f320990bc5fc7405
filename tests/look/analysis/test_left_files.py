"""Left files in what looks at recordings: inspect, diff, verify, pack and prune."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.left_files import recording_of, snapshot
from support.terminals import in_pipe

from chia_bypass.look.analysis.diff import diff
from chia_bypass.look.archive.pack import Choice, leaving, pack
from chia_bypass.look.archive.prune import prune
from chia_bypass.look.archive.unpack import unpack
from chia_bypass.look.archive.verify import verify
from chia_bypass.outputs.left_index import LeftIndex
from chia_bypass.outputs.summary import files_kept
from chia_bypass.recording.layout import blob_path
from chia_bypass.recording.reader import Recording


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    """Of two calls: one leaves a small, a large and a huge file, the other nothing."""
    root = tmp_path / "root"
    root.mkdir()
    before = snapshot(root)
    (root / "obj").mkdir()
    (root / "obj/a.o").write_text("token=abcdef123456")
    (root / "wave.vcd").write_bytes(b"w" * 70_000)
    (root / "huge").write_bytes(b"h" * 90_000)
    (root / "latest").symlink_to("obj/a.o")
    return recording_of(tmp_path / "r", (1, before, 80_000), (2, snapshot(root), 80_000))


def test_an_index_knows_what_is_where(recording: Recording) -> None:
    index = LeftIndex(recording)
    root = str(recording.folder.parent / "root")
    assert index.roots() == (root,)
    assert [one.call for one in index.results] == [recording.contents.calls["loop.0/0"]]
    (past,) = index.past(f"{root}/obj/a.o")
    assert past.call == "loop.0/0"
    kept = files_kept(recording)
    assert kept.sentence(str) == "3 kept, 70018; not kept: f#0 huge, 90000 (--files-limit)"


def test_inspect_lists_them_and_writes_one(recording: Recording) -> None:
    shown = in_pipe("inspect", recording.folder, "loop.0/0").stdout.decode()
    root = recording.folder.parent / "root"
    assert f"{root}/obj/a.o" in shown
    assert "link to obj/a.o" in shown
    assert "not kept: beyond --files-limit" in shown
    told = json.loads(in_pipe("inspect", recording.folder, "loop.0/0", "--json").stdout)
    kept = {one["path"]: one["kept"] for one in told["files"]}
    assert kept[f"{root}/wave.vcd"]
    assert not kept[f"{root}/huge"]
    assert [one["unkept"] for one in told["left"]] == [1]
    for name, content in (("a.o", b"token=abcdef123456"), (root / "wave.vcd", b"w" * 70_000)):
        done = in_pipe("inspect", recording.folder, "loop.0/0", "--raw", "--file", name)
        assert done.stdout == content, done.stderr
    refused = in_pipe("inspect", recording.folder, "loop.0/0", "--raw", "--file", "huge")
    assert refused.returncode == 2
    assert b"it is not kept" in refused.stderr
    refused = in_pipe("inspect", recording.folder, "loop.0/0", "--file", "a.o")
    assert b"--file needs --raw" in refused.stderr


def test_diff_compares_them(recording: Recording, tmp_path: Path) -> None:
    assert diff(recording, recording).same
    root = tmp_path / "root"
    before = snapshot(root)
    (root / "obj/a.o").write_text("another object")
    other = recording_of(tmp_path / "other", (1, before, 10), (2, snapshot(root), 10))
    (change,) = diff(recording, other).changed
    fields = {field.place: (field.a, field.b) for field in change.fields}
    assert fields[f"file {root}/latest"] == ("link to obj/a.o", "none")
    assert "18 bytes" in fields[f"file {root}/obj/a.o"][0]
    assert "14 bytes" in fields[f"file {root}/obj/a.o"][1]


def test_verify_finds_what_is_damaged(recording: Recording) -> None:
    assert verify(recording.folder).faults == ()
    (left,) = LeftIndex(recording).results[0].files
    assert left.bundle is not None
    path = blob_path(recording.folder, left.bundle.digest)
    path.write_bytes(b"x" * left.bundle.length)
    assert any("do not match" in str(fault) for fault in verify(recording.folder).faults)


def test_pack_lists_them_takes_them_along_or_leaves_them(
    recording: Recording, tmp_path: Path
) -> None:
    everything = leaving(recording, Choice(everything=True))
    assert everything.files == (("loop:f", 4, 70_018),)
    assert [secret.kind for _, secret in everything.secrets] == ["named secret"]
    pack(recording, Choice(everything=True), tmp_path / "all.tar.gz")
    there = Recording.open(unpack(tmp_path / "all.tar.gz", tmp_path / "all"))
    assert verify(there.folder).faults == ()
    assert files_kept(there) == files_kept(recording)

    assert leaving(recording, Choice()).files == ()
    pack(recording, Choice(), tmp_path / "none.tar.gz")
    there = Recording.open(unpack(tmp_path / "none.tar.gz", tmp_path / "none"))
    assert verify(there.folder).faults == ()
    assert LeftIndex(there).results == []
    assert not (there.folder / "blobs").exists()


def test_prune_keeps_what_counts(recording: Recording) -> None:
    before = files_kept(recording)
    prune(recording)
    pruned = Recording.open(recording.folder)
    assert verify(pruned.folder).faults == ()
    assert files_kept(pruned) == before
