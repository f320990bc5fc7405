"""The golden recording of calls that leave files for each other: what format 2 added."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from chia_bypass.inputs.digests import Trees
from chia_bypass.look.archive.verify import verify
from chia_bypass.outputs.left_index import LeftIndex
from chia_bypass.outputs.restore import put_back
from chia_bypass.outputs.summary import files_kept
from chia_bypass.recording.layout import blob_path, segments_of
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import Blob
from chia_bypass.recording.segments import Segments

EXAMPLE = Path(__file__).resolve().parents[2] / "recordings" / "linked_c"
GOLDEN = EXAMPLE / "golden"


class Contents:
    """The blobs of the golden recording."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    def read(self, blob: Blob) -> memoryview:
        return self._recording.buffer(blob.digest, blob.length)

    def file(self, blob: Blob) -> Path | None:
        return blob_path(GOLDEN, blob.digest)


def test_segments_with_files_are_of_format_2_and_are_read_for_ever() -> None:
    segments = Segments(GOLDEN)
    formats = {n: h.format for n in segments_of(GOLDEN) if (h := segments.header(n)) is not None}
    assert set(formats.values()) == {1, 2}, "recorded with format 2: leave it so"
    recording = Recording.open(GOLDEN)
    assert recording.complete
    assert verify(GOLDEN).faults == ()
    assert len(list(recording.leaving_files())) == 12
    assert files_kept(recording).sentence(str) == "15 kept, 34160"


def test_a_program_that_was_put_back_runs(tmp_path: Path) -> None:
    recording = Recording.open(GOLDEN)
    index = LeftIndex(recording)
    assert index.roots() == ("/tmp/chia-bypass-linked-c",)
    for result in index.results:
        for one in index.below(result):
            moved = one.left.root.replace("/tmp/chia-bypass-linked-c", str(tmp_path))
            left = one._replace(left=replace(one.left, root=moved))
            done = put_back([left], Contents(recording), lambda path: (), Trees())
            assert (done.conflicts, done.absent) == ([], [])
    for flags in ("O0", "O1", "Os"):
        names = sorted(path.name for path in (tmp_path / flags).iterdir())
        assert names == ["main.o", "program", "square.o", "sum.o"]
        program = tmp_path / flags / "program"
        if sys.platform == "linux" and program.read_bytes()[18] == 62:  # it is for x86-64
            assert subprocess.run([program], capture_output=True, check=True).stdout == b"285\n"


def test_it_replays_without_a_compiler_and_says_which_files_are_not_there(
    script_env: dict[str, str], ray_session: str, tmp_path: Path
) -> None:
    command = ["--address", ray_session, "--restore", "never", "--"]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "chia_bypass_cli", "replay", str(GOLDEN), *command),
            *(sys.executable, str(EXAMPLE / "loop.py")),
        ],
        env=script_env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == (EXAMPLE / "expected.txt").read_text()
    assert "18 replayed · 0 real · 0 missed · 0 unused" in done.stderr
    assert "files of served calls, such as /tmp/chia-bypass-linked-c/O0" in done.stderr
