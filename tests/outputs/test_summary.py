"""What is said at the end of a recording about the files that calls left."""

from __future__ import annotations

from dataclasses import replace

from support.sample_records import make_call, make_result

from chia_bypass.outputs.summary import FilesKept, Shared, shared_folders
from chia_bypass.recording.records import Left, Result


def call(
    path: str, started: float, finished: float, root: str = "/obj", *, declared: bool = True
) -> Result:
    result = make_result(replace(make_call(0), path=path))
    left = Left(root, 1, declared=declared)
    return replace(result, started=started, finished=finished, files=(left,))


def test_calls_that_left_files_in_a_folder_at_the_same_time_are_told() -> None:
    calls = [call("l.0/0", 0, 2), call("l.0/1", 1, 4), call("l.0/2", 3, 5), call("l.0/3", 6, 7)]
    assert list(shared_folders(calls)) == [Shared("/obj", 3)]
    told = FilesKept(4, 10, (), (Shared("/obj", 3),)).sentence(str)
    assert told == ("4 kept, 10; 3 calls overlapped in /obj, and each may have files of the others")


def test_one_after_the_other_or_elsewhere_they_are_not() -> None:
    one_by_one = [call("l.0/0", 0, 1), call("l.0/1", 1, 2)]
    elsewhere = [call("l.0/0", 0, 2), call("l.0/1", 1, 3, "/other")]
    by_name = [call("l.0/0", 0, 2, declared=False), call("l.0/1", 1, 3, declared=False)]
    for calls in (one_by_one, elsewhere, by_name):
        assert list(shared_folders(calls)) == []


def test_a_call_and_those_that_it_dispatched_do_not_disturb_each_other() -> None:
    family = [call("l.0/0", 0, 9), call("l.0/0/0", 1, 2), call("l.0/0/0/0", 1, 2)]
    assert list(shared_folders(family)) == []
    assert list(shared_folders([*family, call("l.0/0/1", 1, 2)])) == [Shared("/obj", 3)]
