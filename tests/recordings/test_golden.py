"""The shipped recordings: what every later version must read, and a newcomer replays first."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import independent_reader as independent
import pytest
from support.sample_records import make_run

from chia_bypass.look.archive.verify import verify
from chia_bypass.ownership.whose import make_own
from chia_bypass.recording.folder import RunFolder
from chia_bypass.recording.index_file import unpack_index
from chia_bypass.recording.layout import INDEX, MANIFEST
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.segments import Segments

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = {"design_space": 75, "generated_c": 78}
"""Example -> number of calls in its recording."""


def golden(example: str) -> Path:
    return ROOT / "recordings" / example / "golden"


@pytest.mark.parametrize(("example", "calls"), EXAMPLES.items())
def test_it_opens_whole_and_stays_small(example: str, calls: int) -> None:
    recording = Recording.open(golden(example))
    assert recording.complete
    assert not recording.spoiled
    assert len(list(recording.calls())) == calls
    files = [path for path in golden(example).rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 2_000_000


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_recording_of_format_0_is_read_for_ever(example: str) -> None:
    folder = golden(example)
    header = Segments(folder).header(MANIFEST)
    assert header is not None
    assert header.format == 0, "recorded before format 1: leave it so"
    verified = verify(folder)
    assert (verified.faults, verified.extra, verified.unfinished) == ((), (), ())
    theirs, ours = independent.read(folder), Recording.open(folder)
    assert theirs.calls.keys() == ours.contents.calls.keys()
    assert theirs.results.keys() == set(ours.contents.results)


@pytest.mark.parametrize("example", EXAMPLES)
def test_adding_to_a_recording_of_format_0_makes_it_one_of_this_format(
    example: str, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(golden(example), copy)
    before = Recording.open(copy)
    RunFolder.extend(copy, make_run("second"), "host").close(0, 1.0)
    after = Recording.open(copy)
    assert after.index.paths == before.index.paths
    assert unpack_index((copy / INDEX).read_bytes()) == after.index
    assert verify(copy).faults == ()


@pytest.mark.parametrize("example", EXAMPLES)
def test_it_replays_from_a_moved_and_read_only_copy(
    example: str, tmp_path: Path, script_env: dict[str, str], ray_session: str
) -> None:
    copy = tmp_path / "moved"
    shutil.copytree(golden(example), copy)
    # A copy elsewhere did not come with the code: their exceptions have constructors.
    make_own(copy)
    for path in (copy, *copy.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    loop = ROOT / "recordings" / example / "loop.py"
    # The compiler is hidden: nothing real runs.
    command = ["--address", ray_session, "--", sys.executable, str(loop)]
    done = subprocess.run(
        [sys.executable, "-m", "chia_bypass_cli", "replay", str(copy), *command],
        env=script_env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert " 0 real · 0 missed · 0 unused" in done.stderr
    expected = (golden(example).parent / "expected.txt").read_text()
    assert done.stdout == expected


def test_the_first_replay_of_a_newcomer(script_env: dict[str, str]) -> None:
    """On no cluster at all: the replay brings its own Ray, and nothing is left of it."""
    environment = {k: v for k, v in script_env.items() if k != "RAY_ADDRESS"}
    # The recorded command says `python`: that of the environment that we are installed in.
    environment["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), environment["PATH"]))
    done = subprocess.run(
        [sys.executable, "-m", "chia_bypass_cli", "replay", str(golden("generated_c"))],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert " 0 real · 0 missed · 0 unused" in done.stderr
    assert done.stdout == (golden("generated_c").parent / "expected.txt").read_text()
