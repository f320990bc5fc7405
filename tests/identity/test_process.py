"""Reading a command line, telling Ray's own processes, and naming scripts."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
from support.hooked_processes import Hooked, hooked

from chia_bypass.identity.process import program, ray_role


def ray_file(inside: str) -> str:
    spec = importlib.util.find_spec("ray")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent / inside)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["loop.py", "-m", "x"], ("file", "loop.py", ["-m", "x"])),
        (["-u", "loop.py"], ("file", "loop.py", [])),
        (["-m", "pkg.loop", "-c"], ("module", "pkg.loop", ["-c"])),
        (["-mpkg.loop", "a"], ("module", "pkg.loop", ["a"])),
        (["-uBm", "pkg.loop"], ("module", "pkg.loop", [])),
        (["-c", "import x", "a"], ("code", "", ["a"])),
        (["-cimport x", "a"], ("code", "", ["a"])),
        (["-W", "ignore", "-X", "dev", "loop.py"], ("file", "loop.py", [])),
        (["-Wignore", "-Xdev", "loop.py"], ("file", "loop.py", [])),
        (["-uW", "ignore", "loop.py"], ("file", "loop.py", [])),
        (["--check-hash-based-pycs", "always", "loop.py"], ("file", "loop.py", [])),
        (["-", "a"], ("stdin", "", ["a"])),
        ([], ("stdin", "", [])),
        (["-i"], ("stdin", "", [])),
        (["-m"], ("module", "", [])),
    ],
)
def test_program(words: list[str], expected: tuple[str, str, list[str]]) -> None:
    assert program(["python", *words]) == expected


@pytest.mark.parametrize(
    ("words", "role"),
    [
        ([ray_file("_private/workers/default_worker.py"), "--x=1"], "worker"),
        ([ray_file("_private/workers/setup_worker.py")], "worker"),
        (["-u", ray_file("dashboard/agent.py")], "daemon"),
        (["-u", ray_file("dashboard/dashboard.py")], "daemon"),
        (["-u", ray_file("_private/log_monitor.py")], "daemon"),
        (["-u", ray_file("_private/runtime_env/agent/main.py")], "daemon"),
        (["-u", ray_file("autoscaler/_private/monitor.py")], "daemon"),
        (["-m", "ray.util.client.server", "--port=1"], "daemon"),
        (["/venv/bin/ray", "start", "--head"], "daemon"),
        (["-m", "ray.scripts.scripts", "start"], "daemon"),
        (["/venv/bin/ray", "job", "submit", "--", "python", "loop.py"], None),
        (["-m", "ray.scripts.scripts", "job", "submit"], None),
        (["/home/u/ray/dashboard/loop.py"], None),
        (["loop.py", ray_file("_private/workers/default_worker.py")], None),
        (["-m", "raylet.dashboard"], None),
        (["-m", "ray"], None),
        (["-c", "import ray.dashboard"], None),
        ([], None),
    ],
)
def test_ray_role(words: list[str], role: str | None) -> None:
    assert ray_role(["python", *words]) == role


SHOW = "from chia_bypass.identity.process import script_name; print(script_name())\n"


@pytest.fixture
def place(tmp_path: Path) -> Hooked:
    place = hooked(tmp_path)
    package = place.folder / "pkg"
    package.mkdir()
    for file in ("loop.py", "my.loop.py", "myloop", "pkg/loop.py", "pkg/__main__.py"):
        (place.folder / file).write_text(SHOW)
    (package / "__init__.py").write_text("")
    return place


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["loop.py"], "loop"),
        (["./pkg/../loop.py"], "loop"),
        (["my.loop.py"], "my.loop"),
        (["myloop"], "myloop"),
        (["-m", "loop"], "loop"),
        (["-m", "pkg.loop"], "loop"),
        (["-m", "pkg"], "pkg"),
        (["pkg"], "pkg"),
        (["-c", SHOW], "-c"),
        (["-i", "loop.py"], "loop"),
    ],
)
def test_script_name(place: Hooked, arguments: list[str], name: str) -> None:
    assert place.python(*arguments).splitlines()[0] == name


def test_script_name_of_piped_code(place: Hooked) -> None:
    assert place.python(stdin=SHOW) == "stdin\n"
    assert place.python("-", stdin=SHOW) == "stdin\n"


def test_script_name_at_a_prompt(place: Hooked) -> None:
    assert place.python("-i", stdin=SHOW.replace("; ", "\n")) == "interactive\n"


def test_script_name_while_the_package_of_a_module_is_imported(place: Hooked) -> None:
    (place.folder / "pkg" / "__init__.py").write_text(SHOW)
    assert place.python("-m", "pkg.loop") == "loop\nloop\n"


def test_script_name_in_a_spawned_process_is_its_parents(place: Hooked) -> None:
    (place.folder / "spawning.py").write_text(
        "import multiprocessing\n"
        "from chia_bypass.identity.process import script_name\n"
        "def show(): print(script_name())\n"
        "if __name__ == '__main__':\n"
        "    child = multiprocessing.get_context('spawn').Process(target=show)\n"
        "    child.start(); child.join()\n"
    )
    assert place.python("spawning.py") == "spawning\n"


def test_ray_daemons_do_not_pass_the_session_on(place: Hooked) -> None:
    ray = place.folder / "ray"
    ray.write_text("import os; print(os.environ.get('CHIA_BYPASS_SESSION'))\n")
    assert place.run([sys.executable, str(ray), "start"]) == "None\n"
    assert place.handshakes() == ()
    assert place.run([sys.executable, str(ray), "job"]) == f"{place.session.file}\n"
    assert len(place.handshakes()) == 1
