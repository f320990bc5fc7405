"""How the trace of `design_space` was made, and the file that is shipped."""

from __future__ import annotations

import tempfile
from pathlib import Path

from cache_model import read_trace
from capture_trace import STARTS, WINDOW, data_addresses, pack, physical
from hypothesis import given
from hypothesis import strategies as st

LACKEY = """\
==1== Lackey, an example Valgrind tool
I  0401ab70,3
 S 1fff000758,8
I  0401b770,1
 L 04037e80,8
 M 1fff000750,4
"""


def test_data_accesses_are_kept_and_instructions_are_not() -> None:
    addresses = list(data_addresses(LACKEY.splitlines()))
    assert addresses == [0x1FFF000758, 0x04037E80, 0x1FFF000750]


def test_pages_get_frames_in_the_order_of_their_first_use() -> None:
    assert list(physical([0x1FFF000758, 0x04037E80, 0x1FFF000750])) == [0x758, 0x1E80, 0x750]


@given(st.lists(st.integers(0, 2**16 - 1)))
def test_what_is_packed_is_read(blocks: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "trace.bin.gz"
        file.write_bytes(pack(blocks))
        assert list(read_trace(file)) == blocks


def test_the_shipped_trace_holds_its_windows() -> None:
    file = Path(__file__).resolve().parents[2] / "recordings/design_space/trace.bin.gz"
    assert file.stat().st_size < 500_000
    trace = read_trace(file)
    assert len(trace) == WINDOW * len(STARTS)
    assert len(set(trace[:WINDOW])) > 1_000
    assert trace[:WINDOW] != trace[WINDOW:]
