"""Every command with every odd folder: one line, a documented status, nothing outside touched."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from support.recording_builder import Made, make_recording
from support.sample_recording import write_small

from chia_bypass.exit_status import ExitStatus
from chia_bypass.look.archive.pack import Choice, pack
from chia_bypass.recording.folder import RunFolder
from chia_bypass.recording.layout import BYPASS_YAML, INDEX, LOCK, MANIFEST, NONCE
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import Closed
from chia_bypass.recording.writer import SegmentWriter, append_records
from chia_bypass_cli.app import main

DOCUMENTED = {*map(int, ExitStatus)} - {ExitStatus.UNFORESEEN}
SECONDS = 20


def linked(path: Path) -> None:
    """Put the file elsewhere and a link in its place."""
    outside = path.parents[1] / "outside"
    outside.mkdir(exist_ok=True)
    moved = outside / path.name
    if path.exists():
        path.rename(moved)
    else:
        moved.write_text("precious")
    path.symlink_to(moved)


def fifo(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


def garbage(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 16)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 33)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def segment(root: Path) -> Path:
    return sorted((root / "segments").glob("worker*.seg"))[0]


def blob(root: Path) -> Path:
    return next(path for path in (root / "blobs").rglob("*") if path.is_file())


PLACES: dict[str, Callable[[Path], Path]] = {
    MANIFEST: lambda root: root / MANIFEST,
    INDEX: lambda root: root / INDEX,
    NONCE: lambda root: root / NONCE,
    LOCK: lambda root: root / LOCK,
    BYPASS_YAML: lambda root: root / BYPASS_YAML,
    "segment": segment,
    "blob": blob,
}
CHANGES = (linked, fifo, folder, garbage, cut, huge, empty)


def no_segments(root: Path) -> None:
    shutil.rmtree(root / "segments")


def segments_elsewhere(root: Path) -> None:
    (root / "segments").rename(root.parent / "theirs")
    (root / "segments").symlink_to(root.parent / "theirs")


def blobs_elsewhere(root: Path) -> None:
    (root / "blobs").rename(root.parent / "theirs")
    (root / "blobs").symlink_to(root.parent / "theirs")


def segments_a_file(root: Path) -> None:
    no_segments(root)
    (root / "segments").touch()


def a_run_without_times(root: Path) -> None:
    """A result whose numbers nobody has."""
    found = Recording.open(root)
    stored = next(iter(found.contents.results.values()))[0].result
    nan = float("nan")
    with RunFolder.extend(
        root, replace(found.contents.runs[0], id="x", started=nan), "host"
    ) as run:
        header = replace(found._segments.header(segment(root).stem), run="x")  # type: ignore[type-var]
        writer = SegmentWriter.unique(root, header)  # type: ignore[arg-type]
        odd = replace(stored, started=nan, finished=float("inf"), length=-5, value=-7, pid=-1)
        append_records(writer, [odd])
        writer.close()
        run.close(0, nan)


def an_index_of_another(root: Path) -> None:
    """The index leads to a segment that is not there, beside the recording."""
    led_to(root, "../../theirs/segments/x")


def led_to(root: Path, segment: str) -> None:
    """Have the index lead to this segment, and the manifest vouch for it."""
    from chia_bypass.recording.index_file import pack_index, unpack_index

    index = unpack_index((root / INDEX).read_bytes())
    index.names[:] = [segment] * len(index.names)
    forged = pack_index(index)
    (root / INDEX).write_bytes(forged)
    closed = Recording.open(root, tolerant=True).contents.closed[-1]
    files = {**closed.files, INDEX: hashlib.sha256(forged).digest()}
    manifest = SegmentWriter.reopen(root, MANIFEST, (root / MANIFEST).stat().st_size)
    append_records(manifest, [Closed(closed.run, 0, 3.0, closed.segments, (), files)])
    manifest.close()


def changed(place: Callable[[Path], Path], change: Callable[[Path], None], root: Path) -> None:
    """Do that to the file at that place."""
    change(place(root))


WHOLE: dict[str, Callable[[Path], None]] = {
    "gone": shutil.rmtree,
    "no segments": no_segments,
    "segments elsewhere": segments_elsewhere,
    "blobs elsewhere": blobs_elsewhere,
    "segments a file": segments_a_file,
    "no times": a_run_without_times,
    "index of another": an_index_of_another,
}
CASES: dict[str, Callable[[Path], None]] = {
    **WHOLE,
    **{
        f"{name} {change.__name__}": partial(changed, place, change)
        for name, place in PLACES.items()
        for change in CHANGES
        if (name, change) not in {(LOCK, cut), (BYPASS_YAML, huge)}
    },
}
COMMANDS: dict[str, list[str]] = {
    "inspect": ["inspect", "r"],
    "inspect json": ["inspect", "r", "--json"],
    "inspect call": ["inspect", "r", "loop.0/1"],
    "inspect all": ["inspect", "."],
    "verify": ["verify", "r"],
    "pack": ["pack", "r", "-o", "p.tar.gz", "--yes", "--values", "all"],
    "prune": ["prune", "r"],
    "diff": ["diff", "r", "sound"],
    "export": ["export", "r", "-o", "e.json"],
    "trust": ["trust", "r"],
    "dry run": ["replay", "r", "--dry-run"],
    "replay": ["replay", "r", "--", "true"],
    "check": ["check", "r", "--", "true"],
    "resume": ["resume", "r", "--", "true"],
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording with everything in it."""
    return write_small(tmp_path_factory.mktemp("sound") / "r")


@pytest.fixture
def place(sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a copy of it, and a sound one beside it."""
    shutil.copytree(sound, tmp_path / "r")
    shutil.copytree(sound, tmp_path / "sound")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


@pytest.fixture(autouse=True)
def _in_time() -> Iterator[None]:
    """Nothing hangs."""

    def late(*_: object) -> None:
        raise TimeoutError("it hangs")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(10 * SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def outside(place: Path) -> dict[str, bytes | str]:
    """What is beside the recordings."""
    found: dict[str, bytes | str] = {}
    for name in ("outside", "theirs"):
        for path in (place / name).rglob("*"):
            if path.is_file():
                large = path.stat().st_size > 1 << 20
                found[str(path)] = str(path.stat().st_size) if large else path.read_bytes()
    return found


def run(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return int(ended.value.code or 0)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_command_ends_with_one_line(
    case: Callable[[Path], None], place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, command in COMMANDS.items():
        for left in ("r", "outside", "theirs", "p.tar.gz", "e.json"):
            path = place / left
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(
                missing_ok=True
            )
        shutil.copytree(place / "sound", place / "r")
        case(place / "r")
        before = outside(place)
        signal.alarm(SECONDS)
        status = run(command)
        printed = capfd.readouterr()
        assert status in DOCUMENTED, f"{name}: {status} {printed.err}"
        assert "Traceback" not in printed.err, name
        ours = [line for line in printed.err.splitlines() if line.startswith("chia-bypass: ")]
        assert len(ours) <= 1, f"{name}: {printed.err}"
        assert status in (0, 1) or printed.err or "fault" in printed.out, name
        assert outside(place) == before, f"{name} wrote outside of the recording"


def test_nothing_of_another_recording_comes_out(
    place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(place / "r")
    for name, secret in (("r", "harmless one"), ("theirs", "CONFIDENTIAL")):
        make_recording(place / name, [Made("loop:f", secret, arguments={"x": secret})])
    theirs, ours = (segment(place / name) for name in ("theirs", "r"))
    assert theirs.stat().st_size == ours.stat().st_size, "the index fits both"
    led_to(place / "r", f"../../theirs/segments/{theirs.stem}")
    run(["inspect", "theirs", "loop.0/0"])
    assert "CONFIDENTIAL" in capfd.readouterr().out
    for command in (*COMMANDS.values(), ["inspect", "r", "loop.0/0"]):
        signal.alarm(SECONDS)
        run(command)
        assert "CONFIDENTIAL" not in "".join(capfd.readouterr())
    for archive in place.glob("*.tar.gz"):
        assert b"CONFIDENTIAL" not in gzip.decompress(archive.read_bytes())


def test_the_cases_are_not_sound(place: Path) -> None:
    assert run(["verify", "r"]) == 0
    assert run(["inspect", "r"]) == 0


def test_one_bad_recording_does_not_hide_the_others(
    place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for number, case in enumerate(CASES.values()):
        shutil.copytree(place / "sound", place / "many" / f"r{number}" / "r")
        case(place / "many" / f"r{number}" / "r")
    assert run(["inspect", "."]) == 0
    assert "sound" in capfd.readouterr().out


@pytest.mark.parametrize("target", ["/proc/x/y", "file", "file/below", "/dev/null/x"])
def test_places_that_cannot_be_written(
    target: str, place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (place / "file").touch()
    for command in (
        ["record", "-o", target, "--", "true"],
        ["pack", "r", "-o", target, "--yes"],
        ["export", "r", "-o", f"{target}/e"],
        ["unpack", "p.tar.gz", "-o", target],
        ["replay", "r", "--report", f"{target}/e", "--", "true"],
    ):
        pack(Recording.open(place / "sound"), Choice(), place / "p.tar.gz")
        status = run(command)
        (place / "p.tar.gz").unlink()
        printed = capfd.readouterr()
        assert status in DOCUMENTED, f"{command}: {printed.err}"
        assert "Traceback" not in printed.err
        assert len(printed.err.splitlines()) == 1, printed.err


def child(arguments: list[str], cwd: Path, shell: str) -> subprocess.CompletedProcess[str]:
    """Run us under a shell that does something to our streams or our directory."""
    words = " ".join([sys.executable, "-m", "chia_bypass_cli", *arguments])
    return subprocess.run(
        ["bash", "-c", shell.format(words)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("command", ["inspect", "inspect json", "verify", "diff", "dry run"])
@pytest.mark.parametrize(
    ("shell", "statuses"),
    [
        ("{} > /dev/full", {ExitStatus.NO_OUTPUT}),
        ("{} >&-", {0, 1, 26}),
        ("{} 2>&-", {0, 1, 26}),
        ("{} | true; exit ${{PIPESTATUS[0]}}", {0, 1, 128 + signal.SIGPIPE}),
    ],
)
def test_output_that_cannot_be_written(
    command: str, shell: str, statuses: set[int], place: Path
) -> None:
    done = child(COMMANDS[command], place, shell)
    assert done.returncode in statuses, done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert len(done.stderr.splitlines()) <= 1


def test_a_working_directory_that_is_gone(place: Path) -> None:
    done = child(COMMANDS["inspect"], place, "mkdir gone && cd gone && rmdir ../gone && {}")
    assert done.returncode == ExitStatus.USAGE
    assert len(done.stderr.splitlines()) == 1


def test_an_unforeseen_error_is_one_line_too(place: Path) -> None:
    code = (
        "import chia_bypass_cli.app as app, chia_bypass_cli.inspect_calls as calls\n"
        "def fail(*_, **__): raise ZeroDivisionError('of a test')\n"
        "calls.show = fail\n"
        "app.main(['inspect', 'r'])\n"
    )

    def show(**more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code],
            cwd=place,
            env={**os.environ, **more},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    done = show()
    assert done.returncode == ExitStatus.UNFORESEEN
    (line,) = done.stderr.splitlines()
    assert "ZeroDivisionError: of a test" in line
    assert "Traceback" in show(CHIA_BYPASS_TRACEBACK="1").stderr


def test_ctrl_c_at_any_time(place: Path) -> None:
    """As soon as our first module runs, and in steps until the command has ended."""
    make_recording(place / "big", [Made(value=n) for n in range(2000)])
    code = (
        "import sys, threading, os, time, signal\n"
        "def stop():\n    time.sleep(float(sys.argv[1]))\n    os.kill(os.getpid(), signal.SIGINT)\n"
        "import chia_bypass_cli.start as start\n"
        "threading.Thread(target=stop, daemon=True).start()\n"
        "sys.argv[1:] = ['inspect', 'big', '--json'] if len(sys.argv) == 2 else []\n"
    )
    code = code.replace("float(sys.argv[1])", "after").replace(
        "def stop", "after = float(sys.argv[1])\ndef stop"
    )
    for step in range(8):
        done = subprocess.run(
            [sys.executable, "-c", code + "start.main()\n", str(step * 0.08)],
            cwd=place,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode in (0, -signal.SIGINT, 128 + signal.SIGINT), done.stderr
        assert "Traceback" not in done.stderr
        assert len(done.stderr.splitlines()) <= 1
