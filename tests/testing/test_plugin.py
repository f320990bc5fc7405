"""The pytest plugin in projects of its own, each run a pytest process on the shared Ray."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ("pytester",)

PATIENCE = 400
"""Seconds that a run may take before it counts as hanging."""
CONFTEST = """
import os
import pytest
from chia_bypass import ChiaFunction, Miss, get

@pytest.fixture(scope="session")
def cluster():
    import ray
    ray.init(address=os.environ["RAY_ADDRESS"], log_to_driver=False)

def real(name):
    with open("REAL_LOG", "a") as file:
        print(name, file=file)
"""

DRAWS = """
import os
import pytest
from chia_bypass import ChiaFunction, Miss, get
from conftest import real

pytestmark = [pytest.mark.usefixtures("cluster"), pytest.mark.chia_bypass]
NOW = int(os.environ.get("NOW", "0"))

@ChiaFunction(num_cpus=0)
def draw(x):
    real("draw")
    return os.urandom(8).hex()
"""


class Project:
    """A small project with tests, run by pytest in a process of its own."""

    def __init__(self, pytester: pytest.Pytester, real: Path) -> None:
        self.pytester, self.folder, self._real = pytester, pytester.path, real

    def write(self, **tests: str) -> None:
        """Test modules by name."""
        self.pytester.makepyfile(
            **{"conftest": CONFTEST.replace("REAL_LOG", str(self._real)), **tests}
        )

    def run(self, *arguments: str) -> pytest.RunResult:
        return self.pytester.runpytest_subprocess(
            "-p", "no:cacheprovider", "-rA", *arguments, timeout=PATIENCE
        )

    def real_runs(self) -> int:
        """How many calls ran for real since it was asked last."""
        lines = self._real.read_text().split() if self._real.exists() else []
        self._real.unlink(missing_ok=True)
        return len(lines)


@pytest.fixture
def project(
    pytester: pytest.Pytester,
    script_env: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Project:
    real = tmp_path / "real.log"
    for name in ("RAY_ADDRESS", "PYTHONPATH"):
        monkeypatch.setenv(name, script_env[name])
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("CI", raising=False)
    return Project(pytester, real)


def test_every_mode(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    draws = (
        DRAWS
        + """
@pytest.mark.parametrize("x", [1, "a/b"])
def test_draw(x, chia_recording):
    print("drawn", get(draw.chia_remote(x)), get(draw.chia_remote(x)))
    assert chia_recording.folder.parent.name == "test_draws"
"""
    )
    failing = """
def test_failed():
    drawn = get(draw.chia_remote(1))
    assert "FIXED" in os.environ, drawn
"""
    project.write(test_draws=draws + failing)

    first = project.run()
    first.assert_outcomes(passed=2, failed=1)
    assert project.real_runs() == 5
    first.stdout.fnmatch_lines(
        [
            "*recorded, calls: 2, in recordings/test_draws/test_draw-1",
            "5 recorded · 0 replayed · *",
        ]
    )

    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("FIXED", "yes")
    second = project.run()
    second.assert_outcomes(passed=3)
    assert project.real_runs() == 0
    second.stdout.fnmatch_lines(["5 replayed · 0 real · 0 missed · 0 unused · saved *"])
    assert drawn_in(first) == drawn_in(second)

    project.write(test_draws=draws)
    anew = project.run("--chia-record=all", "test_draws.py::test_draw")
    anew.assert_outcomes(passed=2)
    assert project.real_runs() == 4
    assert set(drawn_in(anew)).isdisjoint(drawn_in(first))
    anew.stdout.no_fnmatch_line("no test has*")  # not all tests were looked at

    last = project.run("--chia-record=none")
    last.assert_outcomes(passed=2)
    assert project.real_runs() == 0
    assert drawn_in(last) == drawn_in(anew)
    last.stdout.fnmatch_lines(["no test has this recording: recordings/test_draws/test_failed"])
    there = list((project.folder / "recordings" / "test_draws").iterdir())
    assert len(there) == 3, "nothing is left beside what was replaced"


def drawn_in(run: pytest.RunResult) -> list[str]:
    return [line for line in run.outlines if line.startswith("drawn")]


def test_without_a_recording_ci_runs_nothing(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    pytester.makepyfile("def test_a(chia_recording): print('ran')")
    refused = pytester.runpytest_subprocess("-s")
    refused.assert_outcomes(errors=1)
    refused.stdout.fnmatch_lines(["*has no recording*--chia-record=none*--chia-record=once*"])
    refused.stdout.no_fnmatch_line("ran")


def test_misses_fail_and_the_rest_is_told(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write(
        test_draws=DRAWS
        + """
@pytest.fixture
def late():
    yield
    try:
        get(draw.chia_remote(NOW))
    except Miss:
        pass

def test_missed(): get(draw.chia_remote(NOW))

def test_swallowed():
    try:
        get(draw.chia_remote(NOW))
    except Miss:
        pass

def test_late(late): pass

def test_drift(): get(draw.chia_remote(NOW, _chia_tag="t"))

@pytest.mark.chia_bypass(args="strict")
def test_strict(): get(draw.chia_remote(NOW, _chia_tag="t"))

def test_unused():
    for x in range(2 - NOW):
        get(draw.chia_remote(x))

@pytest.mark.chia_bypass(live=["draw"])
def test_live(): get(draw.chia_remote(0))

@pytest.mark.chia_bypass(lives=["draw"])
def test_wrong(): pass
"""
    )
    recorded = project.run()
    recorded.assert_outcomes(passed=7, errors=1)
    assert project.real_runs() == 8
    recorded.stdout.fnmatch_lines(["*the marker chia_bypass takes no lives*It takes *live*"])
    monkeypatch.setenv("NOW", "1")
    replayed = project.run()
    assert project.real_runs() == 1
    # The one that missed late had passed, and is an error besides.
    replayed.assert_outcomes(passed=4, failed=3, errors=2)
    told = [line.partition("test_draws.py::")[2] for line in replayed.outlines]
    for name in ("test_missed", "test_swallowed", "test_late", "test_strict"):
        assert any(line.startswith(f"{name}: missed: test_draws:draw") for line in told), name
    assert "test_drift: drift: test_draws:draw (tag t): x differs" in told
    assert "test_unused: unused: test_draws:draw at pytest.0/1" in told
    assert "test_live: real: test_draws:draw" in told
    replayed.stdout.fnmatch_lines(["2 replayed · 1 real · 4 missed · * unused · saved *"])


def test_a_ray_that_a_replay_started_ends_with_it_and_no_miss_passes(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.pytester.makepyfile(
        test_own="""
import os
import pytest
import ray
from chia_bypass import ChiaFunction, get

@ChiaFunction(resources={"fpga": 1})
def simulate(x):
    return x + 1

@pytest.mark.chia_bypass
def test_simulate():
    assert get(simulate.chia_remote(1)) == 2
    assert ray.cluster_resources()["fpga"] == 1

@pytest.mark.chia_bypass
@pytest.mark.xfail(reason="a miss fails the run all the same")
def test_expected():
    get(simulate.chia_remote(len(os.environ.get("RAY_ADDRESS", ""))))
    raise NotImplementedError

@pytest.mark.skipif("RAY_ADDRESS" in os.environ, reason="that Ray stays")
def test_afterwards():
    assert not ray.is_initialized()
"""
    )
    recorded = project.run()
    recorded.assert_outcomes(passed=1, xfailed=1, skipped=1)
    assert recorded.ret == 0
    monkeypatch.delenv("RAY_ADDRESS")
    replayed = project.run()
    replayed.assert_outcomes(passed=2, xfailed=1)
    assert replayed.ret == 1
    replayed.stdout.fnmatch_lines(["1 replayed · 0 real · 1 missed · 1 unused · *"])


def test_without_a_test_that_uses_it_nothing_is_imported_or_said(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile("""
import sys

def test_plain():
    ours = {name for name in sys.modules if name.startswith("chia_bypass")}
    assert ours == {"chia_bypass", "chia_bypass.testing", "chia_bypass.testing.plugin"}
    assert {"ray", "yaml", "msgpack", "rich", "typer"}.isdisjoint(sys.modules)
""")
    done = pytester.runpytest_subprocess("-p", "no:hypothesispytest")
    done.assert_outcomes(passed=1)
    done.stdout.no_fnmatch_line("*replayed*")


def test_the_setting_is_checked(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nchia_record = never")
    pytester.makepyfile("def test_a(chia_recording): pass")
    done = pytester.runpytest_subprocess()
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*chia_record must be none, once or all, not never*"])
