"""Jobs submitted to a running head: `ray job submit` and `chia job submit`, around us and in us."""

from __future__ import annotations

import io
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.loop_runner import PREAMBLE

from chia_bypass.control.job import command_of
from chia_bypass.driver.job_submit import prefixed, sources
from chia_bypass.options import RecordOptions
from chia_bypass.recording.reader import Recording

LOOP = """
@ChiaFunction()
def build(x):
    real("build")
    return x + 1

print("built", get(build.chia_remote(1, _chia_tag="t")), sorted(os.listdir()))
"""


@dataclass(frozen=True)
class Head:
    """A running Ray head that takes jobs."""

    gcs: str
    jobs: str
    """URL of its job server."""
    folder: Path
    """A working directory with a loop and an older recording in it."""
    environment: dict[str, str]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=180,
        )

    def real_runs(self) -> int:
        """How often the function ran for real; forgets it."""
        log = self.folder.parent / "real.log"
        count = len(log.read_text().split()) if log.exists() else 0
        log.unlink(missing_ok=True)
        return count


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory, short_for_all: Path) -> Iterator[Head]:
    folder = tmp_path_factory.mktemp("jobs")
    work = folder / "work"
    old = work / "old_recording"
    old.mkdir(parents=True)
    (old / ".rayignore").write_text("*\n")  # as every recording has
    (old / "manifest").write_bytes(b"x" * 1000)
    (work / "loop.py").write_text(PREAMBLE.format(log=str(folder / "real.log")) + LOOP)
    programs = str(Path(sys.executable).parent)
    environment = {
        **{name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"},
        "PATH": os.pathsep.join([programs, os.environ["PATH"]]),
        "RAY_USAGE_STATS_ENABLED": "0",
        "COLUMNS": "200",
    }
    gcs, jobs = free_port(), free_port()
    command = [
        *("ray", "start", "--head", "--block", "--num-cpus=4", f"--port={gcs}"),
        *(f"--dashboard-port={jobs}", "--dashboard-host=127.0.0.1", "--include-dashboard=true"),
        *(f"--ray-client-server-port={free_port()}", "--object-store-memory=150000000"),
        f"--dashboard-agent-listen-port={free_port()}",
        f"--temp-dir={short_for_all}",
        "--node-ip-address=127.0.0.1",
    ]
    started = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert started.stdout is not None
    try:
        for line in started.stdout:
            if "--block" in line:  # it now waits for its processes to end
                break
        yield Head(f"127.0.0.1:{gcs}", f"http://127.0.0.1:{jobs}", work, environment)
    finally:
        started.send_signal(signal.SIGTERM)
        started.communicate()


def test_a_submitted_job_is_recorded_where_its_driver_runs(head: Head, tmp_path: Path) -> None:
    recording = tmp_path / "r"
    submit = ("ray", "job", "submit", "--address", head.jobs, "--working-dir", ".")
    done = head.run(
        *("chia-bypass", "record", "-o", str(recording), "--", *submit, "--"),
        *("python", "loop.py", "--name", "two words"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"is recorded into {recording} on the node of its driver, the head of" in done.stderr
    assert "built 2 ['loop.py']" in done.stdout  # the older recording was not uploaded
    assert f"1 recorded into {socket.gethostname()}:{recording}" in done.stdout
    assert head.real_runs() == 1
    opened = Recording.open(recording)
    assert opened.complete
    command = opened.contents.runs[0].command
    assert command == ("sh", "-c", 'python loop.py --name "two words"')
    assert [driver.path for driver in opened.contents.drivers] == ["loop.0"]

    replayed = head.run("chia-bypass", "replay", str(recording), "--address", head.gcs)
    assert replayed.returncode == 0, replayed.stderr
    assert "built 2" in replayed.stdout  # the entrypoint, and no job
    assert head.real_runs() == 0

    again = head.run("chia-bypass", "replay", str(recording), "--", *submit, "--", "true")
    assert again.returncode == 1
    assert "a replay would run this job for real" in again.stderr


def test_chia_job_submit_says_where_without_waiting(head: Head, tmp_path: Path) -> None:
    recording = tmp_path / "r"
    submit = ("chia", "job", "submit", "--address", head.jobs, "--working-dir", ".", "--no-wait")
    relative = head.run("chia-bypass", "record", "-o", "r", "--", *submit, "--", "python", "x.py")
    assert relative.returncode == 1
    assert "record -o /absolute/path" in relative.stderr
    assert not (head.folder / "r").exists()

    done = head.run(
        *("chia-bypass", "record", "-o", str(recording), "--", *submit, "--", "python", "loop.py")
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (job,) = re.findall(rf"job (raysubmit_\w+) is recorded into {recording} on", done.stderr)
    logs = head.run("ray", "job", "logs", "--address", head.jobs, "--follow", job)
    assert "replay there with: chia-bypass replay" in logs.stdout
    assert Recording.open(recording).contents.runs[0].command == ("python", "loop.py")
    assert head.real_runs() == 1


def test_a_job_that_calls_us_is_recorded(head: Head, tmp_path: Path) -> None:
    recording = tmp_path / "r"
    done = head.run(
        *("ray", "job", "submit", "--address", head.jobs, "--working-dir", ".", "--"),
        *("chia-bypass", "record", "-o", str(recording), "--", "python", "loop.py"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list(Recording.open(recording).calls())) == 1
    assert head.real_runs() == 1


@pytest.mark.parametrize(
    ("entrypoint", "command"),
    [
        ("python -u loop.py --n=3", ("python", "-u", "loop.py", "--n=3")),
        ("N=3 python loop.py", ("sh", "-c", "N=3 python loop.py")),
        ("cd x && python loop.py", ("sh", "-c", "cd x && python loop.py")),
        ('python "my loop.py"', ("sh", "-c", 'python "my loop.py"')),
        ("", ("sh", "-c", "")),
    ],
)
def test_what_a_shell_makes_of_an_entrypoint(entrypoint: str, command: tuple[str, ...]) -> None:
    assert command_of(entrypoint) == command


@pytest.mark.parametrize(
    ("entrypoint", "interpreter"),
    [
        ("/opt/venv/bin/python3.11 loop.py", "/opt/venv/bin/python3.11"),
        ("python loop.py", "python"),
        ("bash run.sh", "python3"),
        ("pythonic", "python3"),
    ],
)
def test_the_entrypoints_own_python_records_it(entrypoint: str, interpreter: str) -> None:
    words = shlex.split(
        prefixed(entrypoint, Path("/r"), RecordOptions(tag=["it's"]), "gcs://p.zip")
    )
    assert (words[0], words[3], words[5]) == (interpreter, "/r", entrypoint)
    assert len(" ".join(words)) < 2000  # it is shown wherever jobs are listed


def test_the_same_sources_are_the_same_package() -> None:
    packed = sources()
    assert packed == sources()
    names = zipfile.ZipFile(io.BytesIO(packed)).namelist()
    assert "chia_bypass/driver/site/sitecustomize.py" in names
    assert all(name.startswith("chia_bypass/") for name in names)
