"""Replays that leave the user's files as they are: what runs in the sandbox is a whole Ray."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.loop_runner import Loops
from support.other_user import NOBODY, able, words_as_nobody
from support.random_trees import Tree, read
from support.sandboxes import can_be_switched_off, without_namespaces, work_here

LOOP = """
import sqlite3, subprocess
from pathlib import Path

@ChiaFunction()
def build(x):
    return x + 1

results = Path("out.json")
print(get(build.chia_remote(len(results.read_text()))), os.getuid(), os.getcwd())
results.write_text(f"{results.read_text()} and one more")
database = sqlite3.connect("cache.db")
database.execute("create table if not exists seen (x)")
rows = len(database.execute("select * from seen").fetchall())
database.execute("insert into seen values (1)"), database.commit(), database.close()
print([rows, *(Path(name).exists() for name in ("new", ".state", "empty"))], file=sys.stderr)
Path("empty").mkdir(exist_ok=True)
Path(".state").mkdir(exist_ok=True)
Path(".state/step").write_text("1")
Path("new").write_text("1")
Path("deep").mkdir(exist_ok=True)
Path("deep/more").write_text("1")
Path("old").unlink(missing_ok=True)
git = ["git", "-c", "user.name=x", "-c", "user.email=x"]
subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "a result"], check=True)
"""


@dataclass
class Repository:
    """A git repository with a recorded loop in it, as it is before a replay."""

    folder: Path
    environment: dict[str, str]
    before: Tree

    def replay(self, *options: str, wrap: list[str] | None = None) -> tuple[str, str]:
        """Replay the loop, which must end well; returns what it and we printed."""
        done = self.run("replay", *options, wrap=wrap)
        assert done.returncode == 0, done.stderr
        assert "1 replayed · 0 real · 0 missed · 0 unused" in done.stderr
        return done.stdout, done.stderr

    def run(
        self, command: str, *options: str, wrap: list[str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run ``replay`` or ``check``; ``wrap`` is what it is put behind."""
        ours = [sys.executable, "-m", "chia_bypass_cli", command, "r", *options]
        return subprocess.run(
            [*(wrap or []), *ours, "--", sys.executable, "loop.py"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


@pytest.fixture(scope="module")
def repository(ray_session: str) -> Iterator[Repository]:
    """Everybody's, and so is the folder for its Rays."""
    base = Path(tempfile.mkdtemp(prefix="sbx", dir="/tmp"))
    loops = Loops(base / "work", dict(os.environ), ray_session)
    root = Path(__file__).resolve().parents[2]
    path = f"{root}:{root / 'cli'}"
    loops.environment.update(PYTHONPATH=path, RAY_ADDRESS=ray_session, HOME="/nonexistent")
    for folder in (loops.folder, base / "r"):
        folder.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=loops.folder, check=True)
    loops.write(LOOP)
    (loops.folder / "out.json").write_text("1")
    recorded = loops.record()
    assert recorded.returncode == 0, recorded.stderr
    (loops.folder / "old").write_text("")
    del loops.environment["RAY_ADDRESS"]
    loops.environment["RAY_TMPDIR"] = str(base / "r")
    for path_ in (base, *base.rglob("*")):
        os.chown(path_, NOBODY, NOBODY) if able() else None
        path_.chmod(path_.stat().st_mode | 0o666 | (0o111 if path_.is_dir() else 0))
    loops.environment.update(GIT_CONFIG_COUNT="1")
    loops.environment.update(GIT_CONFIG_KEY_0="safe.directory", GIT_CONFIG_VALUE_0="*")
    yield Repository(loops.folder, loops.environment, read(loops.folder))
    shutil.rmtree(base)


needs_sandboxes = pytest.mark.skipif(not work_here(), reason="this kernel refuses sandboxes")


@needs_sandboxes
def test_a_loop_that_writes_and_commits_leaves_all_as_it_was(
    repository: Repository, tmp_path: Path
) -> None:
    printed, told = repository.replay("--sandbox", "--writes", str(tmp_path / "kept"))
    assert printed.splitlines()[0] == f"2 {os.geteuid()} {repository.folder}"
    assert read(repository.folder) == repository.before
    assert f"were kept out of your tree; what was written is in {tmp_path / 'kept'}" in told
    kept = dict(read(tmp_path / "kept"))
    assert kept.pop(".git")
    assert kept.pop("cache.db").startswith(b"SQLite")
    assert kept == {
        "out.json": b"1 and one more",
        "new": b"1",
        "deep": {"more": b"1"},
        ".state": {"step": b"1"},
    }
    assert "[0, False, False, False]" in told.splitlines()


@needs_sandboxes
def test_a_changed_input_is_told_first_and_fails_a_check(repository: Repository) -> None:
    results = repository.folder / "out.json"
    left = results.read_text()
    results.write_text("edited")
    try:
        done = repository.run("check")
        assert done.returncode == 21
        cause = "\ninput changed: out.json, which the loop read, is not what it was\n"
        assert done.stderr.index(cause) < done.stderr.index("\nmissed: loop:build")
        done = repository.run("check", "--loop-inputs", "recorded")
        assert done.returncode == 0, done.stderr
        assert results.read_text() == "edited"
    finally:
        results.write_text(left)


@needs_sandboxes
@pytest.mark.skipif(not able(), reason="needs root, to be somebody else")
def test_so_does_that_of_a_user_without_privileges(repository: Repository) -> None:
    printed, told = repository.replay("--sandbox", wrap=words_as_nobody())
    assert printed.splitlines()[0] == f"2 {NOBODY} {repository.folder}"
    assert read(repository.folder) == repository.before
    assert "(--writes DIR keeps them, --no-sandbox lets them through)" in told


@pytest.mark.skipif(not can_be_switched_off(), reason="needs unshare")
def test_where_there_can_be_none_that_is_told_and_what_follows_from_it(
    repository: Repository,
) -> None:
    done = repository.run("replay", wrap=without_namespaces())
    assert done.returncode == 20
    (line,) = (line for line in done.stderr.splitlines() if "not sandboxed" in line)
    assert line.startswith("chia-bypass: not sandboxed: user namespaces are off here (unshare: ")
    cause = "input changed: out.json is what the recorded run wrote at its end; it read another one"
    assert done.stderr.index(cause) < done.stderr.index("\nmissed: loop:build")
    assert "kept out" not in done.stderr
