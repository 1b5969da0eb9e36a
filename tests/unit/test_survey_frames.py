"""Frames of the spool: what was written whole is read, a torn end is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.survey.frames import frame, read_frames

payloads = st.lists(st.binary(min_size=1, max_size=50), max_size=8)


@given(payloads)
def test_frames_come_back_as_they_were_written(written: list[bytes]) -> None:
    data = b"".join(map(frame, written))
    assert read_frames(data) == (written, len(data))


@given(payloads, st.binary(min_size=1, max_size=20), st.data())
def test_a_frame_cut_anywhere_is_left_out_and_those_before_it_are_not(
    written: list[bytes], last: bytes, data: st.DataObject
) -> None:
    whole = b"".join(map(frame, written))
    torn = frame(last)[: data.draw(st.integers(0, len(frame(last)) - 1))]
    assert read_frames(whole + torn) == (written, len(whole))


@given(st.binary(min_size=1, max_size=20), st.data())
def test_a_changed_bit_is_noticed(payload: bytes, data: st.DataObject) -> None:
    framed = bytearray(frame(payload))
    position = data.draw(st.integers(8, len(framed) - 1))
    framed[position] ^= 1 << data.draw(st.integers(0, 7))
    assert read_frames(bytes(framed)).payloads == []


def test_zeros_that_a_power_cut_leaves_are_no_frames() -> None:
    whole = frame(b"one")
    assert read_frames(whole + bytes(4096)) == ([b"one"], len(whole))


def test_a_limit_stops_between_frames() -> None:
    data = frame(b"one") + frame(b"two")
    assert read_frames(data, limit=1) == ([b"one"], len(frame(b"one")))


def test_an_empty_payload_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one byte"):
        frame(b"")
