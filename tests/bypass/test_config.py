"""The YAML: what each key may hold, and what each fault is called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chia_bypass.bypass.config import (
    ActorAddress,
    Entry,
    Files,
    Match,
    Reapply,
    Repeats,
    StateTree,
    parse_actor,
)
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


def test_actors_are_told_from_a_function_of_that_name(tmp_path: Path) -> None:
    path = tmp_path / "bypass.yaml"
    path.write_text("bypass: {f: true, actors: {Tree: reapply, the tree: reapply}}")
    config = load_config(path)
    assert config.actors == {"Tree": Reapply.REAPPLY, "the tree": Reapply.REAPPLY}
    assert config.entries == {"f": Entry(True)}
    for entry in ("true", "{bypass: true}"):
        path.write_text(f"bypass: {{actors: {entry}}}")
        config = load_config(path)
        assert (config.entries, config.actors) == ({"actors": Entry(True)}, {})
    for wrong, place in (("[Tree]", "bypass.actors"), ("{Tree: again}", "bypass.actors.Tree")):
        path.write_text(f"bypass: {{actors: {wrong}}}")
        with pytest.raises(ConfigError, match="reapply") as caught:
            load_config(path)
        assert place in str(caught.value)


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


KEYS = "bypass, data, tags, match, ignore_args, ignore_inputs, repeats, state, failed, was, files"
FLAG = "It must be true or false, without quotes"
ENTRY = "It must be true, false or a mapping such as {bypass: true}"
QUOTES = "A key must be the name of a function; put it in quotes if YAML misreads it"
ACTOR = "Write actor://NAME or actor://NAMESPACE/NAME"
TEXT = "It must be text"
TEXTS = "It must be text or a list of texts"
FAILED = "It must be a mapping of field names to the values that mean failure"
WAS = "It must be module:qualname, such as loops.build:Node.run"
BYTES = "It must be a positive number of bytes"
FAULTS_OF_KEYS = (
    # What stands below `bypass:`, where the fault is, what it is, and what is to be done.
    (
        "f: {bypas: true}",
        ".f",
        "has the unknown key 'bypas' (str)",
        f"Did you mean 'bypass'? Known: {KEYS}",
    ),
    ("f: {zzzzz: 1}", ".f", "has the unknown key 'zzzzz' (str)", f"Known: {KEYS}"),
    ("f: {bypass: 'true'}", ".f.bypass", "is 'true' (str)", FLAG),
    ("f: {bypass: }", ".f.bypass", "is None (NoneType)", FLAG),
    ("f:", ".f", "is None (NoneType)", ENTRY),
    ("f: yess", ".f", "is 'yess' (str)", ENTRY),
    ("on: true", "", "has the key True (bool)", QUOTES),
    ("'': true", "", "has the key '' (str)", QUOTES),
    ("f: {data: 3}", ".f.data", "is 3 (int)", TEXT),
    ("f: {data: ''}", ".f.data", "is '' (str)", TEXT),
    ("f: {data: 'actor://'}", ".f.data", "is 'actor://': not the address of an actor", ACTOR),
    ("f: {data: 'actor:///b'}", ".f.data", "is 'actor:///b': not the address of an actor", ACTOR),
    ("f: {data: 'actor://a/'}", ".f.data", "is 'actor://a/': not the address of an actor", ACTOR),
    (
        "f: {data: 'actor://a/b/c'}",
        ".f.data",
        "is 'actor://a/b/c': not the address of an actor",
        ACTOR,
    ),
    ("f: {tags: [1]}", ".f.tags", "is [1] (list)", TEXTS),
    ("f: {tags: ['']}", ".f.tags", "is [''] (list)", TEXTS),
    ("f: {tags: {a: b}}", ".f.tags", "is {'a': 'b'} (dict)", TEXTS),
    (
        "f: {tags: ['ok', 'a(b']}",
        ".f.tags",
        "has the invalid regex 'a(b': missing ), unterminated subpattern at position 1",
        "Correct it",
    ),
    (
        "f: {tags: 'a{99999999999999999999}'}",
        ".f.tags",
        "has the invalid regex 'a{99999999999999999999}': the repetition number is too large",
        "Simplify it",
    ),
    (
        "f: {match: orderly}",
        ".f.match",
        "is 'orderly' (str)",
        "It must be one of: order, arguments",
    ),
    ("f: {repeats: 3}", ".f.repeats", "is 3 (int)", "It must be one of: last, fail"),
    ("f: {ignore_args: 3}", ".f.ignore_args", "is 3 (int)", TEXTS),
    ("f: {state: [a]}", ".f.state", "is ['a'] (list)", TEXT),
    ("f: {failed: [success]}", ".f.failed", "is ['success'] (list)", FAILED),
    ("f: {failed: {1: a}}", ".f.failed", "is {1: 'a'} (dict)", FAILED),
    ("f: {was: name}", ".f.was", "is 'name'", WAS),
    ("f: {was: ':name'}", ".f.was", "is ':name'", WAS),
    ("f: {was: 'module:'}", ".f.was", "is 'module:'", WAS),
    ("f: {was: 3}", ".f.was", "is 3 (int)", TEXTS),
    ("f: {files: 3}", ".f.files", "is 3 (int)", TEXTS),
    ("f: {files: {root: a}}", ".f.files", "has no globs", "Say which files: {globs: ['*.log']}"),
    (
        "f: {files: {glob: a}}",
        ".f.files",
        "has the unknown key 'glob' (str)",
        "Did you mean 'globs'? Known: root, globs, limit, delete",
    ),
    ("f: {files: {globs: 3}}", ".f.files.globs", "is 3 (int)", TEXTS),
    ("f: {files: {globs: a, root: 3}}", ".f.files.root", "is 3 (int)", TEXT),
    ("f: {files: {globs: a, limit: true}}", ".f.files.limit", "is True (bool)", BYTES),
    ("f: {files: {globs: a, limit: 0}}", ".f.files.limit", "is 0 (int)", BYTES),
    ("f: {files: {globs: a, delete: 1}}", ".f.files.delete", "is 1 (int)", FLAG),
    ("f: {files: {globs: a, limit: many}}", ".f.files.limit", "is 'many' (str)", BYTES),
    (f"f: {58 * 'a'}", ".f", f"is '{58 * 'a'}' (str)", ENTRY),
    (f"f: {59 * 'a'}", ".f", f"is '{56 * 'a'}... (str)", ENTRY),
)


@pytest.mark.parametrize(("body", "place", "problem", "remedy"), FAULTS_OF_KEYS)
def test_a_fault_of_a_key_says_where_what_and_what_to_do(
    tmp_path: Path, body: str, place: str, problem: str, remedy: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        entries(tmp_path, f"bypass:\n  {body}\n")
    file = tmp_path / "bypass.yaml"
    assert str(caught.value) == f"{file}: bypass{place}: {problem}. {remedy}"


@pytest.mark.parametrize(
    ("body", "read"),
    [
        ("{bypass: true, tags: ''}", Entry(True, tags=("",))),
        ("{match: arguments, repeats: fail}", Entry(match=Match.ARGUMENTS, repeats=Repeats.FAIL)),
        ("{match: order, repeats: last}", Entry(match=Match.ORDER, repeats=Repeats.LAST)),
        ("{failed: {ok: false, code: [1, [2]]}}", Entry(failed={"ok": (False,), "code": (1, [2])})),
        ("{was: [a.b:C.d, 'e:f']}", Entry(was=("a.b:C.d", "e:f"))),
        ("{was: 'a:b:c'}", Entry(was=("a:b:c",))),
        ("{files: {globs: a}}", Entry(files=Files(("a",)))),
        ("{files: {globs: [a, b], root: , limit: }}", Entry(files=Files(("a", "b")))),
        ("{files: {globs: a, root: r, limit: 1}}", Entry(files=Files(("a",), "r", 1))),
        ("{files: {globs: a, delete: true}}", Entry(files=Files(("a",), delete=True))),
        ("{data: 'actor://a/b'}", Entry(data="actor://a/b")),
    ],
)
def test_what_a_key_means(tmp_path: Path, body: str, read: Entry) -> None:
    assert entries(tmp_path, f"bypass:\n  f: {body}\n") == {"f": read}


def test_what_states_are(tmp_path: Path) -> None:
    file = tmp_path / "bypass.yaml"
    file.write_text(
        "states:\n  tree: {root: /srv/chip, save: git, restore: git}\n"
        "  kept: {root: chip, save: git}\nbypass: {f: {bypass: true, state: tree}}\n"
    )
    read = load_config(file)
    assert read.states == {"tree": StateTree("/srv/chip", True), "kept": StateTree("chip")}
    assert set(read.entries) == {"f"}
    file.write_text("states:\n")
    assert load_config(file).states == {}


TREE = "{root: /srv/chip, save: git, restore: git}"
FAULTS_OF_STATES = (
    # What stands below `states:`, where the fault is, what it is, and what is to be done.
    ("3", "", "is 3 (int)", "It must be a mapping of the names of states to what they are"),
    ("{3: {}}", "", "is {3: {}} (dict)", "It must be a mapping of the names of states"),
    ("{t: git}", ".t", "is 'git' (str)", f"It must be a mapping such as {TREE}"),
    ("{t: {save: git}}", ".t", "has no root", f"Write {TREE}"),
    ("{t: {root: a}}", ".t", "has no save", f"Write {TREE}"),
    ("{t: {root: 3, save: git}}", ".t.root", "is 3 (int)", "It must be text"),
    ("{t: {root: a, save: svn}}", ".t.save", "is 'svn' (str)", "It must be git"),
    ("{t: {root: a, save: git, restore: 1}}", ".t.restore", "is 1 (int)", "It must be git"),
    ("{t: {dir: a}}", ".t", "has the unknown key 'dir' (str)", "Known: root, save, restore"),
)


@pytest.mark.parametrize(("body", "place", "problem", "remedy"), FAULTS_OF_STATES)
def test_a_fault_of_a_state_is_told(
    tmp_path: Path, body: str, place: str, problem: str, remedy: str
) -> None:
    file = tmp_path / "bypass.yaml"
    file.write_text(f"states: {body}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    assert str(caught.value).startswith(f"{file}: states{place}: {problem}. {remedy}")


@pytest.mark.parametrize(
    ("data", "address"),
    [
        ("actor://database", ActorAddress("database")),
        ("actor://space/database", ActorAddress("database", "space")),
        ("results/actor://x", None),
        ("Actor://x", None),
    ],
)
def test_the_address_of_an_actor(data: str, address: ActorAddress | None) -> None:
    assert parse_actor(data) == address


@pytest.mark.parametrize("data", ["actor://", "actor:///x", "actor://x/", "actor://a/b/c"])
def test_what_is_no_address_of_an_actor(data: str) -> None:
    with pytest.raises(ValueError, match=r"^not the address of an actor$"):
        parse_actor(data)


FAULTS = {
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
        (b"- " * 5000, "nested too deeply"),
        (b"#" * (2**21 + 1), "far too long"),
        (b"a: 1\n---\nb: 2\n", "single document"),
    ],
)
def test_a_file_that_is_no_bypass_yaml(tmp_path: Path, content: bytes, part: str) -> None:
    (tmp_path / "b.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match=part):
        load_config(tmp_path / "b.yaml")


def test_a_file_of_too_many_parts_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A megabyte of brackets takes ten seconds and a quarter of a gigabyte."""
    monkeypatch.setattr("chia_bypass.bypass.yaml_text._MOST", 1000)
    (tmp_path / "b.yaml").write_text("a: [" + "[]," * 300 + "]")
    assert load_config(tmp_path / "b.yaml").entries == {}
    (tmp_path / "b.yaml").write_text("a: [" + "[]," * 400 + "]")
    with pytest.raises(ConfigError, match="far too long"):
        load_config(tmp_path / "b.yaml")


def test_deep_brackets_are_refused_before_they_take_long(tmp_path: Path) -> None:
    """PyYAML looks ahead over a thousand brackets, and at all that are open for each of them."""
    deep, deeper = ("bypass: " + "[" * depth + "]" * depth for depth in (100, 101))
    (tmp_path / "b.yaml").write_text(deep)
    with pytest.raises(ConfigError, match="mapping of function names"):
        load_config(tmp_path / "b.yaml")
    (tmp_path / "b.yaml").write_text(deeper)
    with pytest.raises(ConfigError, match="nested too deeply"):
        load_config(tmp_path / "b.yaml")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"- a", "line 1, column 1: the top level must be a mapping"),
        (
            b"[a]: 1\na: 1\n  # twice\na: 2\n",
            "line 4, column 1: the key 'a' is given twice in one mapping. Keep one of them",
        ),
        (
            b"bypass:\n  ? [a]\n  : 1\n  f: true\n  f: true\n",
            "line 5, column 3: the key 'f' is given twice in one mapping. Keep one of them",
        ),
        (
            b"bypass:\n  f: {tags: [{a: 1, a: 2}]}\n",
            "line 2, column 21: the key 'a' is given twice in one mapping. Keep one of them",
        ),
        (b"a: b\x00", "character 4: not YAML text: special characters are not allowed"),
        (b"[" * 1000, "nested too deeply to be a bypass YAML"),
        (
            b'a: "\\U00110000"',
            "line 1, column 7: not valid YAML: chr() arg not in range(0x110000)",
        ),
        (
            b"bypass: {f: [1",
            "line 1, column 15: not valid YAML: while parsing a flow sequence, "
            "expected ',' or ']', but got '<stream end>'",
        ),
    ],
)
def test_a_fault_of_a_file_says_where_what_and_what_to_do(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "b.yaml").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "b.yaml")
    assert str(caught.value) == f"{tmp_path / 'b.yaml'}: {message}"


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "absent.yaml")
    problem = "cannot be read: No such file or directory. Check the path"
    assert str(caught.value) == f"{tmp_path / 'absent.yaml'}: {problem}"
    assert caught.value.where == ""


@pytest.mark.parametrize("content", [b"", b"~", b"null", b"other: 1", b"? [bypass]\n: {f: 1}\n"])
def test_a_file_without_the_section(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "b.yaml").write_bytes(content)
    assert load_config(tmp_path / "b.yaml").entries == {}


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
