"""The pytest plugin: marker ``chia_bypass``, fixture ``chia_recording``, option ``--chia-record``.

Loaded by every pytest where this package is installed: only pytest is imported at the top, and
without a test that uses it nothing else is.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from chia_bypass.testing.recorded_test import ChiaRecording
    from chia_bypass.testing.tally import Tally

_MARKER = "chia_bypass"
_FIXTURE = "chia_recording"
_REPORTED = "chia_bypass"
"""Attribute of a test's last report: its tally, which so travels to the process that tells it."""

_running = pytest.StashKey["ChiaRecording"]()
_error = pytest.StashKey[BaseException]()
_tallies = pytest.StashKey["list[Tally]"]()
_expected = pytest.StashKey[dict[Path, set[Path]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--chia-record`` and the setting ``chia_record``."""
    told = (
        "When to record tests that have the marker chia_bypass. none: never, and a missing "
        "recording is an error; once: if there is no recording; all: every time. The default is "
        "the setting chia_record, or else none where the variable CI is set, or else once."
    )
    group = parser.getgroup("chia-bypass", "recorded calls of CHIA loops")
    group.addoption("--chia-record", choices=("none", "once", "all"), default=None, help=told)
    parser.addini("chia_record", "Default of --chia-record.", default=None)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker, and listen to the reports."""
    config.addinivalue_line(
        "markers",
        "chia_bypass(folder=None, **options): record the calls of the test once, and answer them "
        "from then on. The options are those of `chia-bypass record` and `chia-bypass replay`, "
        "with underscores: live=['glue'], allow_import=['designs'].",
    )
    tallies = config.stash[_tallies] = []
    config.pluginmanager.register(_Collector(tallies))
    config.stash[_expected] = {}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Note which recordings the tests have, before some of the tests are deselected."""
    if any("::" in argument for argument in config.args):
        return  # only some tests of a module were collected
    for item in items:
        if _is_marked(item) or _FIXTURE in getattr(item, "fixturenames", ()):
            from chia_bypass.testing.places import module_folder

            folders = config.stash[_expected].setdefault(module_folder(item.path), set())
            folders.add(_folder(item))


@pytest.fixture(autouse=True)
def _chia_bypass_marked(request: pytest.FixtureRequest) -> None:
    """The marker asks for the fixture."""
    if _is_marked(request.node):
        request.getfixturevalue(_FIXTURE)


@pytest.fixture
def chia_recording(request: pytest.FixtureRequest) -> Iterator[ChiaRecording]:
    """The recording of this test: its calls are recorded or replayed, as --chia-record says."""
    item = request.node
    recording = _recording_of(item)
    item.stash[_running] = recording
    error: BaseException | None = None
    try:
        with recording.running():
            yield recording
            error = item.stash.get(_error, None)
            if error is not None:
                raise error  # the block ends as the test did
    except BaseException as raised:  # whatever a test may raise: pytest has reported it
        if raised is not error:
            raise


def _recording_of(item: pytest.Item) -> ChiaRecording:
    from chia_bypass.errors import UsageError
    from chia_bypass.testing.modes import mode_of
    from chia_bypass.testing.recorded_test import ChiaRecording

    config = item.config
    try:
        mode = mode_of(config.getoption("--chia-record") or config.getini("chia_record"))
        return ChiaRecording.of_test(item.nodeid, _folder(item), mode, _options(item))
    except UsageError as error:
        pytest.fail(str(error), pytrace=False)


def _is_marked(item: pytest.Item) -> bool:
    return item.get_closest_marker(_MARKER) is not None


def _options(item: pytest.Item) -> dict[str, Any]:
    """What the markers say, the closest last."""
    found: dict[str, Any] = {}
    for marker in reversed(list(item.iter_markers(_MARKER))):
        found.update(marker.kwargs)
    return found


def _folder(item: pytest.Item) -> Path:
    from chia_bypass.testing.places import test_folder

    given = _options(item).get("folder")
    return test_folder(item.path, item.nodeid) if given is None else item.path.parent / given


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, Any, Any]:
    """Keep what was raised, for the block of the recording."""
    try:
        return (yield)
    except BaseException as error:
        item.stash[_error] = error
        raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """The same; and a test in which a call missed fails, if it swallowed the error."""
    try:
        result = yield
        if _running in item.stash:
            _fail_if_missed(item.stash[_running])
        return result
    except BaseException as error:
        item.stash[_error] = error
        raise


def _fail_if_missed(recording: ChiaRecording) -> None:
    from chia_bypass.errors import Swallowed

    if recording.misses:
        pytest.fail(str(Swallowed(recording.misses)), pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the tally to the last report of a test."""
    report = yield
    if call.when == "teardown" and _running in item.stash:
        tally = item.stash[_running].tally
        if tally is not None:
            setattr(report, _REPORTED, asdict(tally))
    return report


class _Collector:
    """Takes the tallies from the reports, which may come from other processes."""

    def __init__(self, tallies: list[Tally]) -> None:
        self._tallies = tallies

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        fields = getattr(report, _REPORTED, None)
        if fields is not None:
            from chia_bypass.testing.tally import Tally

            self._tallies.append(Tally(**fields))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A miss fails the run, even that of a test that is expected to fail."""
    missed = any(tally.missed for tally in session.config.stash[_tallies])
    if missed and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Tell what was recorded and replayed, and which recordings no test has."""
    tallies = config.stash[_tallies]
    if not tallies:
        return
    from chia_bypass.testing.tally import lines, orphans
    from chia_bypass.wording import shown_path, visible

    terminalreporter.section("chia-bypass")
    for line in lines(tallies):
        terminalreporter.line(visible(line))
    for folder in orphans(config.stash[_expected]):
        terminalreporter.line(visible(f"no test has this recording: {shown_path(folder)}"))
