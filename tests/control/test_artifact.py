"""A loop in one file, replayed by somebody else who has nothing of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.loop_runner import Loops
from support.other_user import able, words_as_nobody
from support.sandboxes import work_here

LOOP = """
import json
from pathlib import Path
from parts.build import compiled

data = json.loads(Path("data/in.json").read_text())
out = Path("out").absolute()
for name in data["names"]:
    path = get(compiled.chia_remote(name, str(out / name)))
    print(path, Path(path).read_text())
"""
PART = """
from pathlib import Path
from chia_bypass import ChiaFunction
from parts import SUFFIX

@ChiaFunction()
def compiled(name, path):
    Path(path).parent.mkdir(exist_ok=True)
    Path(path).write_text(f"object of {name}{SUFFIX}")
    return Path(path)
"""


@pytest.fixture
def base() -> Iterator[Path]:
    """A folder that everybody may look into."""
    folder = Path(tempfile.mkdtemp(prefix="art", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def record(base: Path, environment: dict[str, str], address: str) -> tuple[Path, str]:
    """A loop with modules, data, left files and a wrapper script, in a folder of its user's own."""
    loops = Loops(base / "alice" / "project", environment, address)
    for name in ("parts", "data"):
        (loops.folder / name).mkdir(parents=True)
    loops.write(LOOP)
    (loops.folder / "parts" / "__init__.py").write_text("SUFFIX = '!'\n")
    (loops.folder / "parts" / "build.py").write_text(PART)
    (loops.folder / "data" / "in.json").write_text('{"names": ["a", "b"]}')
    (loops.folder / "run.sh").write_text("set -e\nexec python loop.py\n")
    recorded = loops.record("sh", "run.sh")
    assert recorded.returncode == 0, recorded.stderr
    packed = loops.chia_bypass("pack", "r", "--artifact", "-o", str(base / "a.tar.gz"), "--yes")
    assert packed.returncode == 0, packed.stderr
    for name in ("loop.py", "run.sh", "parts/__init__.py", "parts/build.py", "data/in.json"):
        assert name in packed.stdout, "what leaves is listed"
    return loops.folder, recorded.stdout


@pytest.mark.skipif(not work_here(), reason="this kernel refuses sandboxes")
def test_somebody_else_replays_it_elsewhere_in_a_fresh_environment(
    base: Path, ray_session: str
) -> None:
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{root}:{root / 'cli'}", "HOME": "/nonexistent"}
    environment.update(RAY_ADDRESS=ray_session)
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    project, printed = record(base, environment, ray_session)
    (base / "a.tar.gz").chmod(0o644)  # as by whoever hands it on
    (base / "alice").chmod(0o700)
    if not able():
        (base / "alice").rename(base / "gone")
    venv.create(base / "venv", with_pip=False, symlinks=True)
    packages = next((base / "venv").glob("lib/python*/site-packages"))
    (packages / "all.pth").write_text("\n".join(p for p in sys.path if "site-packages" in p))
    del environment["RAY_ADDRESS"]
    environment["RAY_TMPDIR"] = str(base / "r")
    for name in ("r", "bob"):
        (base / name).mkdir()
        (base / name).chmod(0o777)
    python = str(base / "venv" / "bin" / "python")
    ours = [python, "-m", "chia_bypass_cli", "replay", str(base / "a.tar.gz")]

    def replay(*options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*(words_as_nobody() if able() else []), *ours, *options],
            cwd=base / "bob",
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    asked = replay()
    assert asked.returncode == 2
    assert "sh run.sh, in " in asked.stderr
    assert "is not your recording" in asked.stderr
    done = replay("--yes", "--sandbox")
    assert done.returncode == 0, done.stderr
    assert done.stdout == printed
    assert f"{project}/out/a object of a!" in printed
    assert "2 replayed · 0 real · 0 missed · 0 unused" in done.stderr
    assert list((base / "bob").iterdir()) == []
