"""One Ray for the whole test session, shared by everything that can share it."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
from support.leftovers import NO_RAY, TestRun, run_folder
from support.loop_runner import Loops

from chia_bypass.bypass.runtime import activate

if TYPE_CHECKING:
    from support.fixture_types import MakeBypass

# Set before anything imports Ray: no usage reports, no look at a Ray that somebody else started,
# and no warning that a two-core machine is small.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_SCHEDULER_EVENTS", "0")  # tips of the autoscaler among the output
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
os.environ.setdefault("RAY_LOG_TO_DRIVER", "0")  # what workers print, among it too
# Workers that no job of a recording can use, a second of work each.
os.environ.setdefault("RAY_prestart_worker_first_driver", "0")
# Ray would start two workers for the first call of each job: one for the call, and one because
# a call waits. Where workers start one after another, the first of them takes the call.
os.environ.setdefault("RAY_worker_maximum_startup_concurrency", "1")
os.environ.pop("RAY_ADDRESS", None)
# Statistics that no test looks at, of which a Ray's agent gathers a twentieth of a core's work.
os.environ.setdefault("REPORTER_UPDATE_INTERVAL_MS", "60000")
# Each of the thousand processes of a run would compile us anew, half a second of work each.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# What a shell starts in its background ignores SIGINT, and hands that on to all that it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

THOROUGH = bool(os.environ.get("CHIA_BYPASS_THOROUGH"))
# A machine that does something else as well makes no example wrong.
hypothesis.settings.register_profile("tests", deadline=None, max_examples=500 if THOROUGH else 60)
hypothesis.settings.load_profile("tests")

RAY_FIXTURES = {"ray_session", "short", "short_for_all", "machines"}
"""Whoever asks for one of these, directly or not, needs a Ray: such tests are the slow tier."""
RESOURCES = {"crb_res": 4.0, "db1": 2.0, "fpga": 1.0, "sim": 4.0}
"""Custom resources of the shared Ray, besides two CPUs."""


RUN = pytest.StashKey[TestRun]()
LEFT = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Give the run a folder of its own; workers of xdist share that of their controller."""
    if not hasattr(config, "workerinput"):
        config.stash[RUN] = TestRun.begin()


@pytest.hookimpl(trylast=True)  # when xdist has ended its workers
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A run that leaves something behind has failed."""
    run = session.config.stash.get(RUN, None)
    left = session.config.stash[LEFT] = run.end() if run else []
    if left and not session.exitstatus:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Name what was left."""
    for line in config.stash.get(LEFT, []):
        terminalreporter.write_line(f"LEFT BEHIND {line}", red=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need a Ray, by their fixtures, so that nobody has to."""
    for item in items:
        if RAY_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("ray")


def pytest_collection_finish() -> None:
    """What is there by now stays: looking through it for garbage costs a tenth of a second."""
    gc.collect()
    gc.freeze()


@contextmanager
def short_folder() -> Iterator[Path]:
    """A folder for the files of a Ray, the paths of whose sockets must stay short."""
    folder = Path(tempfile.mkdtemp(prefix="r", dir=run_folder()))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder for the files of a Ray that one test starts."""
    with short_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def short_for_all() -> Iterator[Path]:
    """A folder for the files of a Ray that the tests of a module share."""
    with short_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def ray_session() -> Iterator[str]:
    """The address of a Ray with 2 CPUs and RESOURCES, to which this process is connected."""
    with short_folder() as folder:
        yield from _shared_ray(folder)


def _shared_ray(folder: Path) -> Iterator[str]:
    import ray

    context = ray.init(
        address="local",
        num_cpus=2,
        resources=RESOURCES,
        include_dashboard=False,
        object_store_memory=512 * 1024**2,
        _temp_dir=str(folder),
        namespace="tests",
        log_to_driver=False,
        # A worker takes a second to start: let the next test have those of the last.
        _system_config={"idle_worker_killing_time_threshold_ms": 5_000},
    )
    try:
        yield str(context.address_info["address"])
    finally:
        ray.shutdown()


@pytest.fixture(autouse=True)
def _no_ray_without_its_mark(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fast tier stays fast: in a test without the mark, no Ray can be started."""
    if "ray" not in request.keywords:
        monkeypatch.setenv("RAY_TMPDIR", NO_RAY)


@pytest.fixture(autouse=True)
def _no_bypass() -> Iterator[None]:
    """No test sees the Bypass of another."""
    activate(None)
    yield
    activate(None)


@pytest.fixture
def bypass(tmp_path: Path) -> MakeBypass:
    """Makes the active Bypass, from a file ``b.yaml``."""

    from chia_bypass import Bypass

    def make(section: str) -> Bypass:
        (tmp_path / "b.yaml").write_text(f"bypass: {section}")
        return Bypass(tmp_path / "b.yaml")

    return make


@pytest.fixture
def script_env(ray_session: str) -> dict[str, str]:
    """Environment for a child process that joins the shared Ray."""
    return _script_env(ray_session)


def _script_env(address: str) -> dict[str, str]:
    root = Path(__file__).resolve().parents[1]
    path = os.pathsep.join([str(root), str(root / "cli"), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "RAY_ADDRESS": address, "PYTHONPATH": path.rstrip(os.pathsep)}


@pytest.fixture
def loops(tmp_path: Path, ray_session: str, script_env: dict[str, str]) -> Loops:
    """A folder for loops that run under the command line, on the shared Ray."""
    return Loops(tmp_path, {**script_env, "COLUMNS": "200"}, ray_session)


@pytest.fixture(scope="module")
def loops_for_all(tmp_path_factory: pytest.TempPathFactory, ray_session: str) -> Loops:
    """As ``loops``, for a recording that the tests of a module share."""
    folder = tmp_path_factory.mktemp("loops") / "folder"  # what is real is noted beside it
    folder.mkdir()
    return Loops(folder, {**_script_env(ray_session), "COLUMNS": "200"}, ray_session)
