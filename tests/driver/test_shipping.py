"""What travels to workers: complete, self-sufficient, and harmless when it fails."""

from __future__ import annotations

import ast
import json
import logging
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from ray import cloudpickle
from ray.job_config import JobConfig
from ray.runtime_env import RuntimeEnv

from chia_bypass.driver import shipping
from chia_bypass.hook import worker_bootstrap
from chia_bypass.session import Mode, Session

BARE = """
import pickle, sys
import ray, ray.actor, ray.remote_function, ray.experimental.internal_kv
for name in ("yaml", "typer", "rich", "click", "numpy", "chia"):  # Ray has some of them already
    sys.modules[name] = None
sys.path[:] = [entry for entry in sys.path if entry not in {hidden!r}]
"""


NOT_BY_ITSELF = {
    "chia_bypass.bypass.yaml_text",
    "chia_bypass.bypass.parser",
    "chia_bypass.hook.worker_bootstrap",
}
"""What reads a bypass YAML, by the PyYAML that Ray brings; and what puts the others there."""


def bare_python(tmp_path: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run ``code`` where neither we nor what only drivers need can be imported."""
    root = Path(shipping.__file__).resolve().parents[2]
    hidden = [str(root), str(root / "cli")]
    return subprocess.run(
        [sys.executable, "-c", BARE.replace("{hidden!r}", repr(hidden)) + code],
        cwd=tmp_path,
        env={"PATH": "", "RAY_USAGE_STATS_ENABLED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )


def pickled_setup(setup: worker_bootstrap.WorkerSetup) -> bytes:
    """A setup hook as Ray sends it."""
    cloudpickle.register_pickle_by_value(worker_bootstrap)  # type: ignore[no-untyped-call]
    pickled: bytes = cloudpickle.dumps(setup.hook())  # type: ignore[no-untyped-call]
    return pickled


def test_every_module_that_rides_imports_on_its_own(tmp_path: Path) -> None:
    (tmp_path / "setup").write_bytes(
        pickled_setup(worker_bootstrap.WorkerSetup(shipping.carried(), ("run", False), None))
    )
    names = [name for name, _ in shipping.worker_modules() if name not in NOT_BY_ITSELF]
    run = bare_python(
        tmp_path,
        f"""
import importlib
pickle.loads(open("setup", "rb").read())()
for name in {names!r}:
    module = importlib.import_module(name)
    assert type(module.__loader__).__name__ == "CarriedSources", module.__file__
assert "chia_bypass.hook.worker_bootstrap" not in sys.modules
print(len({names!r}))
""",
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) > 40
    assert "chia_bypass.record_engine.capture" in names
    assert "chia_bypass.driver.startup" not in names
    assert not any(name.startswith("chia_bypass.control") for name in names)
    assert not any(name.startswith("chia_bypass.look") for name in names)


def test_what_rides_is_small() -> None:
    pickled = pickled_setup(worker_bootstrap.WorkerSetup(shipping.carried(), ("run", False), None))
    assert len(pickled) < 230_000


def tree(source: str) -> ast.Module:
    """What Python makes of ``source``, with all docstrings empty."""
    parsed = ast.parse(source)
    for node in ast.walk(parsed):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value = ast.Constant("")
    return parsed


MODULES = dict(shipping.worker_modules())


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_sent_without_its_remarks_and_is_otherwise_the_same(name: str) -> None:
    source = MODULES[name].read_text("utf-8")
    sent = shipping.without_remarks(source)
    sent_tree, source_tree = tree(sent), tree(source)
    assert ast.dump(sent_tree) == ast.dump(source_tree)
    for theirs, ours in zip(ast.walk(sent_tree), ast.walk(source_tree), strict=True):
        assert getattr(theirs, "lineno", 0) == getattr(ours, "lineno", 0)
    assert not any(line.lstrip().startswith(("# ", '"""')) for line in sent.splitlines())


def test_what_looks_like_a_remark_inside_a_value_is_sent() -> None:
    source = 'TEXT = """a\n# b\n"""\n\n\ndef f():\n    """Of f:\n\n    # c\n    """\n    # d\n'
    sent = 'TEXT = """a\n# b\n"""\n\n\ndef f():\n    ""\n\n\n\n\n'
    assert shipping.without_remarks(source) == sent


def test_where_the_driver_has_us_workers_take_the_compiled_modules(tmp_path: Path) -> None:
    root = str(Path(shipping.__file__).resolve().parents[2])
    here = worker_bootstrap.Installed.at(root)
    elsewhere = worker_bootstrap.Installed(root, ("another boot", 1, 1, 1))
    loaders = []
    for installed in (here, elsewhere):
        setup = worker_bootstrap.WorkerSetup(shipping.carried(), ("run", False), None, installed)
        (tmp_path / "setup").write_bytes(pickled_setup(setup))
        run = bare_python(
            tmp_path,
            """
pickle.loads(open("setup", "rb").read())()
import chia_bypass.record_engine.capture as capture
print(type(capture.__loader__).__name__, capture.__file__)
""",
        )
        assert run.stderr == ""
        loader, _, file = run.stdout.strip().partition(" ")
        assert file == f"{root}/chia_bypass/record_engine/capture.py"
        loaders.append(loader)
    assert loaders == ["SourceFileLoader", "CarriedSources"]


def test_tracebacks_show_lines_that_are_in_no_file_of_the_worker(tmp_path: Path) -> None:
    sources = {
        "chia_bypass": "",
        "chia_bypass.hook": "",
        "chia_bypass.hook.worker_start": "def enter(x):\n    print(1 / x)\n",
    }
    (tmp_path / "setup").write_bytes(
        pickled_setup(worker_bootstrap.WorkerSetup(worker_bootstrap.pack(sources), (1,), None))
    )
    run = bare_python(
        tmp_path,
        """
pickle.loads(open("setup", "rb").read())()
import traceback
import chia_bypass.hook.worker_start as start
try:
    start.enter(0)
except ZeroDivisionError:
    traceback.print_exc()  # as Ray does; the interpreter by itself reads files only
""",
    )
    assert run.stdout == "1.0\n"
    assert "print(1 / x)" in run.stderr
    assert "worker_start.py (sent by the driver)" in run.stderr


@pytest.mark.parametrize(
    ("packed", "entry"),
    [(b"no zlib", ()), (zlib.compress(json.dumps({}).encode()), ()), (None, ("too", "many", 1))],
)
def test_a_setup_that_fails_says_so_and_the_loops_own_still_runs(
    packed: bytes | None, entry: tuple[object, ...], tmp_path: Path
) -> None:
    setup = worker_bootstrap.WorkerSetup(packed or shipping.carried(), entry, None)
    setup._own = _print_ours
    (tmp_path / "setup").write_bytes(pickled_setup(setup))
    run = bare_python(tmp_path, 'pickle.loads(open("setup", "rb").read())()')
    assert run.returncode == 0
    assert run.stdout == "the loop's own\n"
    assert "chia-bypass could not be loaded in this worker" in run.stderr


def _print_ours() -> None:
    print("the loop's own")


_print_ours.__module__ = "__main__"  # so that it travels by value, like a loop's


def test_the_loops_own_hook_may_be_a_name_and_may_raise(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    setup = worker_bootstrap.WorkerSetup(b"", (), "os.does_not_exist")
    with caplog.at_level(logging.CRITICAL), pytest.raises(AttributeError, match="does_not_exist"):
        setup.run_own()


@pytest.mark.parametrize("kind", [dict, lambda given: RuntimeEnv(**given)])
def test_the_loops_runtime_environment_is_kept_and_not_changed(kind: type) -> None:
    given = kind({"env_vars": {"A": "1"}, "worker_process_setup_hook": "os.getpid"})
    job_config = JobConfig(runtime_env=given)
    shipping.attach(Session(Mode.RECORD, "r", "c", "run"), job_config)
    assert given["worker_process_setup_hook"] == "os.getpid"
    assert job_config.runtime_env["env_vars"] == {"A": "1"}
    assert job_config.runtime_env["env_vars"] is not given["env_vars"]
    assert callable(job_config.runtime_env["worker_process_setup_hook"])
