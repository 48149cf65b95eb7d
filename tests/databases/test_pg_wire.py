"""Messages as bytes: what is made can be read again, and what no server says is refused."""

from __future__ import annotations

import asyncio
import struct

import pytest

from course_lib.databases import pg_wire
from course_lib.databases.pg_wire import Refusal


def read(content: bytes, longest: int = 100) -> bytes:
    """Read one message from a stream that holds `content` and then ends."""

    async def main() -> bytes:
        reader = asyncio.StreamReader()
        reader.feed_data(content)
        reader.feed_eof()
        return await pg_wire.read_message(reader, longest)

    return asyncio.run(main())


def test_a_message_is_read_whole_and_no_further() -> None:
    assert read(pg_wire.message(b"Q", b"SELECT 1\0") + b"more") == b"Q\0\0\0\x0dSELECT 1\0"


def test_a_message_that_breaks_off_is_none() -> None:
    with pytest.raises(asyncio.IncompleteReadError):
        read(pg_wire.message(b"Q", b"SELECT 1\0")[:-1])


@pytest.mark.parametrize("length", [0, 3, 101, 2**32 - 1])
def test_a_length_no_message_can_have_is_refused(length: int) -> None:
    with pytest.raises(Refusal, match=f"^invalid message length: {length}$"):
        read(b"Q" + struct.pack("!I", length) + b"x" * 200)


def test_startup_parameters_are_read_as_they_were_written() -> None:
    given = {"user": "app", "database": "ünïcode", "application_name": ""}
    packet = pg_wire.startup(given)
    assert struct.unpack("!II", packet[:8]) == (len(packet), pg_wire.PROTOCOL_3)
    assert pg_wire.parameters(packet[8:]) == given


@pytest.mark.parametrize("body", [b"", b"\0", b"user", b"user\0", b"user\0app"])
def test_broken_startup_parameters_are_left_out(body: bytes) -> None:
    assert pg_wire.parameters(body) == {}


def test_an_error_says_what_the_refusal_says() -> None:
    found = pg_wire.refusal(pg_wire.error(Refusal("no such drink", "02000")))
    assert (found.text, found.sqlstate) == ("no such drink", "02000")
    assert pg_wire.refusal(pg_wire.message(b"E", b"\0")).text == "no reason given"


def test_a_setting_has_its_name_in_small_letters() -> None:
    assert pg_wire.setting(pg_wire.message(b"S", b"TimeZone\0UTC\0")) == ("timezone", "UTC")


def test_a_row_holds_text_and_nothing_for_null() -> None:
    columns = struct.pack("!H", 3) + struct.pack("!i", 3) + b"Gin" + struct.pack("!i", -1) + struct.pack("!i", 0)
    assert pg_wire.row(pg_wire.message(b"D", columns)) == ["Gin", "", ""]


def test_a_literal_cannot_be_left() -> None:
    assert pg_wire.quoted("O'Hara\\'") == r"E'O''Hara\\'''"
