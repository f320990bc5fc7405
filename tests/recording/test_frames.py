from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chia_bypass.recording.frames import Damage, Frame, FrameType, frame, payload_of, scan

payloads = st.lists(st.tuples(st.binary(max_size=60), st.sampled_from(FrameType)), max_size=6)


def written(parts: list[tuple[bytes, FrameType]]) -> bytes:
    data = b""
    for payload, kind in parts:
        data += frame(payload, kind, len(data))
    return data


def read(data: bytes) -> tuple[list[tuple[bytes | None, FrameType]], Damage | None]:
    view = memoryview(data)
    found = list(scan(view))
    damage = next((d for d in found[-1:] if isinstance(d, Damage)), None)
    frames = [f for f in found if isinstance(f, Frame)]
    read = [(payload_of(view, f), f.type) for f in frames]
    return [(None if p is None else bytes(p), kind) for p, kind in read], damage


@given(payloads)
def test_what_was_written_is_read(parts: list[tuple[bytes, FrameType]]) -> None:
    assert read(written(parts)) == (parts, None)


@given(payloads.filter(bool), st.data())
def test_every_cut_is_noticed_and_costs_only_the_last_frame(
    parts: list[tuple[bytes, FrameType]], data: st.DataObject
) -> None:
    whole = written(parts)
    cut = data.draw(st.integers(0, len(whole) - 1))
    frames, damage = read(whole[:cut])
    assert frames == parts[: len(frames)]
    at_a_boundary = cut == len(written(parts[: len(frames)]))
    assert (damage is None) == at_a_boundary
    assert damage is None or damage.torn


@given(payloads.filter(bool), st.data())
def test_every_flipped_bit_is_noticed(
    parts: list[tuple[bytes, FrameType]], data: st.DataObject
) -> None:
    whole = bytearray(written(parts))
    bit = data.draw(st.integers(0, len(whole) * 8 - 1))
    whole[bit // 8] ^= 1 << bit % 8
    frames, damage = read(bytes(whole))
    # A VALUE is checked when it is read: its payload is then refused.
    assert damage is not None or (None, FrameType.VALUE) in frames
    assert (frames, damage) != (parts, None)


def test_a_frame_copied_to_another_place_is_refused() -> None:
    first = frame(b"one", FrameType.RECORD, 0)
    _, damage = read(first + first)
    assert damage is not None
    assert damage.offset == len(first)
    assert not damage.torn
