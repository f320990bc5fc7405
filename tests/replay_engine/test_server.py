"""A worker that does not see the recording gets the answers of one that does."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest
from support.recording_builder import Made, make_recording

from chia_bypass.replay_engine.answers import AS_IT_IS, Index
from chia_bypass.replay_engine.matcher import Found, Matcher
from chia_bypass.replay_engine.miss_reasons import MissReason
from chia_bypass.replay_engine.recorded_calls import Rule
from chia_bypass.replay_engine.server import RemoteServer
from chia_bypass.runtime.companion import DriverProcess


class Counting(RemoteServer):
    """Counts what it asks over the network."""

    def __init__(self, folder: Path) -> None:
        name = secrets.token_hex(8)  # each recording has a server of its own
        super().__init__(str(folder), "", name, DriverProcess.here(), AS_IT_IS)
        self.asked: list[str] = []

    def _ask(self, method: str, *arguments: Any) -> Any:
        self.asked.append(method)
        return super()._ask(method, *arguments)


@pytest.mark.usefixtures("ray_session")
def test_it_asks_once_for_a_parent_and_once_for_each_answer(tmp_path: Path) -> None:
    made = [Made(value=[n], arguments={"x": n}) for n in range(5)]
    make_recording(tmp_path / "r", made)
    index, remote = Index.open(tmp_path / "r"), Counting(tmp_path / "r")
    assert remote.children("loop.0") == index.children("loop.0")
    assert remote.fresh_number("loop.0") == 5
    calls = index.calls(range(5))
    remote.asked.clear()
    here, there = Matcher(index, "loop.0"), Matcher(remote, "loop.0")
    for call in reversed(calls):
        answer = there.match(call, Rule())
        assert isinstance(answer, Found)
        assert answer == here.match(call, Rule())
        path = answer.stored.result.call.path
        assert remote.document(path) == index.document(path)
    assert remote.asked == ["children", *["served"] * 5]
    assert there.match(calls[0], Rule()) == here.match(calls[0], Rule())
    assert remote.document(calls[0].path) == index.document(calls[0].path)


@pytest.mark.usefixtures("ray_session")
def test_damage_is_a_miss_there_too(tmp_path: Path) -> None:
    make_recording(tmp_path / "r", [Made(value="a", arguments={"x": 1}), Made(value="b" * 300)])
    index, remote = Index.open(tmp_path / "r"), Counting(tmp_path / "r")
    matcher, (call, _) = Matcher(remote, "loop.0"), index.calls([0, 1])
    (segment,) = (tmp_path / "r" / "segments").iterdir()
    segment.write_bytes(bytes(segment.stat().st_size))
    answer = matcher.match(call, Rule())
    assert not isinstance(answer, Found)
    assert answer.reason is MissReason.CORRUPT
