"""What a command does in a sandbox stays there, and it notices nothing of that."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from support import random_trees
from support.other_user import NOBODY, able, as_nobody
from support.sandboxes import (
    call,
    can_be_switched_off,
    run_shell,
    sandbox_over,
    without_namespaces,
    work_here,
)

from chia_bypass.errors import CommandNotExecutable, CommandNotFound
from chia_bypass.sandbox import kernel
from chia_bypass.sandbox.child import in_child, spawn
from chia_bypass.sandbox.kernel import Refused
from chia_bypass.sandbox.plan import plan
from chia_bypass.sandbox.sandbox import Sandbox
from chia_bypass.sandbox.scratch import InMemory, OnDisk
from chia_bypass_cli import launch

pytestmark = pytest.mark.skipif(not work_here(), reason="this kernel refuses sandboxes")

AS = [
    pytest.param(lambda action: action(), id="as this user"),
    pytest.param(
        as_nobody, id="as nobody", marks=pytest.mark.skipif(not able(), reason="needs root")
    ),
]
As = Callable[[Callable[[], None]], None]
BUSY = """
echo more >> read
rm gone
rm -r folder
mkdir folder
echo new > folder/new
mkdir -p deep/er
mv moved deep/er/moved
ln -s read link
[ "$(cat read)" = "old
more" ]
[ "$(id -u)" = UID ]
"""


@pytest.fixture
def tree() -> Iterator[Path]:
    """A working directory that everybody may write to, with a folder for the control beside."""
    base = Path(tempfile.mkdtemp(prefix="sandbox-", dir="/tmp"))
    folder = base / "work"
    random_trees.make(
        folder, {"read": b"old\n", "gone": b"x", "folder": {"f": b"x"}, "moved": b"m", "same": b"s"}
    )
    (base / "control").mkdir()
    for path in (base, *base.rglob("*")):
        os.chown(path, NOBODY, NOBODY) if able() else None
        path.chmod(0o777)
    yield folder
    shutil.rmtree(base)


@pytest.mark.parametrize("as_user", AS)
def test_what_is_written_stays_inside_and_is_told(tree: Path, as_user: As) -> None:
    before = random_trees.read(tree)

    def check() -> None:
        with sandbox_over(tree, tree.with_name("control")) as sandbox:
            assert run_shell(sandbox, BUSY.replace("UID", str(os.geteuid()))) == 0
            found = {one.path[len(str(tree)) + 1 :]: one.source for one in sandbox.written()}
            told = {path: source and source.exists() for path, source in found.items()}
            told.pop("link")
        kept = dict.fromkeys(("read", "folder/new", "deep/er/moved"), True)
        assert told == {**kept, **dict.fromkeys(("gone", "folder/f", "moved"))}

    as_user(check)
    assert random_trees.read(tree) == before
    assert list(tree.with_name("control").iterdir()) == []


@pytest.mark.parametrize("as_user", AS)
def test_layers_in_memory_are_seen_from_outside(tree: Path, as_user: As) -> None:
    before = random_trees.read(tree)

    def check() -> None:
        sandbox = Sandbox(plan(tree, (), ()), InMemory(tree.with_name("control")))
        sandbox.try_out()
        assert run_shell(sandbox, "echo new > new; rm gone; echo more >> read; rm -r folder") == 0
        found = {one.path: one.source and one.source.read_bytes() for one in sandbox.written()}
        sandbox.close()
        said = {"new": b"new\n", "read": b"old\nmore\n", "gone": None, "folder": None}
        assert found == {str(tree / name): content for name, content in said.items()}

    as_user(check)
    assert random_trees.read(tree) == before


@given(random_trees.trees, random_trees.events)
@settings(max_examples=25)
def test_any_tree_ends_as_without_a_sandbox_and_is_told(
    tree: random_trees.Tree, events: list[tuple[random_trees.Event, int, bytes]]
) -> None:
    with tempfile.TemporaryDirectory() as base:
        names = ("work", "twin", "told")
        folder, twin, told = (random_trees.make(Path(base, name), tree) for name in names)
        control = Path(base, "control")
        control.mkdir()

        def happen(where: Path) -> None:
            for event, number, content in events:
                try:
                    event(where, number, content)
                except OSError as error:  # something is in the way
                    if error.errno == errno.EXDEV:  # only root can rename folders from before
                        (control / "refused").touch()

        with sandbox_over(folder, control, passed=[control]) as sandbox:
            call(sandbox, lambda: happen(folder))
            assume(not (control / "refused").exists())
            assert random_trees.read(folder) == tree
            for one in sandbox.written():
                _apply(told / Path(one.path).relative_to(folder), one.source)
        happen(twin)
        assert _leaves(told) == _leaves(twin)


def _apply(path: Path, source: Path | None) -> None:
    """Do to a tree what is told of a sandbox over it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif os.path.lexists(path):
        path.unlink()
    if source is not None:
        for folder in reversed(path.parents):
            if os.path.lexists(folder) and not folder.is_dir():
                folder.unlink()
            folder.mkdir(exist_ok=True)
        shutil.copy2(source, path, follow_symlinks=False)


def _leaves(folder: Path) -> dict[str, bytes | str]:
    """Everything but folders, which are told by what is in them."""
    found: dict[str, bytes | str] = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = str(path.readlink())
        elif path.is_file():
            found[name] = path.read_bytes()
    return found


def test_what_is_passed_through_is_the_real_thing(tree: Path) -> None:
    kept = tree / "folder"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tree / "socket"))
        listening.listen()

        def act() -> None:
            (kept / "f").write_text("real")
            (kept / "more").write_text("real")
            with socket.socket(socket.AF_UNIX) as connecting:
                connecting.connect(str(tree / "socket"))

        with sandbox_over(tree, tree.with_name("control"), passed=[kept]) as sandbox:
            call(sandbox, act)
            assert list(sandbox.written()) == []
        listening.accept()[0].close()
    assert random_trees.read(kept) == {"f": b"real", "more": b"real"}


def test_further_roots_are_inside_and_those_that_are_not_here_as_well(tree: Path) -> None:
    other = tree.with_name("other")
    other.mkdir()
    control = tree.with_name("control")
    roots = [tree / "folder", other / "not" / "here"]
    with sandbox_over(tree, control, roots) as sandbox:
        assert sandbox.plan.overlaid == (str(tree), str(other))
        assert run_shell(sandbox, f"mkdir -p {roots[1]}; echo x > {roots[1]}/f") == 0
        assert [one.path for one in sandbox.written()] == [f"{roots[1]}/f"]
    assert list(other.iterdir()) == []


def test_the_folder_for_temporary_files_can_be_the_working_directory(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tree))
    control = tree / "control"
    control.mkdir()
    with sandbox_over(tree, control, passed=[control]) as sandbox:
        assert run_shell(sandbox, "echo x > control/told; echo x > new") == 0
        assert [one.path for one in sandbox.written()] == [str(tree / "new")]
    assert (control / "told").exists()
    assert not (tree / "new").exists()


@pytest.mark.parametrize("as_user", AS)
def test_a_sandbox_works_in_a_sandbox(tree: Path, as_user: As) -> None:
    def inner() -> None:
        Path("outer").touch()
        (tree.with_name("control") / "inner").mkdir()
        with sandbox_over(tree, tree.with_name("control") / "inner") as sandbox:
            assert run_shell(sandbox, "[ -e outer ]; echo x > inner") == 0
            assert [Path(one.path).name for one in sandbox.written()] == ["inner"]
        assert not Path("inner").exists()

    def check() -> None:
        with sandbox_over(tree, tree.with_name("control")) as sandbox:
            call(sandbox, inner)
            assert [Path(one.path).name for one in sandbox.written()] == ["outer"]

    as_user(check)


@pytest.mark.skipif(not able(), reason="needs root")
def test_file_systems_below_the_working_directory_are_inside_too(tree: Path) -> None:
    def act() -> None:
        kernel.own_mounts()
        kernel.memory(str(tree / "folder"))
        (tree / "folder" / "there").write_text("1")
        with sandbox_over(tree, tree.with_name("control")) as sandbox:
            assert run_shell(sandbox, "[ -e folder/there ]; echo 2 > folder/there; rm gone") == 0
            told = sorted(Path(one.path).name for one in sandbox.written())
        assert told == ["gone", "there"], told
        assert (tree / "folder" / "there").read_text() == "1"

    in_child(act)


@pytest.mark.skipif(not able(), reason="needs root, to make files of another")
def test_what_belongs_to_another_group_can_be_written_if_it_could_be(tree: Path) -> None:
    os.chown(tree / "folder", 0, 0)
    os.chown(tree / "folder" / "f", NOBODY, 0)
    os.chown(tree / "read", 0, 0)
    (tree / "read").chmod(0o644)

    def check() -> None:
        with sandbox_over(tree, tree.with_name("control")) as sandbox:
            script = "echo 2 > folder/f; echo 3 > folder/new; ! echo 4 > read; cat read"
            assert run_shell(sandbox, script) == 0
            told = sorted(Path(one.path).name for one in sandbox.written())
            assert told == ["f", "new"]

    as_nobody(check)


def test_what_a_killed_command_left_is_removed_by_the_next(tmp_path: Path, tree: Path) -> None:
    scratch, other = OnDisk(tmp_path), OnDisk(tmp_path)
    sandbox = Sandbox(plan(tree, (), ()), scratch)
    child = spawn(sandbox.enter, lambda: os.execvp("sleep", ["sleep", "600"]))
    try:
        scratch.release()  # as the end of chia-bypass does
        OnDisk(tmp_path).remove()
        assert sorted(tmp_path.iterdir()) == sorted(one.folder for one in (scratch, other))
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    OnDisk(tmp_path).remove()
    assert list(tmp_path.iterdir()) == [other.folder]
    other.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_command_ends_as_it_does_elsewhere(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no program")

    def run(*command: str) -> int:
        with sandbox_over(tree, tree.with_name("control")) as sandbox:
            return launch.run(command, os.environ, enter=sandbox.enter)

    for script, status in (("exit 7", 7), ("kill -9 $$", 137), ("kill -TERM $$", 143)):
        assert run("sh", "-c", script) == status
    with pytest.raises(CommandNotFound):
        run("/no/such/program")
    with pytest.raises(CommandNotExecutable):
        run(str(tmp_path / "text"))


@pytest.mark.skipif(not can_be_switched_off(), reason="needs unshare")
def test_where_the_kernel_refuses_that_is_told_with_what_forbids_it(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from chia_bypass.control.doctor import _sandbox;"
        f"print(_sandbox(Path({str(tmp_path)!r})))"
    )
    done = subprocess.run(
        without_namespaces(sys.executable, "-c", code), capture_output=True, text=True, check=False
    )
    assert "user namespaces are off here (unshare: " in done.stdout, done.stderr
    assert "user.max_user_namespaces is 0" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["/", "/proc", "in what is passed through"])
def test_there_is_no_sandbox_over_some_folders(tree: Path, name: str) -> None:
    working = Path(name) if name.startswith("/") else tree / "folder"
    with pytest.raises(Refused, match=r"^the working directory "):
        plan(working, (), [tree])
