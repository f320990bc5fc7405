"""The options of a recording and a replay: what is refused, and that all three ways take them all.

What a test asserts of "each option" is derived from the fields: a new one is tested as it is added.
"""

from __future__ import annotations

import inspect
import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.terminals import text_in_pipe

from chia_bypass import UsageError, blocks
from chia_bypass.bypass.config import Match
from chia_bypass.checked_fields import checked, names
from chia_bypass.control.named_calls import named_calls
from chia_bypass.driver import startup
from chia_bypass.options import (
    Cut,
    NamedCalls,
    RecordOptions,
    ReplayOptions,
    SandboxOptions,
    flag,
)
from chia_bypass.record_engine.filters import Filters
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import RedactionRule
from chia_bypass.recording.redaction import Redaction
from chia_bypass.replay_engine.faults import FaultPlan
from chia_bypass.replay_engine.policy import OnMiss, Policy
from chia_bypass.session import Mode, Session

pytest_plugins = ("pytester",)

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "recordings" / "generated_c" / "golden"
KINDS = (RecordOptions, ReplayOptions, SandboxOptions)
REGEXES = st.sampled_from(["a", "iter[0-9]+", r"\d{2}", "(?i)x|y"])
SHAPED = {
    "redact_in": ["Node.*=a+"],
    "keep_env": ["HOME"],
    "live_from": "RunNode.run#0",
    "redo": ["GccNode.compile#0"],
    "faults": ["revise=hang", "RunNode.run#0=crash@1"],
    "fault_file": str(ROOT / "tests" / "support" / "faults.yaml"),
    "inputs_limit": "5:1",
    "files": ["build=/scratch/obj:*.o"],
    "bypass": str(GOLDEN / "bypass.yaml"),
}
"""Values of options that take more than their type says."""


def bare(hint: Any) -> Any:
    """A hint without checks, and without None."""
    if get_origin(hint) is Annotated:
        return bare(get_args(hint)[0])
    inner = [one for one in get_args(hint) if one is not NoneType]
    return bare(inner[0]) if NoneType in get_args(hint) and len(inner) == 1 else hint


def another_value(kind: type, name: str) -> Any:
    """A value of an option that is not its default."""
    hint = bare(get_type_hints(kind, include_extras=True)[name])
    if name in SHAPED:
        return SHAPED[name]
    if get_origin(hint) is Literal:
        return get_args(hint)[1]
    if get_origin(hint) is Sequence:
        return ["one", "two"]
    return {bool: True, int: 7, float: 7.5, str: "there:1", str | float: 0.5}[hint]


def kind_default(kind: type, name: str) -> object:
    (found,) = (field.default for field in fields(kind) if field.name == name)
    assert found is not MISSING, "an option may be left out"
    return found


def all_changed(kind: type) -> dict[str, Any]:
    return {name: another_value(kind, name) for name in names(kind)}


def words(options: Mapping[str, Any]) -> list[str]:
    """As the command line takes them."""
    found = []
    for name, value in options.items():
        if value is True:
            found.append(flag(name))
        else:
            for one in value if isinstance(value, list) else [value]:
                found += [flag(name), str(one)]
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_every_option_has_its_own_default_and_is_documented(kind: type) -> None:
    assert kind() == checked(kind, {})
    source = inspect.getsource(kind).splitlines()
    for name in names(kind):
        assert another_value(kind, name) != kind_default(kind, name)
        (line,) = (n for n, text in enumerate(source) if text.startswith(f"    {name}: "))
        assert source[line + 1].startswith('    """'), f"{name} has no docstring"


def fitting(hint: Any) -> st.SearchStrategy[Any]:
    """Any values of a field's type that its checks accept."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        plain = {str: REGEXES, float: st.floats(0, 1e9)}
        return plain.get(inner[0], st.floats(0, 1e9) | st.just("recorded"))
    if origin is Literal:
        return st.sampled_from(inner)
    if origin is Sequence:
        return st.lists(fitting(inner[0]), max_size=3)
    if NoneType in inner:
        return st.none() | fitting(bare(hint))
    return {bool: st.booleans(), int: st.integers(-9, 9), str: st.text()}[hint]


def any_of(kind: type) -> st.SearchStrategy[Any]:
    hints = get_type_hints(kind, include_extras=True)
    given_ = {name: fitting(hint) for name, hint in hints.items()}
    given_["faults"] = st.lists(st.sampled_from(["f=hang", "Node.*#3=crash@1", "g:i+=slow:5%0.5"]))
    given_["redact_in"] = st.lists(st.builds("{}={}".format, st.just("Node.*"), REGEXES))
    given_["files"] = st.lists(st.just("build=/scratch/obj:*.o"))
    given_["inputs_limit"] = st.builds("{}:{}".format, st.integers(0, 9), st.integers(0, 9))
    kept = {name: strategy for name, strategy in given_.items() if name in hints}
    return st.fixed_dictionaries({}, optional=kept).map(lambda given: checked(kind, given))


CUTS = st.builds(Cut, st.text(), st.floats(allow_nan=False))
CALLS = st.builds(
    NamedCalls,
    live=st.lists(st.text()).map(tuple),
    live_from=st.none() | CUTS,
    redo=st.lists(CUTS).map(tuple),
)


@given(any_of(RecordOptions), any_of(ReplayOptions), CALLS, st.sampled_from(Mode), st.booleans())
def test_a_session_is_what_its_file_says(
    record: RecordOptions, replay: ReplayOptions, calls: NamedCalls, mode: Mode, resume: bool
) -> None:
    session = Session(
        mode,
        "/r",
        "/c",
        "0" * 32,
        record=record,
        replay=replay,
        calls=calls,
        resources={"CPU": 2.0},
        nodes=({"fpga": 1.0},),
        resume=resume,
    )
    assert checked(Session, json.loads(json.dumps(asdict(session)))) == session


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"runn": "1"}, "runn in {} is unknown. Known: began, calls, clusters, control"),
        ({"run": None}, "run in {} must be a word, not None"),
        ({"mode": "rec"}, "mode in {} must be record or replay, not rec"),
        ({"jobs": 1}, "jobs in {} must be True or False, not 1"),
        ({"nodes": {}}, "nodes in {} must be a list, not {{}}"),
        ({"nodes": [3]}, "nodes in {} must be a mapping, not 3"),
        ({"resources": {"CPU": True}}, "resources in {} must be a number, not True"),
        ({"replay": []}, "replay in {} must be a mapping, not []"),
        ({"replay": {"lives": []}}, "replay.lives in {} is unknown. Known: address, allow_impo"),
        ({"replay": {"patience": "1"}}, "replay.patience in {} must be a number, not 1"),
        ({"calls": {"live_from": {"path": "p"}}}, "calls.live_from.since in {} is missing"),
    ],
)
def test_a_wrong_field_of_a_session_file_is_named(
    change: dict[str, Any], told: str, tmp_path: Path
) -> None:
    session = Session(Mode.REPLAY, "/r", str(tmp_path), "0" * 32)
    file = session.save()
    assert Session.load(file) == session
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(UsageError) as raised:
        Session.load(file)
    assert str(raised.value).startswith(told.format(file))


def test_a_session_file_without_a_field_that_has_no_default_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^run is missing$"):
        checked(Session, {"mode": "record", "recording": "/r", "control": "/c"})


@pytest.mark.parametrize(
    ("kind", "option", "value", "told"),
    [
        (ReplayOptions, "args", "foo", "--args must be report or strict, not foo"),
        (ReplayOptions, "on_miss", "", "--on-miss must be fail, run or record, not ''"),
        (ReplayOptions, "match", "x y", "--match must be arguments or order, not x y"),
        (ReplayOptions, "patience", -1.0, "--patience must be a number of 0 or more, not -1.0"),
        (
            ReplayOptions,
            "patience",
            float("nan"),
            "--patience must be a number of 0 or more, not nan",
        ),
        (ReplayOptions, "patience", True, "--patience must be a number, not True"),
        *(
            (
                ReplayOptions,
                "latency",
                wrong,
                f"--latency must be recorded or a factor such as 0.1, not {wrong}",
            )
            for wrong in ("-2", -2, "fast", "inf", float("inf"), "nan")
        ),
        (ReplayOptions, "latency", None, "--latency must be a word or a number, not None"),
        (ReplayOptions, "live", "build", "--live must be a list, not build"),
        (ReplayOptions, "live", [1], "--live must be a word, not 1"),
        (ReplayOptions, "allow_pickle", "yes", "--allow-pickle must be True or False, not yes"),
        (
            ReplayOptions,
            "live_tags",
            ["a", "b("],
            "--live-tags must be a regular expression, not b(: "
            "missing ), unterminated subpattern at position 1",
        ),
        (RecordOptions, "tag", ["*"], "--tag must be a regular expression, not *: nothing to"),
        (RecordOptions, "redact", ["("], "--redact must be a regular expression, not (: missing"),
        *(
            (
                RecordOptions,
                "redact",
                [wrong],
                f"--redact must be a regular expression that only secrets match, not {shown}: it",
            )
            for wrong, shown in (("x*", "x*"), ("", "''"))
        ),
        (RecordOptions, "inputs", "all", "--inputs must be"),
        (RecordOptions, "inputs_limit", "10000", "--inputs-limit must be ENTRIES:MB, such as 1000"),
        (RecordOptions, "redact_in", ["x"], "--redact-in must be GLOB=REGEX, such as 'Node.*=key"),
        (RecordOptions, "redact_in", ["=x"], "--redact-in must be GLOB=REGEX"),
        (RecordOptions, "redact_in", ["f=("], "--redact-in must be a regular expression, not (: m"),
        (RecordOptions, "files", ["f=/x"], "--files must be FUNCTION=ROOT:GLOB, such as 'build="),
        (
            RecordOptions,
            "functions",
            [],
            "--functions is unknown. Known: bypass, files, files_l",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(kind: type, option: str, value: Any, told: str) -> None:
    with pytest.raises(UsageError) as raised:
        checked(kind, {option: value}, flag)
    assert str(raised.value).startswith(told)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A recording that nobody else has."""
    return Path(shutil.copytree(GOLDEN, tmp_path / "r"))


def told_to_drivers(*arguments: str | Path) -> Session:
    """The session file that a command finds which our command line starts."""
    done = our_command(*arguments)
    assert done.stdout, done.stderr
    return checked(Session, json.loads(done.stdout))


def our_command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Our command line, around a command that prints its session file."""
    return text_in_pipe(*arguments, "--", "sh", "-c", 'cat "$CHIA_BYPASS_SESSION"')


def test_the_command_line_takes_every_option(recording: Path, tmp_path: Path) -> None:
    said = all_changed(RecordOptions)
    session = told_to_drivers("record", "-o", tmp_path / "new", *words(said))
    assert (session.mode, session.record) == (Mode.RECORD, checked(RecordOptions, said))
    assert session.jobs
    said = all_changed(ReplayOptions)
    session = told_to_drivers("replay", recording, *words(said))
    assert (session.mode, session.replay) == (Mode.REPLAY, checked(ReplayOptions, said))
    assert session.calls == named_calls(Recording.open(recording), session.replay)
    assert session.calls.live_from is not None
    assert len(session.calls.redo) == 1


def test_the_command_line_has_the_defaults_of_the_options(recording: Path) -> None:
    assert told_to_drivers("record").record == RecordOptions()
    assert not told_to_drivers("record", "-o", os.path.relpath(recording.with_name("new"))).jobs
    for command in ("replay", "check"):
        session = told_to_drivers(command, recording)
        assert session.replay == ReplayOptions()
        assert session.own_ray
    resumed = told_to_drivers("resume", recording, "--allow-pickle")
    assert resumed.replay == ReplayOptions(on_miss="record", allow_pickle=True)
    assert (resumed.resume, resumed.own_ray) == (True, False)


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> list[Session]:
    """What this process was told as a driver."""
    seen: list[Session] = []
    original = startup.start

    def start(session: Session) -> Any:
        seen.append(session)
        return original(session)

    monkeypatch.setattr(startup, "start", start)
    return seen


def test_the_blocks_take_every_option(
    sessions: list[Session], recording: Path, tmp_path: Path
) -> None:
    said = all_changed(RecordOptions)
    with blocks.record(tmp_path / "new", script="here", **said):
        pass
    replayed = all_changed(ReplayOptions)
    with blocks.replay(recording, script="there", **replayed):
        pass
    first, second = sessions
    assert (first.record, first.script) == (checked(RecordOptions, said), "here")
    assert (second.replay, second.script) == (checked(ReplayOptions, replayed), "there")
    assert not first.jobs


@pytest.mark.parametrize("name", names(SandboxOptions))
def test_a_process_that_runs_cannot_be_put_into_a_sandbox(name: str, recording: Path) -> None:
    said: dict[str, Any] = {name: another_value(SandboxOptions, name)}
    with pytest.raises(UsageError, match=f"^{name}: a block runs in this process, which cannot be"):
        blocks.replay(recording, **said)


def test_there_is_no_sandbox_on_a_cluster_and_no_writes_without_one(recording: Path) -> None:
    for said, told in (
        (["--address", "x:1", "--sandbox"], "with --address there is no sandbox"),
        (["--no-sandbox", "--writes", "x"], "--writes keeps what a sandbox holds back"),
        (["--writes", str(recording)], f"--writes {recording}: it is not empty"),
    ):
        done = our_command("replay", recording, *said)
        assert done.returncode == 2
        assert told in done.stderr


@pytest.mark.parametrize("block", [blocks.record, blocks.replay])
def test_a_block_says_which_option_cannot_be_meant(block: Any, recording: Path) -> None:
    told = rf"^lives of chia_bypass\.{block.__name__}\(\) is unknown\. Known: \w+, "
    with pytest.raises(UsageError, match=told):
        block(recording, lives=["draw"])


CONFTEST = """
import json
from dataclasses import asdict
from pathlib import Path
from chia_bypass.driver import startup

original = startup.start

def start(session):
    with Path(__file__).with_name("sessions").open("a") as file:
        file.write(json.dumps(asdict(session)) + "\\n")
    return original(session)

startup.start = start
"""


def test_the_marker_takes_every_option(
    pytester: pytest.Pytester, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    said = {**all_changed(RecordOptions), **all_changed(ReplayOptions)}
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(
        "import pytest\n"
        f"@pytest.mark.chia_bypass(**{said!r})\n"
        "def test_recorded(): pass\n"
        f"@pytest.mark.chia_bypass(folder={str(recording)!r}, **{said!r})\n"
        "def test_replayed(): pass\n"
        "@pytest.mark.chia_bypass(order='fre')\n"
        "def test_wrong(): pass\n"
    )
    run = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-rA")
    run.assert_outcomes(passed=2, errors=1)
    run.stdout.fnmatch_lines(["*order of the marker chia_bypass must be recorded or free, not fre"])
    lines = (pytester.path / "sessions").read_text().splitlines()
    recorded, replayed = (checked(Session, json.loads(line)) for line in lines)
    assert recorded.record == checked(RecordOptions, said_of(RecordOptions, said))
    assert replayed.replay == checked(ReplayOptions, said_of(ReplayOptions, said))


def said_of(kind: type, said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: said[name] for name in names(kind)}


def test_what_follows_from_the_options() -> None:
    record = checked(
        RecordOptions,
        {
            **{"tagged_only": True, "function": ["f"], "tag": ["t"]},
            **{"redact": ["one"], "redact_in": ["Node.*=two=2"]},
        },
    )
    assert Filters.of(record) == Filters(tagged_only=True, functions=("f",), tags=("t",))
    redaction = Redaction.of(record)
    assert redaction.rules == (RedactionRule("one", "*"), RedactionRule("two=2", "Node.*"))
    assert Redaction.of(redaction.options) == redaction
    cut = Cut("loop.0/3", 5.0)
    policy = Policy.of(
        checked(ReplayOptions, {**all_changed(ReplayOptions), "live": ["f", "g#1", "loop.0/3"]}),
        NamedCalls(live=("loop.0/1", "loop.0/3"), live_from=cut, redo=(cut,)),
        resume=False,
        redaction=redaction,
    )
    assert policy == Policy(
        faults=FaultPlan(seed=7),
        strict=True,
        match=Match.ORDER,
        on_miss=OnMiss.RUN,
        only=("one", "two"),
        live=("f",),
        live_calls=frozenset({"loop.0/1", "loop.0/3"}),
        live_tags=("one", "two"),
        live_from=cut,
        redo=(cut,),
        rerun_exceptions=True,
        rerun_failures=True,
        stale=("one", "two"),
        infrastructure=True,
        free_order=True,
        patience=7.5,
        latency=0.5,
        checks_inputs=False,
        limits=(5, 1024**2),
        allow_local=("one", "two"),
        allow_import=("one", "two"),
        allow_pickle=True,
        redaction=redaction,
    )


def test_without_options_all_is_as_usual() -> None:
    assert Filters.of(RecordOptions()) == Filters()
    assert Redaction.of(RecordOptions()) == Redaction()
    assert Policy.of(ReplayOptions(), NamedCalls(), resume=False) == Policy()
    resumed = Policy.of(ReplayOptions(), NamedCalls(), resume=True)
    assert resumed == Policy(rerun_failures=True)


def test_choices_are_those_of_the_rooms_that_act_on_them() -> None:
    hints = get_type_hints(ReplayOptions)
    assert set(get_args(hints["on_miss"])) == {one.value for one in OnMiss}
    assert set(get_args(bare(hints["match"]))) == {one.value for one in Match}


def test_a_call_that_was_not_recorded_cannot_be_named() -> None:
    recording = Recording.open(GOLDEN)
    for said in ({"live": ["no#7"]}, {"live_from": "no#7"}, {"redo": ["no#7"]}):
        with pytest.raises(UsageError, match="there is no call 'no#7'"):
            named_calls(recording, checked(ReplayOptions, said))
