"""Records on a pipe: four bytes of length, then JSON. What comes out of a child is read as if it were hostile."""

from __future__ import annotations

import json
import os
import struct
from typing import Any  # Any: JSON

HEADER = struct.Struct("!I")


class BadRecord(ValueError):
    """What came is no record: too long, no JSON object, or one too many; the text says which."""


class Frames:
    """The records that have come so far; none of them may be longer than `cap` bytes."""

    def __init__(self, cap: int) -> None:
        self.records: list[dict[str, Any]] = []
        self._cap = cap
        self._unread = b""

    def feed(self, data: bytes) -> None:
        """Take what came next. Raises `BadRecord` as early as it can be known."""
        self._unread += data
        while len(self._unread) >= HEADER.size:
            (length,) = HEADER.unpack_from(self._unread)
            if length > self._cap:
                raise BadRecord(f"expected a record of at most {self._cap} bytes, got one that claims {length}")
            end = HEADER.size + length
            if len(self._unread) < end:
                return
            self.records.append(_parsed(self._unread[HEADER.size : end]))
            self._unread = self._unread[end:]


def packed(record: dict[str, Any], cap: int) -> bytes:
    """Return a record as it crosses the pipe; raises `ValueError` where it is no JSON or longer than `cap`."""
    body = json.dumps(record, allow_nan=False).encode()
    if len(body) > cap:
        raise ValueError(f"expected a result of at most {cap} bytes, got {len(body)}")
    return HEADER.pack(len(body)) + body


def write(to: int, data: bytes) -> None:
    """Write all of `data`."""
    while data:
        data = data[os.write(to, data) :]


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        record = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:  # also what is no UTF-8, and a number of too many digits
        raise BadRecord(f"expected JSON, got {len(body)} bytes that are none ({type(error).__name__})") from error
    if not isinstance(record, dict):
        raise BadRecord(f"expected a JSON object, got {type(record).__name__}")
    return record
