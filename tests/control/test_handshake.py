"""What processes report, as a reader finds it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from support.hooked_processes import hooked

from chia_bypass.control.handshake import Connection, announce, read
from chia_bypass.hook import announcing
from chia_bypass.hook.announcing import FOLDER

ROOT = Path(__file__).resolve().parents[2]

START = """
import os, sys
sys.path.insert(0, os.environ["ROOT"])
from chia_bypass.hook.announcing import announce
sys.stdin.readline()
announce(os.environ["PLACE"], "ray")
"""


def test_nothing_reported(tmp_path: Path) -> None:
    assert read(tmp_path) == ()


def test_facts_of_one_process_are_one_handshake(tmp_path: Path) -> None:
    announce(tmp_path, "ray")
    announce(tmp_path, "connected", address="a:1", invented={"fpga": 1.0}, instead_of="auto")
    announce(tmp_path, "connected", address="b:2", invented={}, instead_of=None)
    announce(tmp_path, "trouble", reason="line one\nline two é \udc80")
    (handshake,) = read(tmp_path)
    assert handshake.pid == os.getpid()
    assert handshake.ray
    assert handshake.connections == (
        Connection("a:1", {"fpga": 1.0}, "auto"),
        Connection("b:2"),
    )
    assert handshake.troubles == ("line one\nline two é \udc80",)


def test_threads_do_not_tear_each_others_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcing, "_starts", {})  # as in a process that has reported nothing
    together = threading.Barrier(4)

    def report(number: int) -> None:
        together.wait()
        for turn in range(50):
            announce(tmp_path, "trouble", reason=f"{number}.{turn} " + "x" * 3000)

    threads = [threading.Thread(target=report, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (handshake,) = read(tmp_path)
    heads = {trouble.split()[0] for trouble in handshake.troubles}
    assert heads == {f"{number}.{turn}" for number in range(4) for turn in range(50)}


def test_line_cut_off_by_a_kill_is_no_fact(tmp_path: Path) -> None:
    announce(tmp_path, "ray")
    (file,) = (tmp_path / FOLDER).iterdir()
    with file.open("a") as end:
        end.write("('connected', {'addr")
    (handshake,) = read(tmp_path)
    assert handshake.ray
    assert (handshake.connections, handshake.troubles) == ((), ())


def test_line_that_makes_no_sense_is_told(tmp_path: Path) -> None:
    announce(tmp_path, "ray")
    (file,) = (tmp_path / FOLDER).iterdir()
    with file.open("a") as end:
        end.write("__import__('os')\n")
    (handshake,) = read(tmp_path)
    assert handshake.troubles == (f"unreadable line in {file}",)


def test_folder_that_is_gone_is_not_made_again(tmp_path: Path) -> None:
    announce(tmp_path / "gone", "ray")
    assert not (tmp_path / "gone").exists()


def test_folder_that_cannot_be_written_costs_the_program_nothing(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("a file where the folder should be")
    announce(tmp_path, "ray")
    assert read(tmp_path) == ()


def test_processes_that_start_together_all_report(tmp_path: Path) -> None:
    place = hooked(tmp_path)
    children = [
        subprocess.Popen(
            [sys.executable, "-S", "-c", START],
            stdin=subprocess.PIPE,
            text=True,
            env={**place.environment(), "PLACE": place.session.control, "ROOT": str(ROOT)},
        )
        for _ in range(6)
    ]
    for child in children:
        child.communicate("\n")
    assert {one.pid for one in read(place.session.control)} == {child.pid for child in children}
