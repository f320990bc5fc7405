"""Looking at recordings from the command line: at several widths, in pipes, at hostile content."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len
from support.recording_builder import NEVER, Made, a_loop, add_run, add_to_recording, make_recording
from support.sample_records import make_run
from support.terminals import in_pipe, on_terminal

from chia_bypass.recording.folder import RunFolder
from chia_bypass.values.kinds import Reference

HOSTILE = "\x1b[31mred\x1b]0;title\x07\n[bold]list[int]\u202e"
TRACEBACK = """\
Traceback (most recent call last):
  File "/x/chia_bypass/record_engine/capture.py", line 1, in run
    value = body()
  File "/home/me/loop.py", line 7, in sim
    assert ok
\x1b[36mBad: no\x1b[0m"""


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A loop that fails: a build, two runs that get its result, one of them wrong."""
    made = [
        Made("loop:Build.build", b"\x7fELF\x00", "iter0", {"config": {"unroll": 4}}),
        Made("loop:Sim.run", {"cycles": 12, "log": b"ok"}, None, {"binary": Reference("loop.0/0")}),
        Made(
            "loop:Sim.run",
            RuntimeError("row 0 is wrong " * 20),
            HOSTILE,
            {"binary": Reference("loop.0/0")},
            traceback=TRACEBACK,
        ),
        Made("loop:Sim.run", NEVER),
        Made("loop:step", [1, 2], parent="loop.0/1"),
    ]
    make_recording(tmp_path / "r", made)
    return tmp_path / "r"


@pytest.mark.parametrize("columns", [80, 200])
def test_a_listing_has_one_line_a_row_that_fits(recording: Path, columns: int) -> None:
    shown = on_terminal("inspect", recording, columns=columns)
    lines = shown.rstrip("\n").split("\n")
    assert len(lines) == 1 + 5 + 1
    assert max(map(cell_len, lines)) <= columns
    assert all(name in shown for name in ("Build.build#0", "Sim.run#2", "  step#0", "exception"))
    assert "row 0 is wrong" in shown
    assert ("host" in shown) == (columns == 200)


@pytest.mark.parametrize("name", ["explore_design_space_of_the", "深い階層にある設計空間の探索を"])
def test_names_that_begin_alike_are_told_apart(tmp_path: Path, name: str) -> None:
    ends = ("caches", "queues")
    make_recording(tmp_path / "r", [Made(f"loop:{name}_{end}", {"k": 1}) for end in ends])
    shown = on_terminal("inspect", tmp_path / "r", columns=40).split("\n")[:3]
    assert max(map(cell_len, shown)) <= 40
    assert [end in line for end, line in zip(ends, shown[1:], strict=True)] == [True, True]


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_one_call_fits_the_terminal(recording: Path, columns: int) -> None:
    shown = on_terminal("inspect", recording, "Build.build#0", columns=columns)
    assert max(map(cell_len, shown.split("\n"))) <= columns
    assert "needed by" in shown
    assert "loop.0/2" in shown


def test_in_a_pipe_nothing_is_cut_coloured_or_raw(recording: Path) -> None:
    shown = in_pipe("inspect", recording).stdout
    assert b"\x1b" not in shown
    assert b"\x07" not in shown
    assert len(shown.splitlines()) == 1 + 5 + 1
    assert rb"\x1b[31mred\x1b]0;title\x07\n[bold]list[int]\u202e" in shown
    (failed,) = [line for line in shown.splitlines() if b"exception" in line]
    assert len(failed) > 200


def test_unfinished_calls_are_not_counted_as_failed(recording: Path) -> None:
    total = in_pipe("inspect", recording).stdout.decode().splitlines()[-1]
    assert total.startswith("5 calls · 1 failed, 1 unfinished: --failed · complete")


def test_a_failed_call_tells_where_the_users_code_failed(recording: Path) -> None:
    shown = in_pipe("inspect", recording, "Sim.run#1").stdout.decode()
    assert "/home/me/loop.py" in shown
    assert "assert ok" in shown
    assert "capture.py" not in shown  # how we called it says nothing to a user
    assert "Bad: no" in shown
    assert "\x1b" not in shown
    assert "loop.0/0" in shown  # what it depended on


def test_a_failed_call_shows_what_it_was_given(tmp_path: Path) -> None:
    netlist = {"blob": bytes(300_000), "sets": 0}
    made = [
        Made("loop:build", netlist),
        Made("loop:simulate", ZeroDivisionError("no"), None, {"net": Reference("loop.0/0")}),
    ]
    make_recording(tmp_path / "r", made)
    listed = in_pipe("inspect", tmp_path / "r", "--failed").stdout.decode().splitlines()
    assert listed[-1].endswith(f": chia-bypass inspect {tmp_path / 'r'} loop.0/1")
    shown = on_terminal("inspect", tmp_path / "r", "loop.0/1", columns=80)
    depends = shown.partition("depends on")[2].partition("raised")[0]
    assert "loop.0/0  build, argument net: {'blob': b'" in depends
    assert "'sets': 0}" in " ".join(depends.split())
    assert max(map(cell_len, shown.split("\n"))) <= 80


def test_a_folder_of_recordings_is_listed(recording: Path) -> None:
    listed = in_pipe("inspect", recording.parent).stdout.decode()
    assert str(recording) in listed
    assert (
        "there is no recording here" in in_pipe("inspect", recording / "segments").stderr.decode()
    )


def test_of_several_runs_each_call_tells_its_own(tmp_path: Path) -> None:
    make_recording(tmp_path / "r", [Made(value=1)], close=False)
    assert b"recorded by" not in in_pipe("inspect", tmp_path / "r", "f#0").stdout
    add_to_recording(tmp_path / "r", [Made(value=2), Made(value=NEVER)])
    assert b" 2 runs " in in_pipe("inspect", tmp_path / "r").stdout

    def writer(call: str) -> str:
        told = in_pipe("inspect", tmp_path / "r", call).stdout.decode()
        (line,) = [line for line in told.splitlines() if "recorded by" in line]
        return line.split("recorded by")[1].partition(",")[0].strip()

    assert [writer(call) for call in ("f#0", "f#1", "f#2")] == ["run 0", "run 1", "run 1"]
    told = json.loads(in_pipe("inspect", tmp_path / "r", "f#1", "--json").stdout)
    assert told["run"] == 1


def test_rows_are_chosen_and_ordered(recording: Path) -> None:
    def listed(*options: str) -> list[str]:
        return [
            call["call"]
            for call in json.loads(in_pipe("inspect", recording, *options, "--json").stdout)
        ]

    assert listed() == ["loop.0/0", "loop.0/1", "loop.0/1/0", "loop.0/2", "loop.0/3"]
    assert listed("--failed") == ["loop.0/2", "loop.0/3"]
    assert listed("--tag", "iter.*") == ["loop.0/0"]
    assert listed("--function", "Sim.*") == ["loop.0/1", "loop.0/2", "loop.0/3"]
    assert listed("--sort", "size")[0] == "loop.0/2"
    shown = in_pipe("inspect", recording, "--limit", "2").stdout.decode()
    assert "… 3 more" in shown
    assert in_pipe("inspect", recording, "--limit", "2", "--all").stdout.count(b"\n") == 7


def test_raw_gives_the_bytes_and_parts_of_them(recording: Path) -> None:
    assert in_pipe("inspect", recording, "iter0", "--raw").stdout == b"\x7fELF\x00"
    assert in_pipe("inspect", recording, "Sim.run#0", "--raw", "--part", "log").stdout == b"ok"
    assert in_pipe("inspect", recording, "Sim.run#0", "--part", "cycles").stdout == b"12\n"
    refused = in_pipe("inspect", recording, "Sim.run#0", "--raw")
    assert (refused.returncode, refused.stdout) == (2, b"")
    assert b"Name a part of it with --part" in refused.stderr


def test_one_call_as_json_is_whole(recording: Path) -> None:
    call = json.loads(in_pipe("inspect", recording, "Sim.run#0", "--json").stdout)
    assert call["value"]["cycles"] == 12
    assert call["arguments"][0]["producers"] == ["loop.0/0"]
    assert call["children"] == ["loop.0/1/0"]
    assert json.loads(in_pipe("inspect", recording, "iter0", "--json").stdout)["needed_by"] == [
        "loop.0/1",
        "loop.0/2",
    ]


def test_history_shows_all_attempts(tmp_path: Path) -> None:
    made = [Made(value=ValueError("first")), Made(value=7, attempt=1)]
    make_recording(tmp_path / "r", made)
    attempts = json.loads(in_pipe("inspect", tmp_path / "r", "f#0", "--history", "--json").stdout)
    assert [(a["attempt"], a["outcome"]) for a in attempts] == [(0, "exception"), (1, "value")]
    shown = in_pipe("inspect", tmp_path / "r", "f#0", "--history").stdout.decode()
    assert [line.endswith("yes") for line in shown.splitlines()[2:]] == [False, True]


def test_history_tells_which_run_wrote_what(tmp_path: Path) -> None:
    make_recording(tmp_path / "r", [Made(value=1), Made(value=3)])
    add_run(tmp_path / "r", [Made(value=2)], "again")
    told = json.loads(in_pipe("inspect", tmp_path / "r", "f#0", "--history", "--json").stdout)
    assert [(one["run"], one["shown"]) for one in told] == [(0, "1"), (1, "2")]
    shown = in_pipe("inspect", tmp_path / "r", "f#0", "--history").stdout.decode().splitlines()
    assert [line.split()[:2] for line in shown[1:3]] == [["run", "0"], ["run", "1"]]
    assert [line.split()[0] for line in shown[4:]] == ["0", "1"]
    assert [line.endswith("yes") for line in shown[4:]] == [False, True]


def test_following_ends_with_a_recording_that_nobody_writes(tmp_path: Path) -> None:
    make_recording(tmp_path / "r", a_loop(5), close=False)
    shown = in_pipe("inspect", tmp_path / "r", "--follow").stdout.decode()
    assert shown.count("Build.build#") == 2
    told = f"5 calls · incomplete · command: python loop.py, in {tmp_path / 'r'}"
    assert shown.splitlines()[-1] == told


def test_where_the_command_ran_is_told_as_seen_from_here(tmp_path: Path) -> None:
    run = replace(make_run(), directory="../..")
    with RunFolder.create(tmp_path / "recordings" / "r", run, "host"):
        pass
    told = in_pipe("inspect", "recordings/r", cwd=tmp_path).stdout.decode()
    assert told.endswith("command: python loop.py, in .\n")
    told = in_pipe("inspect", "r", cwd=tmp_path / "recordings").stdout.decode()
    assert told.endswith(f"command: python loop.py, in {tmp_path}\n")


def test_what_was_probably_meant_is_told(recording: Path) -> None:
    told = in_pipe("inspect", recording, "Sim.run").stderr.decode()
    assert "Its calls: loop.0/1 (Sim.run#0), loop.0/2 (Sim.run#1)" in told
    assert "Near: " in in_pipe("inspect", recording, "Sim.runn#0").stderr.decode()


def test_diff_has_a_status(recording: Path, tmp_path: Path) -> None:
    same = in_pipe("diff", recording, recording)
    assert (same.returncode, same.stdout[:9]) == (0, b"the same:")
    make_recording(tmp_path / "other", [Made("loop:Build.build", b"\x7fELF\x01", "iter0")])
    other = in_pipe("diff", recording, tmp_path / "other")
    assert other.returncode == 1
    assert "only in A:" in other.stdout.decode()
    assert json.loads(in_pipe("diff", "--json", recording, recording).stdout)["same"] is True


def test_diff_leads_from_a_new_failure_to_where_it_began(tmp_path: Path) -> None:
    def loop(line: int, end: object) -> list[Made]:
        first, second = Reference("loop.0/0"), Reference("loop.0/1")
        return [
            Made("loop:propose", {"long": "x" * 70, "line": line}),
            Made("loop:build", 4096 // (line or 4096), "cfg", {"cfg": first}, dispatched=1.0),
            Made("loop:simulate", end, None, {"net": second}, dispatched=2.0),
        ]

    make_recording(tmp_path / "a", loop(64, 15))
    make_recording(tmp_path / "b", loop(0, ZeroDivisionError("no")))
    told = in_pipe("diff", tmp_path / "a", tmp_path / "b").stdout.decode().splitlines()
    assert told[:4] == [
        "fails in B alone:",
        "  loop.0/2 simulate: ZeroDivisionError('no')",
        "      because of loop.0/1 build (tag cfg)",
        "      because of loop.0/0 propose",
    ]
    assert "      argument cfg: result of loop.0/0, which differs" in told
    back = in_pipe("diff", tmp_path / "b", tmp_path / "a").stdout.decode()
    assert "fails in B" not in back


def test_renderings_are_compared_from_where_they_differ(tmp_path: Path) -> None:
    for name, letter in (("a", "p"), ("b", "q")):
        make_recording(tmp_path / name, [Made(value=1, arguments={"x": "-" * 100 + letter})])
    told = in_pipe("diff", tmp_path / "a", tmp_path / "b").stdout.decode()
    assert f"argument x: …{'-' * 20}p' → …{'-' * 20}q'" in told


def test_an_export_is_written_whole_or_not_at_all(recording: Path, tmp_path: Path) -> None:
    assert in_pipe("export", recording, "-o", tmp_path / "calls.jsonl").returncode == 0
    assert len((tmp_path / "calls.jsonl").read_text().splitlines()) == 5
    refused = in_pipe("export", recording, "-o", tmp_path / "nowhere" / "calls.jsonl")
    assert refused.returncode == 2
    assert b"cannot be written" in refused.stderr


def test_progress_is_for_terminals(recording: Path, tmp_path: Path) -> None:
    done = in_pipe("export", recording, "-o", tmp_path / "calls.jsonl")
    assert done.stderr.decode().splitlines() == [f"{tmp_path / 'calls.jsonl'}: {_size(tmp_path)}"]


def _size(folder: Path) -> str:
    return f"{(folder / 'calls.jsonl').stat().st_size / 1000:.1f} kB"
