"""The YAML: what each key may hold, and what each fault is called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chia_bypass.bypass.config import Entry, Files, Match, Repeats
from chia_bypass.bypass.parser import load_config
from chia_bypass.errors import ChiaBypassError, ConfigError


def entries(folder: Path, text: str) -> Any:
    (folder / "bypass.yaml").write_text(text)
    return load_config(folder / "bypass.yaml").entries


def test_the_documented_entry(tmp_path: Path) -> None:
    got = entries(
        tmp_path,
        """
        bypass:
          Node.run_sim:
            bypass: true
            tags: ["iter0_.*", b]
            data: results/run_sim
            match: order
            ignore_args: [out_dir, self._id]
            repeats: last
            state: tree
            failed: {success: false, code: [1, 2]}
            was: old.module:name
            files: {root: out, globs: ["*.log"], limit: 1000}
          summarize: true
          build: false
          "pkg.mod:Node.build":
            tags: one
            files: "*.vcd"
        """,
    )
    assert got["Node.run_sim"] == Entry(
        bypass=True,
        tags=("iter0_.*", "b"),
        data="results/run_sim",
        match=Match.ORDER,
        ignore_args=("out_dir", "self._id"),
        repeats=Repeats.LAST,
        state="tree",
        failed={"success": (False,), "code": (1, 2)},
        was=("old.module:name",),
        files=Files(("*.log",), "out", 1000),
    )
    assert got["summarize"] == Entry(bypass=True)
    assert got["build"] == Entry(bypass=False)
    assert got["pkg.mod:Node.build"] == Entry(tags=("one",), files=Files(("*.vcd",)))


@pytest.mark.parametrize("text", ["", "# nothing", "bypass:", "bypass: {}", "cache: {f: true}"])
def test_nothing_is_bypassed(tmp_path: Path, text: str) -> None:
    assert entries(tmp_path, text) == {}


def test_other_sections_are_left_alone(tmp_path: Path) -> None:
    text = "cache: {f: true, f: false, g: !tag [1]}\nbypass: {f: true}\nmore: [1, 2]\n"
    assert entries(tmp_path, text) == {"f": Entry(bypass=True)}


def test_anchors_and_merge_keys_work(tmp_path: Path) -> None:
    text = "x: &on {bypass: true, tags: a}\nbypass:\n  f: {<<: *on, data: d}\n  g: *on\n"
    got = entries(tmp_path, text)
    assert got["f"] == Entry(bypass=True, tags=("a",), data="d")
    assert got["g"] == Entry(bypass=True, tags=("a",))


def test_a_key_without_a_value_is_not_given(tmp_path: Path) -> None:
    assert entries(tmp_path, "bypass: {f: {bypass: true, data: , tags: }}")["f"] == Entry(True)


FAULTS = {
    "unknown key": ("f: {bypas: true}", ["bypass.f", "'bypas'", "Did you mean 'bypass'?", "tags"]),
    "unknown key, nothing near": ("f: {zzzzz: 1}", ["bypass.f", "'zzzzz'", "Known: bypass, data"]),
    "flag of text": ("f: {bypass: 'true'}", ["bypass.f.bypass", "'true' (str)", "true or false"]),
    "flag of nothing": ("f: {bypass: }", ["bypass.f.bypass", "None (NoneType)"]),
    "entry of nothing": ("f:", ["bypass.f", "None", "true, false or a mapping"]),
    "entry of text": ("f: yess", ["bypass.f", "'yess' (str)"]),
    "name that YAML misreads": ("on: true", ["bypass", "True (bool)", "quotes"]),
    "data of a number": ("f: {data: 3}", ["bypass.f.data", "3 (int)", "text"]),
    "data of an actor without a name": ("f: {data: 'actor://'}", ["bypass.f.data", "actor://NAME"]),
    "data of an actor too deep": ("f: {data: 'actor://a/b/c'}", ["bypass.f.data", "NAMESPACE"]),
    "tags of numbers": ("f: {tags: [1]}", ["bypass.f.tags", "[1] (list)", "list of texts"]),
    "tags of a mapping": ("f: {tags: {a: b}}", ["bypass.f.tags", "(dict)"]),
    "regex": ("f: {tags: ['ok', 'a(b']}", ["bypass.f.tags", "'a(b'", "position 1"]),
    "regex too large": ("f: {tags: 'a{99999999999999999999}'}", ["bypass.f.tags", "too large"]),
    "match": ("f: {match: orderly}", ["bypass.f.match", "'orderly'", "order, arguments"]),
    "repeats": ("f: {repeats: 3}", ["bypass.f.repeats", "3 (int)", "last, fail"]),
    "ignore_args": ("f: {ignore_args: 3}", ["bypass.f.ignore_args", "list of texts"]),
    "state": ("f: {state: [a]}", ["bypass.f.state", "text"]),
    "failed": ("f: {failed: [success]}", ["bypass.f.failed", "mapping of field names"]),
    "was": ("f: {was: name}", ["bypass.f.was", "'name'", "module:qualname"]),
    "files without globs": ("f: {files: {root: a}}", ["bypass.f.files", "globs"]),
    "files with another key": ("f: {files: {glob: a}}", ["bypass.f.files", "Did you mean 'globs'"]),
    "files with a bad limit": (
        "f: {files: {globs: a, limit: true}}",
        ["bypass.f.files.limit", "True (bool)", "number of bytes"],
    ),
    "function given twice": (
        "f: true\n  g: true\n  f: false",
        ["line 4, column 3", "'f'", "twice"],
    ),
    "key given twice": ("f: {bypass: true, bypass: false}", ["line 2, column 21", "'bypass'"]),
    "YAML that does not parse": ("f: {bypass: true", ["line 3, column 1", "not valid YAML"]),
    "tabs": ("f:\n\t  bypass: true", ["line 3, column 1", "not valid YAML"]),
    "a date that is none": ("f: {data: 2024-13-45}", ["line 2", "bad value", "month"]),
    "a number that is none": ("f: {data: !!int x}", ["line 2", "bad value"]),
    "a Python object": ("f: !!python/object/apply:os.system [ls]", ["line 2, column 6", "python"]),
    "a key that is a list": ("? [a]\n  : true", ["unhashable", "line 2"]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_names_file_place_and_remedy(tmp_path: Path, fault: str) -> None:
    body, parts = FAULTS[fault]
    with pytest.raises(ConfigError) as caught:
        entries(tmp_path, f"bypass:\n  {body}\n")
    assert [part for part in parts if part not in str(caught.value)] == []
    assert caught.value.file == str(tmp_path / "bypass.yaml")


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"- a", "must be a mapping"),
        (b"bypass: [f]", "mapping of function names"),
        (b"bypass: true\nbypass: {}", "twice"),
        (b"bypass:\n  f\xff: true", "not YAML text"),
        (b"a: b\x00", "not YAML text"),
        (b"[" * 5000, "nested too deeply"),
        (b"a: 1\n---\nb: 2\n", "single document"),
    ],
)
def test_a_file_that_is_no_bypass_yaml(tmp_path: Path, content: bytes, part: str) -> None:
    (tmp_path / "b.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match=part):
        load_config(tmp_path / "b.yaml")


def test_an_absent_file_and_a_folder_are_config_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_config(tmp_path / "absent.yaml")
    with pytest.raises(ConfigError, match="directory"):
        load_config(tmp_path)


def test_a_document_that_contains_itself_is_refused_and_does_not_hang(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        entries(tmp_path, "bypass: &a\n  f: *a\n")


VALID = b"bypass:\n  run_sim: {bypass: true, tags: ['a.*'], data: x}\n  g: true\ncache: {h: 1}\n"


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_yaml_gives_only_our_errors(tmp_path: Path, data: st.DataObject) -> None:
    damaged = bytearray(VALID)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(VALID) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "b.yaml").write_bytes(damaged[: data.draw(st.integers(0, len(VALID)))])
    message = _failure(tmp_path / "b.yaml")
    assert message is None or str(tmp_path / "b.yaml") in message


def _failure(path: Path) -> str | None:
    """What is wrong with the YAML at ``path``; anything but our own errors comes out."""
    try:
        load_config(path)
    except ChiaBypassError as error:
        return str(error)
    return None
