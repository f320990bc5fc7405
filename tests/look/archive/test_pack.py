from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.recording_builder import Made, make_recording
from support.sample_recording import BIG, write_small
from support.sample_records import encoded, make_call, make_result, make_run
from support.terminals import text_in_pipe

from chia_bypass.errors import RecordingCorrupt, RecordingExists, UsageError
from chia_bypass.look.archive.pack import Choice, leaving, pack
from chia_bypass.look.archive.unpack import unpack
from chia_bypass.look.archive.verify import verify
from chia_bypass.recording.folder import RunFolder
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import Outcome, Raised, RedactionRule
from chia_bypass.recording.writer import ResultWriter, SegmentWriter, segment_header


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return Recording.open(write_small(tmp_path / "r"))


def round_trip(recording: Recording, choice: Choice, tmp_path: Path) -> Recording:
    pack(recording, choice, tmp_path / "r.tar.gz")
    return Recording.open(unpack(tmp_path / "r.tar.gz", tmp_path / "there" / "r2"))


def test_all_values_come_back(recording: Recording, tmp_path: Path) -> None:
    other = round_trip(recording, Choice(everything=True), tmp_path)
    assert verify(other.folder).faults == ()
    assert dict(other.contents.calls) == dict(recording.contents.calls)
    assert other.contents.runs == recording.contents.runs
    for path, attempts in recording.contents.results.items():
        there = other.contents.results[path]
        for one, two in zip(attempts, there, strict=True):
            assert replace(one.result, value=0) == replace(two.result, value=0)
            if one.result.content:
                assert recording.document(one) == other.document(two)


def test_values_are_withheld_unless_named(recording: Recording, tmp_path: Path) -> None:
    other = round_trip(recording, Choice(keep=("loop.0/2", "g")), tmp_path)
    outcomes = {path: other.result(path).result.outcome for path in other.contents.results}  # type: ignore[union-attr]
    kept = {path for path, outcome in outcomes.items() if outcome is Outcome.VALUE}
    assert kept == {"loop.0/2", "loop.0/0@1/0"}
    withheld = other.result("loop.0/1")
    assert withheld is not None
    assert withheld.result.reason.startswith("not kept (withheld)")
    assert [a.digest for a in withheld.result.call.arguments] == [
        a.digest for a in recording.contents.calls["loop.0/1"].arguments
    ]
    assert {a.shown for a in withheld.result.call.arguments} == {""}
    assert verify(other.folder).faults == ()


def test_nothing_of_a_withheld_value_is_in_the_file(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path / "r", make_run(), "host") as run:
        header = segment_header("run", "worker", "host", 1, 0.0)
        segment = SegmentWriter.unique(tmp_path / "r", header)
        call = make_call(0, prompt="CONFIDENTIAL-ARGUMENT")
        result = replace(
            make_result(call, outcome=Outcome.EXCEPTION),
            shown="CONFIDENTIAL-SHOWN",
            traceback="CONFIDENTIAL-TRACE",
        )
        ResultWriter(tmp_path / "r", segment).write(result, encoded(ValueError("CONFIDENTIAL")))
        segment.close()
        run.close(0, 1.0)
    pack(Recording.open(tmp_path / "r"), Choice(), tmp_path / "r.tar.gz")
    assert b"CONFIDENTIAL" not in gzip.decompress((tmp_path / "r.tar.gz").read_bytes())


def test_patterns_of_redact_stay_here(tmp_path: Path) -> None:
    rules = (RedactionRule("hunter2-[a-z]+"), RedactionRule("sk-.*", "ask"))
    with RunFolder.create(tmp_path / "r", replace(make_run(), redact=rules), "host") as run:
        run.close(0, 1.0)
    recording = Recording.open(tmp_path / "r")
    assert recording.contents.runs[0].redact == rules
    assert leaving(recording, Choice()).rules == 2
    other = round_trip(recording, Choice(everything=True), tmp_path)
    assert other.contents.runs[0].redact == ()
    assert b"hunter2" not in gzip.decompress((tmp_path / "r.tar.gz").read_bytes())


def test_the_list_says_what_leaves(recording: Recording) -> None:
    none, some = leaving(recording, Choice()), leaving(recording, Choice(keep=("t1",)))
    assert (none.values, none.withheld) == ((), 6)
    assert none.functions == ("loop:f", "loop:g")
    assert none.hosts == ("host",)
    assert none.command == ("python", "loop.py")
    assert [(f, n) for f, n, _ in some.values] == [("loop:f", 1)]
    assert some.values[0][2] > len(BIG)
    with pytest.raises(UsageError, match="--keep nothing"):
        leaving(recording, Choice(keep=("nothing",)))


def test_secrets_in_values_that_leave_are_found(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path / "r", make_run(), "host") as run:
        header = segment_header("run", "worker", "host", 1, 0.0)
        segment = SegmentWriter.unique(tmp_path / "r", header)
        value = ["x", {"key": "sk-" + "a1B2" * 8}]
        ResultWriter(tmp_path / "r", segment).write(make_result(make_call(0)), encoded(value))
        segment.close()
        run.close(0, 1.0)
    recording = Recording.open(tmp_path / "r")
    assert leaving(recording, Choice()).secrets == ()
    ((path, secret),) = leaving(recording, Choice(everything=True)).secrets
    assert (path, secret.kind) == ("loop.0/0", "API key")


def test_secrets_in_the_texts_of_errors_that_leave_are_found(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path / "r", make_run(), "host") as run:
        header = segment_header("run", "worker", "host", 1, 0.0)
        segment = SegmentWriter.unique(tmp_path / "r", header)
        text = 'File "loop.py", line 1: key = "sk-' + "a1B2" * 8
        raised = Raised("loop.f", "ray::f", "10.0.0.1", 0, text)
        result = replace(make_result(make_call(0), outcome=Outcome.EXCEPTION), raised=raised)
        ResultWriter(tmp_path / "r", segment).write(result, encoded(ValueError()))
        segment.close()
        run.close(0, 1.0)
    recording = Recording.open(tmp_path / "r")
    assert leaving(recording, Choice()).secrets == ()
    ((path, secret),) = leaving(recording, Choice(everything=True)).secrets
    assert (path, secret.kind) == ("loop.0/0", "API key")


def test_a_secret_in_a_tag_that_leaves_is_found(tmp_path: Path) -> None:
    make_recording(tmp_path / "r", [Made("loop:f", 1, tag="sk-" + "a1B2" * 8)])
    ((path, secret),) = leaving(Recording.open(tmp_path / "r"), Choice(everything=True)).secrets
    assert (path, secret.kind) == ("loop.0/0, its tag", "API key")


def test_an_incomplete_recording_stays_incomplete(tmp_path: Path) -> None:
    recording = Recording.open(write_small(tmp_path / "r", closed=False))
    assert not round_trip(recording, Choice(everything=True), tmp_path).complete


def test_nothing_is_overwritten(recording: Recording, tmp_path: Path) -> None:
    pack(recording, Choice(), tmp_path / "a.tar.gz")
    with pytest.raises(RecordingExists):
        pack(recording, Choice(), tmp_path / "a.tar.gz")
    with pytest.raises(RecordingExists):
        unpack(tmp_path / "a.tar.gz", tmp_path / "r")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar.gz", "r"]


Add = Callable[[tarfile.TarFile], None]


def member(name: str, **facts: object) -> Add:
    def add(tar: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(name)
        data = b"x" * 10
        info.size = len(data) if facts.get("type", tarfile.REGTYPE) == tarfile.REGTYPE else 0
        for fact, value in facts.items():
            setattr(info, fact, value)
        tar.addfile(info, io.BytesIO(data))

    return add


HOSTILE = {
    "leads out": member("r/../../evil"),
    "absolute": member("/etc/evil"),
    "leads out as a folder": member("../manifest"),
    "no part of a recording": member("r/segments/x.py"),
    "a link": member("r/manifest", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
    "a hard link": member("r/manifest", type=tarfile.LNKTYPE, linkname="/etc/passwd"),
    "a device": member("r/manifest", type=tarfile.CHRTYPE),
    "a folder": member("r/segments", type=tarfile.DIRTYPE),
    "two folders": member("other/manifest"),
    "a file with holes": member(
        "r/segments/a.seg",
        pax_headers={
            "GNU.sparse.major": "0",
            "GNU.sparse.minor": "1",
            "GNU.sparse.name": "r/segments/a.seg",
            "GNU.sparse.map": "3000000000,10",
            "GNU.sparse.size": "3000000010",
        },
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_member_is_refused_and_leaves_nothing(kind: str, tmp_path: Path) -> None:
    archive = tmp_path / "in" / "a.tar.gz"
    archive.parent.mkdir()
    with tarfile.open(archive, "x:gz") as tar:
        member("r/nonce")(tar)
        HOSTILE[kind](tar)
    with pytest.raises(RecordingCorrupt):
        unpack(archive, tmp_path / "out" / "r")
    assert list((tmp_path / "out").iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "a.tar.gz"
    with tarfile.open(archive, "x:gz", compresslevel=9) as tar:
        info = tarfile.TarInfo("r/segments/a.seg")
        info.size = 50_000_000
        tar.addfile(info, io.BytesIO(bytes(info.size)))
    assert archive.stat().st_size < 100_000
    with pytest.raises(RecordingCorrupt, match="more than 1000000 bytes"):
        unpack(archive, tmp_path / "r", max_size=1_000_000)


def test_a_header_that_claims_to_be_huge_is_refused(tmp_path: Path) -> None:
    info = tarfile.TarInfo("r/manifest")
    info.type, info.size = tarfile.XHDTYPE, 8_000_000_000
    archive = tmp_path / "a.tar.gz"
    archive.write_bytes(gzip.compress(info.tobuf(tarfile.USTAR_FORMAT) + bytes(2048)))
    with pytest.raises(RecordingCorrupt, match="a header of"):
        unpack(archive, tmp_path / "r")


@pytest.mark.parametrize("cut", [0, 1, 20, 500, -1])
def test_a_cut_archive_is_refused(recording: Recording, tmp_path: Path, cut: int) -> None:
    archive = tmp_path / "a.tar.gz"
    pack(recording, Choice(), archive)
    archive.write_bytes(archive.read_bytes()[:cut])
    with pytest.raises(RecordingCorrupt):
        unpack(archive, tmp_path / "r2")
    assert not (tmp_path / "r2").exists()


def test_the_commands(recording: Recording, tmp_path: Path) -> None:
    refused = text_in_pipe("pack", "r", "-o", "a.tar.gz", cwd=tmp_path)
    assert refused.returncode == 2
    assert "Add --yes" in refused.stderr
    assert not (tmp_path / "a.tar.gz").exists()
    packed = text_in_pipe("pack", "r", "-o", "a.tar.gz", "--keep", "t1", "--yes", cwd=tmp_path)
    assert packed.returncode == 0, packed.stderr
    assert "values of loop:f: 1 results" in packed.stdout
    assert "hosts: host" in packed.stdout
    unpacked = text_in_pipe("unpack", "a.tar.gz", "-o", "b", cwd=tmp_path)
    assert unpacked.returncode == 0, unpacked.stderr
    assert Recording.open(tmp_path / "b").complete


def test_secrets_of_a_recording_are_listed(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path / "r", make_run(), "host") as run:
        header = segment_header("run", "worker", "host", 1, 0.0)
        segment = SegmentWriter.unique(tmp_path / "r", header)
        writer = ResultWriter(tmp_path / "r", segment)
        writer.write(make_result(make_call(0)), encoded({"header": "Bearer abcdefgh12345678"}))
        writer.write(make_result(make_call(1)), encoded("nothing"))
        segment.close()
        run.close(0, 1.0)
    listed = text_in_pipe("inspect", "r", "--scan-secrets", cwd=tmp_path)
    assert listed.returncode == 0, listed.stderr
    assert listed.stdout.splitlines() == [
        "bearer token abcdef… in the value of loop.0/0",
        "values that look like secrets: 1, in 2 calls",
    ]
