"""PostgreSQL's messages as bytes: read one, make one, and take apart the few that a pooler must understand.

A pooler passes most messages on unread, so this knows the frame of all of them and the content of seven.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import Mapping

CANCEL_REQUEST, SSL_REQUEST, GSSENC_REQUEST = 80877102, 80877103, 80877104
PROTOCOL_3 = 196608
LONGEST_STARTUP = 10_000  # PostgreSQL's own limit: a stranger may not make us hold more
LONGEST_MESSAGE = 1 << 30  # the same

CLOSING_S = 1.0  # TLS says goodbye in two steps, and a client that was killed never takes the second

PROTOCOL_VIOLATION = "08P01"  # PgBouncer's one code for nearly everything


class Refusal(Exception):
    """What a client is told, as PostgreSQL tells it, before its connection ends."""

    def __init__(self, text: str, sqlstate: str = PROTOCOL_VIOLATION) -> None:
        super().__init__(text)
        self.text = text
        self.sqlstate = sqlstate


async def read_message(reader: asyncio.StreamReader, longest: int = LONGEST_MESSAGE) -> bytes:
    """Return the next message whole: one letter, its length, its body.

    Raises `Refusal` for a length no message can have, `IncompleteReadError` at the end of the stream.
    """
    head = await reader.readexactly(5)
    (length,) = struct.unpack("!I", head[1:])
    if not 4 <= length <= longest:
        raise Refusal(f"invalid message length: {length}")
    return head + await reader.readexactly(length - 4)


async def read_startup(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return the code and the body of a first message, the only kind without a letter."""
    length, code = struct.unpack("!II", await reader.readexactly(8))
    if not 8 <= length <= LONGEST_STARTUP:
        raise Refusal(f"invalid length of startup packet: {length}")
    return code, await reader.readexactly(length - 8)


async def hang_up(writer: asyncio.StreamWriter, seconds: float = CLOSING_S) -> None:
    """Close a connection after what is still to be sent, but wait no longer than `seconds` for the other side."""
    writer.close()
    try:
        with contextlib.suppress(OSError):
            async with asyncio.timeout(seconds):
                await writer.wait_closed()
    finally:
        writer.transport.abort()


def message(letter: bytes, body: bytes = b"") -> bytes:
    """Return a message of the kind `letter`."""
    return letter + struct.pack("!I", len(body) + 4) + body


def first_message(code: int, body: bytes) -> bytes:
    """Return a message without a letter: a startup packet, or a request to cancel."""
    return struct.pack("!II", len(body) + 8, code) + body


def startup(parameters: Mapping[str, str]) -> bytes:
    """Return the packet that opens a session with `parameters`."""
    pairs = b"".join(text(name) + text(value) for name, value in parameters.items())
    return first_message(PROTOCOL_3, pairs + b"\0")


def text(value: str) -> bytes:
    """Return a string as the wire has it, ended by a zero byte."""
    return value.encode() + b"\0"


def strings(body: bytes) -> list[str]:
    """Return the strings of a body that ends each of them with a zero byte, the last one included."""
    return [part.decode(errors="replace") for part in body.split(b"\0")[:-1]]


def parameters(body: bytes) -> dict[str, str]:
    """Return the names and values of a startup packet's body."""
    found = strings(body)
    return {name: value for name, value in zip(found[::2], found[1::2], strict=False) if name}


def setting(frame: bytes) -> tuple[str, str]:
    """Return name and value of a ParameterStatus; the name in small letters, as clients may write it."""
    name, value = strings(frame[5:])[:2]
    return name.lower(), value


def error(refusal: Refusal) -> bytes:
    """Return the ErrorResponse that ends a connection."""
    fields = {"S": "FATAL", "V": "FATAL", "C": refusal.sqlstate, "M": refusal.text}
    return message(b"E", b"".join(text(letter + value) for letter, value in fields.items()) + b"\0")


def refusal(frame: bytes) -> Refusal:
    """Return what an ErrorResponse says."""
    fields = {part[0]: part[1:] for part in strings(frame[5:]) if part}
    return Refusal(fields.get("M", "no reason given"), fields.get("C", PROTOCOL_VIOLATION))


def row(frame: bytes) -> list[str]:
    """Return the columns of a DataRow that came as text; NULL is an empty string."""
    (count,) = struct.unpack("!H", frame[5:7])
    columns, at = [], 7
    for _ in range(count):
        (length,) = struct.unpack("!i", frame[at : at + 4])
        at += 4
        columns.append(frame[at : at + max(length, 0)].decode(errors="replace"))
        at += max(length, 0)
    return columns


def quoted(value: str) -> str:
    """Return `value` as a string literal that means the same whatever the session's settings are."""
    escaped = value.replace("\\", "\\\\").replace("'", "''")
    return f"E'{escaped}'"
