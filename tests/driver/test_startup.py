"""The hook in real Python processes: how it gets in, and what it leaves alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.hooked_processes import Hooked, hooked

from chia_bypass.control.environment import SITE, environment
from chia_bypass.session import VARIABLE, Mode

SHOW = "import sys; print('ran', *sys.argv[1:])"


@pytest.fixture
def record(tmp_path: Path) -> Hooked:
    return hooked(tmp_path)


@pytest.fixture(scope="session")
def other_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An interpreter of a virtual environment without this project."""
    folder = tmp_path_factory.mktemp("venv") / "v"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return str(folder / "bin" / "python")


def test_environment_keeps_what_the_user_had(tmp_path: Path) -> None:
    given = {"PYTHONPATH": "lib::/opt/lib", "HOME": "/home/u"}
    built = environment(tmp_path / "session.json", given)
    assert built == {
        "PYTHONPATH": os.pathsep.join([str(SITE), "lib", "", "/opt/lib"]),
        "HOME": "/home/u",
        VARIABLE: str(tmp_path / "session.json"),
    }
    assert environment(tmp_path / "session.json", built) == built


@pytest.mark.parametrize("given", [{}, {"PYTHONPATH": ""}])
def test_environment_adds_no_working_directory(given: dict[str, str]) -> None:
    assert environment("s", given)["PYTHONPATH"] == str(SITE)


def test_site_folder_holds_nothing_else() -> None:
    files = [path.name for path in SITE.iterdir() if path.name != "__pycache__"]
    assert files == ["sitecustomize.py"]


@pytest.mark.parametrize("how", ["file", "-m", "-c", "stdin", "-", "bash", "shebang", "-S"])
def test_gets_into_whatever_runs_python(record: Hooked, how: str) -> None:
    loop = record.folder / "loop.py"
    loop.write_text(f"#!{sys.executable}\n{SHOW}\n")
    loop.chmod(0o755)
    python = sys.executable
    command, stdin = {
        "file": ([python, "loop.py", "a"], ""),
        "-m": ([python, "-m", "loop", "a"], ""),
        "-c": ([python, "-c", SHOW, "a"], ""),
        "stdin": ([python], SHOW.replace("*sys.argv[1:]", "'a'")),
        "-": ([python, "-", "a"], SHOW),
        "bash": (["bash", "-c", f"cd . && {python} loop.py a"], ""),
        "shebang": (["./loop.py", "a"], ""),
        "-S": ([python, "-S", "loop.py", "a"], ""),
    }[how]
    assert record.run(command, stdin) == "ran a\n"
    found = record.handshakes()
    if how == "-S":
        assert found == ()
        return
    (handshake,) = found
    assert handshake.argv[-1] == ("a" if how != "stdin" else python)
    assert Path(handshake.executable).samefile(python)
    assert handshake.python == ".".join(map(str, sys.version_info[:3]))
    assert not handshake.ray
    assert (handshake.connections, handshake.troubles) == ((), ())


@pytest.mark.parametrize("option", ["-I", "-E"])
def test_interpreter_that_ignores_the_environment_leaves_no_handshake(
    record: Hooked, option: str
) -> None:
    assert record.python(option, "-c", SHOW) == "ran\n"
    assert record.handshakes() == ()


def test_each_process_leaves_one_handshake(record: Hooked) -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'pass'], check=True)"
    record.python("-c", code)
    parent, child = record.handshakes()
    assert parent.pid != child.pid
    assert parent.started < child.started


def test_forked_child_is_a_process_of_its_own(record: Hooked) -> None:
    code = """
import os
from chia_bypass.hook.announcing import announce
announce(os.environ["PLACE"], "ray")
if os.fork() == 0:
    announce(os.environ["PLACE"], "connected", address="there:1")
    os._exit(0)
os.wait()
"""
    record.python("-c", code, PLACE=record.session.control)
    parent, child = record.handshakes()
    assert (parent.ray, child.ray) == (True, False)
    assert [one.address for one in child.connections] == ["there:1"]
    assert parent.connections == ()
    assert child.argv == parent.argv


def test_start_imports_nothing_dear(record: Hooked) -> None:
    # -S keeps the environment's own .pth files out, which may import anything.
    code = f"""
import os, sys
sys.path.insert(0, {str(SITE)!r})
before = set(sys.modules)
import sitecustomize
print(*sorted(set(sys.modules) - before))
"""
    modules = (
        "driver.startup",
        "hook.announcing",
        "identity.process",
        "privacy",
        "patches.post_import",
        "ray_private",
    )
    rooms = {f"chia_bypass.{name.partition('.')[0]}" for name in modules}
    ours = {"chia_bypass", "sitecustomize", "__future__", *rooms} | {
        f"chia_bypass.{name}" for name in modules
    }
    allowed = ours | {"importlib", "importlib.machinery", "importlib._bootstrap", "warnings"}
    allowed |= {"importlib._bootstrap_external", "_warnings"}
    imported = set(record.python("-S", "-c", code).split())
    assert ours <= imported
    assert imported <= allowed


def test_without_the_variable_nothing_happens(record: Hooked) -> None:
    code = "import sys; print([name for name in sys.modules if 'chia' in name], sys.meta_path)"
    with_hook = record.environment()
    del with_hook[VARIABLE]
    run = [sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, {str(SITE)!r})\n{code}"]
    plain = subprocess.run(run, capture_output=True, text=True, env=with_hook, check=True)
    run[-1] = run[-1].replace(code, f"import sitecustomize\n{code}")
    hooked = subprocess.run(run, capture_output=True, text=True, env=with_hook, check=True)
    assert hooked.stdout == plain.stdout
    assert record.handshakes() == ()


def test_session_of_a_command_that_has_ended_is_no_session(record: Hooked) -> None:
    variables = record.environment()
    shutil.rmtree(record.session.control)
    done = subprocess.run(
        [sys.executable, "-c", SHOW], capture_output=True, text=True, env=variables, check=True
    )
    assert (done.stdout, done.stderr) == ("ran\n", "")
    assert not Path(record.session.control).exists()


def test_users_sitecustomize_and_path_are_as_without_us(record: Hooked) -> None:
    user = record.folder / "site"
    user.mkdir()
    (user / "sitecustomize.py").write_text("import os; os.environ['SEEN'] = __file__\n")
    code = (
        "import os, sys, sitecustomize;"
        "print(os.environ['SEEN'], sitecustomize.__file__, *sys.path, sep='\\n')"
    )
    variables = {**record.environment(), "PYTHONPATH": str(user)}
    run = [sys.executable, "-c", code]
    plain = subprocess.run(run, capture_output=True, text=True, env=variables, cwd=record.folder)
    assert str(user) in plain.stdout
    assert record.python("-c", code, PYTHONPATH=str(user)) == plain.stdout
    assert len(record.handshakes()) == 1


def test_what_the_users_sitecustomize_raises_is_reported_by_python(record: Hooked) -> None:
    (record.folder / "sitecustomize.py").write_text("import no_such_module\n")
    done = record.try_run([sys.executable, "-c", SHOW], PYTHONPATH=str(record.folder))
    assert done.stdout == "ran\n"
    assert "no_such_module" in done.stderr
    assert len(record.handshakes()) == 1


def test_interpreter_without_us_gets_our_package_and_nothing_beside_it(
    record: Hooked, other_python: str
) -> None:
    code = """
import importlib.util, chia_bypass.driver.startup
print(chia_bypass.__file__)
print(*[importlib.util.find_spec(name) for name in ("ray", "msgpack", "pytest", "chia_bypass_cli")])
"""
    package, others = record.run([other_python, "-c", code]).splitlines()
    assert Path(package).samefile(SITE.parents[1] / "__init__.py")
    assert others == "None None None None"
    (handshake,) = record.handshakes()
    assert handshake.executable == other_python


def test_importing_the_hook_again_is_harmless(record: Hooked) -> None:
    code = """
import sys, runpy
before = list(sys.meta_path)
runpy.run_path(sys.argv[1])
print(len(sys.meta_path) - len(before))
"""
    assert record.python("-c", code, str(SITE / "sitecustomize.py")) == "0\n"
    assert len(record.handshakes()) == 1


@pytest.fixture
def broken_site(tmp_path: Path) -> str:
    """A copy of the package whose start-up fails."""
    package = tmp_path / "broken" / "chia_bypass"
    shutil.copytree(SITE.parents[1], package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "driver" / "startup.py").write_text("raise RuntimeError('broken on purpose')\n")
    return str(package / "driver" / "site")


def run_broken(place: Hooked, site: str, code: str) -> subprocess.CompletedProcess[str]:
    variables = {**place.environment(), "PYTHONPATH": site}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=variables
    )


def test_hook_that_fails_lets_the_program_run_and_leaves_a_note(
    record: Hooked, broken_site: str
) -> None:
    done = run_broken(record, broken_site, "import ray; print('ran')")
    assert (done.stdout, done.returncode) == ("ran\n", 0)
    (handshake,) = record.handshakes()
    assert handshake.troubles == ("RuntimeError: broken on purpose",)


def test_hook_that_fails_keeps_ray_out_of_a_replay(tmp_path: Path, broken_site: str) -> None:
    replay = hooked(tmp_path, Mode.REPLAY)
    done = run_broken(replay, broken_site, "print('ran', flush=True); import ray")
    assert done.stdout == "ran\n"
    assert "cannot replay this process: RuntimeError: broken on purpose" in done.stderr
    assert done.returncode == 1


FAKE_DRIVERS = """
import sys, types
for mode in ("record", "replay"):
    module = types.ModuleType(f"chia_bypass.driver.{mode}_driver")
    module.start = lambda session, mode=mode: START
    package = __import__("chia_bypass.driver", fromlist=["x"])
    sys.modules[module.__name__] = module
    setattr(package, f"{mode}_driver", module)
import chia_bypass.function
"""


@pytest.mark.parametrize("mode", list(Mode))
def test_our_chia_function_starts_the_engine_of_the_mode_once(tmp_path: Path, mode: Mode) -> None:
    place = hooked(tmp_path, mode)
    code = FAKE_DRIVERS.replace("START", "print(mode, session.run)")
    again = "\nimport importlib; importlib.reload(chia_bypass.function)"
    assert place.python("-c", code + again) == f"{mode.value} {place.session.run}\n"


def test_engine_that_cannot_record_lets_the_loop_run(record: Hooked) -> None:
    code = FAKE_DRIVERS.replace("START", "1 / 0") + "print('ran')"
    done = record.try_run([sys.executable, "-c", code])
    assert done.stdout == "ran\n"
    assert "this process is not recorded: ZeroDivisionError" in done.stderr
    assert record.handshakes()[0].troubles == ("ZeroDivisionError: division by zero",)


def test_engine_that_cannot_replay_ends_the_loop(tmp_path: Path) -> None:
    place = hooked(tmp_path, Mode.REPLAY)
    code = FAKE_DRIVERS.replace("START", "1 / 0") + "print('ran')"
    done = place.try_run([sys.executable, "-c", code])
    assert done.stdout == ""
    assert "ZeroDivisionError" in done.stderr
    assert place.handshakes()[0].troubles == ("ZeroDivisionError: division by zero",)


def test_session_that_cannot_be_read_is_taken_for_a_replay(record: Hooked) -> None:
    variables = record.environment()
    record.session.file.write_text("{")
    done = subprocess.run(
        [sys.executable, "-c", FAKE_DRIVERS.replace("START", "None") + "print('ran')"],
        capture_output=True,
        text=True,
        env=variables,
    )
    assert done.stdout == ""
    assert "JSONDecodeError" in record.handshakes()[0].troubles[0]
