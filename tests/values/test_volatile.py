from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.value_strategies import values

from chia_bypass.values.digest import digest
from chia_bypass.values.redactor import Redactor
from chia_bypass.values.volatile import LONGEST, masked

SAME: dict[str, tuple[Any, Any]] = {
    "uuid": (
        "job-6fa459ea-ee8a-3ca4-894e-db77e160355e",
        "job-16fd2706-8baf-433b-82eb-8c7fada847da",
    ),
    "hex": ("s_16fd27068baf433b82eb8c7fada847da", "s_886313e13b8a53729b900c9aee199e5d"),
    "object": (UUID(int=1), UUID(int=2)),
    "ISO": ("at 2024-05-06T07:08:09.1234Z.", "at 2026-11-22T22:36:34Z."),
    "with blank": ("2024-05-06 07:08:09", "2026-11-22 22:36:34"),
    "compact": ("run_20240506-070809", "run_20261122-223634"),
    "Unix": ("out/1714979289.123456", "out/1795387932"),
    "clock": (1714979289.125, 1795387932.5),
    "datetime": (datetime(2024, 5, 6, tzinfo=timezone.utc), datetime(2026, 1, 1)),
    "port": ("http://127.0.0.1:43211/mcp", "http://127.0.0.1:8265/mcp"),
    "port of a name": ("http://node-7:43211/mcp", "http://node-7:8265/mcp"),
    "option": ("serve --port 43211 -v", "serve --port 8265 -v"),
    "key": ({"port": 43211, "n": 1}, {"port": 8265, "n": 1}),
    "temporary": ("cc /tmp/tmpab12cd_x/a.c", "cc /tmp/build-3/a.c"),
    "elsewhere": ("/scratch/me/tmpab12cd_x/a.c", "/scratch/me/tmpzz99cd_x/a.c"),
    "path": (Path("/var/tmp/x1/a.c"), Path("/var/tmp/x2/a.c")),
    "Ray": (
        "/tmp/ray/session_2024-05-06_07-08-09_123456_77/a",
        "/tmp/ray/session_2026-11-22_22-36-34_654321_1234/a",
    ),
    "process": ("ray::f() (pid=123, ip=10.0.0.1)", "ray::f() (pid=4567, ip=10.0.0.1)"),
    "address": ("ray::f() (pid=123, ip=10.0.0.1)", "ray::f() (pid=123, ip=fd00::2:1)"),
    "actor": (
        "(pid=1, ip=10.0.0.1, actor_id=255a45694e4369c3b270ad6a01000000, repr=A)",
        "(pid=1, ip=10.0.0.1, actor_id=2962b8abe00c9e77b4f2c53801000000, repr=A)",
    ),
    "handle": (
        "Actor(Tool, 255a45694e4369c3b270ad6a01000000)",
        "Actor(Tool, 2962b8abe00c9e77b4f2c53801000000)",
    ),
    "task": (
        f"Task: TaskID({'1b' * 24}) was cancelled.",
        f"Task: TaskID({'2c' * 24}) was cancelled.",
    ),
    "reference": (f"ObjectRef({'1b' * 28})", f"ObjectRef({'2c' * 28})"),
    "repr": ("<loop.A object at 0x7f6b1c0d2e50>", "<loop.A object at 0x7fa2>"),
}
"""Two values that differ in what a run makes up."""
OTHER = {
    "port": ("http://a:43211/mcp", "http://b:43211/mcp"),
    "temporary": ("/tmp/tmpab12cd_x/a.c", "/tmp/tmpab12cd_x/b.c"),
    "around": ("6fa459ea-ee8a-3ca4-894e-db77e160355e x", "6fa459ea-ee8a-3ca4-894e-db77e160355e y"),
    "kind": ("6fa459ea-ee8a-3ca4-894e-db77e160355e", "2024-05-06T07:08:09"),
    "type": (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    "with its mask": ("job-6fa459ea-ee8a-3ca4-894e-db77e160355e", "job-<uuid>"),
    "repr of another": ("<loop.A object at 0x7f6b>", "<loop.B object at 0x7f6b>"),
    "actor of another class": (
        "Actor(A, 255a45694e4369c3b270ad6a01000000)",
        "Actor(B, 255a45694e4369c3b270ad6a01000000)",
    ),
    "beside": ([UUID(int=1), 1], [UUID(int=1), 2]),
}
"""Two values, the first with a volatile part, that differ in something else."""
PLAIN = (
    *("", "iter0_opt2", "2024-05-06", "20240506", "a.py:1234", "3.1415926535", "size 43211"),
    *(
        "d41d8cd98f00b204e9800998ecf8427e",
        "a" * 40,
        "home/tmp/x",
        "write 7 at 0 x, pid 12",
        "/tmp",
        "<uuid>",
        "import 4096",
    ),
    *(43211, 1714979289, 1714979289.0, 0.5, {"n": 43211}, {"port": 80}, {"port": "x"}),
)


@pytest.mark.parametrize("name", SAME)
def test_what_a_run_makes_up_counts_in_the_digest_and_not_in_the_masked_one(name: str) -> None:
    left, right = (digest(value) for value in SAME[name])
    assert left.value != right.value
    assert left.masked == right.masked != b""


@pytest.mark.parametrize("name", OTHER)
def test_everything_else_counts_in_both(name: str) -> None:
    left, right = (digest(value) for value in OTHER[name])
    assert left.masked
    assert left.masked != (right.masked or right.value)


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_what_is_none_of_it_has_no_masked_digest(value: object) -> None:
    assert digest(value).masked == b""


def test_a_number_is_a_port_by_its_name() -> None:
    assert digest(43211, place="server_port").masked == digest(8265, place="server_port").masked
    assert digest(43211, place="seed").masked == b""

    @dataclass
    class Tool:
        port: int

    assert digest(Tool(43211)).masked == digest(Tool(8265)).masked != b""


made_up = st.one_of(
    st.uuids().map(str),
    st.uuids(),
    st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2099, 1, 1)).map(str),
    st.uuids().map(lambda uuid: Path(f"/tmp/{uuid.hex[:8]}/x")),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(values, made_up, made_up)
def test_at_any_depth_only_what_is_made_up_is_left_out(
    value: object, one: object, other: object
) -> None:
    shared = [one]
    left = digest({"a": [value, {"b": (one, 1)}, shared], "c": shared})
    right = digest({"a": [value, {"b": (other, 1)}, [other]], "c": [other]})
    if type(one) is type(other) and masked(str(one)) == masked(str(other)):
        assert left.masked == right.masked != b""
    changed = digest({"a": [value, {"b": (one, 2)}, shared], "c": shared})
    assert changed.masked != left.masked


@given(st.text())
def test_a_masked_text_has_nothing_left_to_mask(text: str) -> None:
    assert masked(masked(text)) == masked(text)


@given(st.from_regex(r"[0-9a-f/tmp:.\- _]{0,60}", fullmatch=True))
def test_a_text_that_looks_like_much_is_masked_once(text: str) -> None:
    assert masked(masked(text)) == masked(text)


def test_a_long_text_counts_as_it_is() -> None:
    text = "6fa459ea-ee8a-3ca4-894e-db77e160355e "
    assert digest(text + "x" * LONGEST).masked == b""
    assert digest(text + "x" * 100).masked != b""


def test_what_is_redacted_is_not_volatile() -> None:
    redactor = Redactor(["job-[0-9a-f-]+"])
    assert digest(SAME["uuid"][0], redactor=redactor).masked == b""
    assert digest(SAME["uuid"][0] + " 2024-05-06 07:08", redactor=redactor).masked != b""


def test_a_large_array_beside_it_is_read_once() -> None:
    array = np.zeros(10)
    seen: list[object] = []

    def reference(item: object) -> None:
        seen.append(item)

    assert digest({"id": UUID(int=1), "data": [array]}, reference=reference).masked
    assert sum(item is array for item in seen) == 1
