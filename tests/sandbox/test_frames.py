"""The bytes on the pipes: read back as sent, or refused."""

from __future__ import annotations

import os
import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rftctl.sandbox.frames import (
    MAX_DETAIL,
    STATUSES,
    pack_answer,
    pack_result,
    read_frame,
    unpack_answer,
    unpack_result,
    write_frame,
)


def through_a_pipe(data: bytes) -> bytes:
    read_end, write_end = os.pipe()
    os.write(write_end, data)
    os.close(write_end)
    try:
        return read_frame(read_end)
    finally:
        os.close(read_end)


@given(st.binary(max_size=1000))
def test_a_frame_is_read_as_it_was_written(payload: bytes) -> None:
    read_end, write_end = os.pipe()
    write_frame(write_end, payload)
    assert read_frame(read_end) == payload
    os.close(read_end)
    os.close(write_end)


@pytest.mark.parametrize("data", [b"", b"\x00", struct.pack(">I", 5) + b"abc"])
def test_a_frame_cut_short_is_an_end_of_file(data: bytes) -> None:
    with pytest.raises(EOFError):
        through_a_pipe(data)


@given(st.floats(allow_nan=False))
def test_a_number_is_read_bit_for_bit(value: float) -> None:
    assert unpack_answer(pack_answer(b"o", value)) == ("ok", value, b"")


@given(st.binary(max_size=600))
def test_no_bytes_make_unpacking_an_answer_fail(data: bytes) -> None:
    answer = unpack_answer(data)
    assert answer is None or len(answer) == 3


@pytest.mark.parametrize("letter", [b"o"])
def test_a_number_with_more_behind_it_is_no_answer(letter: bytes) -> None:
    assert unpack_answer(pack_answer(letter, 1.0) + b"x") is None


@pytest.mark.parametrize("letter", [b"\x00", b"t", b"k", b"f", b"s"])
def test_a_child_cannot_claim_what_only_the_worker_knows(letter: bytes) -> None:
    assert unpack_answer(pack_answer(letter, 1.0)) is None


def test_a_detail_is_capped() -> None:
    assert len(pack_answer(b"e", 0.0, b"x" * 10_000)) == 9 + MAX_DETAIL


def test_a_result_is_read_as_it_was_sent() -> None:
    packed = pack_result(7, "timeout", 0.0, 1.5, b"why")
    assert unpack_result(packed) == (7, "timeout", 0.0, 1.5, "why")


@given(st.binary(max_size=600))
def test_other_bytes_are_refused_or_read(data: bytes) -> None:
    with suppress(ValueError):
        assert unpack_result(data)[1] in STATUSES
