"""Records come in pieces, and everything that is none is noticed as early as it can be."""

from __future__ import annotations

import os
import struct

import pytest

from course_lib.grading.sandbox.frames import BadRecord, Frames, packed, write

CAP = 100


def test_records_come_in_pieces() -> None:
    frames = Frames(CAP)
    for byte in packed({"a": 1}, CAP) + packed({"b": [2]}, CAP):
        frames.feed(bytes([byte]))
    assert frames.records == [{"a": 1}, {"b": [2]}]


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (struct.pack("!I", CAP + 1), "expected a record of at most 100 bytes, got one that claims 101"),
        (b"\0\0\0\2{]", "expected JSON, got 2 bytes that are none (JSONDecodeError)"),
        (b"\0\0\0\2[]", "expected a JSON object, got list"),
        (b'\0\0\0\x0e{"a":Infinity}', "expected JSON, got 14 bytes that are none (ValueError)"),
        (b"\0\0\0\0", "expected JSON, got 0 bytes that are none (JSONDecodeError)"),
    ],
)
def test_what_is_no_record_is_noticed(sent: bytes, message: str) -> None:
    with pytest.raises(BadRecord) as caught:
        Frames(CAP).feed(sent)
    assert str(caught.value) == message


def test_half_a_record_is_none() -> None:
    frames = Frames(CAP)
    frames.feed(b"\0\0\0\5{")
    assert frames.records == []


def test_result_that_is_too_long_is_not_sent() -> None:
    with pytest.raises(ValueError, match=r"^expected a result of at most 100 bytes, got 113$"):
        packed({"value": "x" * CAP}, CAP)


def test_all_is_written() -> None:
    reading, writing = os.pipe()
    write(writing, b"x" * 1000)
    assert os.read(reading, 2000) == b"x" * 1000
    os.close(reading)
    os.close(writing)
