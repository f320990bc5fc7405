"""An artifact is made of what the loop read, and laid out only as far as it can be trusted."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from support.sample_recording import write_small

from chia_bypass.control.unpacked_artifact import UnpackedArtifact
from chia_bypass.errors import UsageError
from chia_bypass.look.archive.artifact import Artifact
from chia_bypass.look.archive.pack import Choice, pack
from chia_bypass.loop_files import imports
from chia_bypass.loop_files.writing import write_loop_files
from chia_bypass.recording.reader import Recording
from chia_bypass.recording.records import LoopFile, Surroundings

FILES = {"loop.py": "import ray", "data/in.json": "[1]", "empty": ""}


def recorded(base: Path, *more: LoopFile, imported: Mapping[str, str] = {}) -> Recording:
    """A recording of a loop in ``base``, of which no content was kept."""
    files = [*more]
    for name, text in FILES.items():
        path = base / "work" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        digest = hashlib.sha256(text.encode()).digest()
        files.append(LoopFile(name, len(text), digest, 0o640, source=name.endswith(".py")))
    write_small(base / "work" / "r", closed=False)
    surroundings = Surroundings(str(base / "work"), dict(imported))
    write_loop_files(base / "work" / "r", "run", files, None, surroundings)
    return Recording.open(base / "work" / "r", tolerant=True)


def packed(recording: Recording, file: Path) -> Path:
    pack(recording, Choice(everything=True), file, Artifact.of(recording))
    return file


def test_what_the_loop_read_is_there_again(tmp_path: Path) -> None:
    file = packed(recorded(tmp_path), tmp_path / "a.tar.gz")
    found = UnpackedArtifact.of(file, tmp_path)
    assert found.recorded == tmp_path / "work"
    there = {str(p.relative_to(found.working)): p for p in found.working.rglob("*") if p.is_file()}
    assert {name: path.read_text() for name, path in there.items()} == FILES
    assert there["data/in.json"].stat().st_mode & 0o777 == 0o640


def test_what_has_changed_since_is_told_before_it_leaves(tmp_path: Path) -> None:
    recording = recorded(tmp_path, LoopFile("/else/where", 1, b"d" * 32), LoopFile("gone", 1))
    (tmp_path / "work" / "data" / "in.json").write_text("[2]")
    artifact = Artifact.of(recording)
    assert artifact.changed == ("data/in.json",)
    assert artifact.left_out == (
        "/else/where: outside of the working directory",
        "gone: No such file or directory",
    )
    pack(recording, Choice(everything=True), tmp_path / "a.tar.gz", artifact)
    found = UnpackedArtifact.of(tmp_path / "a.tar.gz", tmp_path)
    assert (found.working / "data" / "in.json").read_text() == "[2]"


def test_packages_that_are_missing_are_named_with_their_versions(tmp_path: Path) -> None:
    imported = {"no_such_package": "1.2", "nor_this": "", "pytest": "7"}
    file = packed(recorded(tmp_path, imported=imported), tmp_path / "a.tar.gz")
    with pytest.raises(UsageError, match=r"^not installed here: no_such_package==1\.2, nor_this\."):
        UnpackedArtifact.of(file, tmp_path)


def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    forged = LoopFile("../evil", 1, hashlib.sha256(b"x").digest(), 0o644, kept=True)
    recording = recorded(tmp_path, forged)
    (tmp_path / "evil").write_text("x")
    assert Artifact.of(recording).left_out == ("../evil: outside of the working directory",)
    (tmp_path / "evil").unlink()
    artifact = Artifact(((forged, b"x"),), (), ())
    pack(recording, Choice(everything=True), tmp_path / "a.tar.gz", artifact)
    with pytest.raises(UsageError, match=r"the artifact has a file '\.\./evil'"):
        UnpackedArtifact.of(tmp_path / "a.tar.gz", tmp_path)
    assert not (tmp_path / "evil").exists()


def test_a_pack_without_the_loop_says_so_and_not_where_it_ran(tmp_path: Path) -> None:
    recording = recorded(tmp_path)
    pack(recording, Choice(everything=True), tmp_path / "p.tar.gz")
    with pytest.raises(UsageError, match="has no loop in it, only its recording"):
        UnpackedArtifact.of(tmp_path / "p.tar.gz", tmp_path)
    (found,) = Recording.open(tmp_path / "recording", tolerant=True).contents.surroundings
    assert found == Surroundings("")


def test_a_recording_that_does_not_know_the_loop_cannot_become_one(tmp_path: Path) -> None:
    write_small(tmp_path / "r")
    with pytest.raises(UsageError, match="does not know its loop's files"):
        Artifact.of(Recording.open(tmp_path / "r"))


def test_a_python_that_is_not_here_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    artifact = UnpackedArtifact(tmp_path, tmp_path, tmp_path)
    here = (sys.executable, "loop.py")
    assert artifact.command_of(("/no/such/bin/python3.11", "loop.py")) == here
    for command in (("python", "loop.py"), here, ("/no/such/tool", "loop.py")):
        assert artifact.command_of(command) == command


def test_versions_are_those_of_what_the_sources_import(tmp_path: Path) -> None:
    source = tmp_path / "loop.py"
    source.write_text(
        "import os, pytest\nfrom hypothesis import given\nimport nothing_such\nimport yaml"
    )
    import hypothesis
    import yaml

    assert imports.versions([str(source)]) == {
        "hypothesis": hypothesis.__version__,
        "pytest": pytest.__version__,
        "yaml": yaml.__version__,
    }
