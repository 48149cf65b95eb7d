"""What a child tells its zygote: claims, one JSON object per line behind a key, and hints, which are text and no more.

The key is made for one child and stands in frames only, which are shut to its answer: who can write into the pipe
cannot write a claim. Encoder and writer are C functions taken before the answer runs; a name of a module can be
exchanged.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Callable
from json.encoder import c_make_encoder, encode_basestring_ascii  # type: ignore[attr-defined]  # of CPython's own json
from typing import Any  # Any: claims are JSON

Say = Callable[[dict[str, Any]], None]

KEY_BYTES = 16
CAP = 1_000_000  # bytes that one answer may send: a message is 200, and a flood must not fill our memory
HINT_CAP = 400


class Key:
    """The key of one child; its text shows nothing of it, for a stack can be printed with what stands in it."""

    def __init__(self) -> None:
        self.start = secrets.token_hex(KEY_BYTES).encode()


def sayer(to: int, key: Key) -> Say:
    """Return the function that writes a claim; what it needs is in its own cells."""
    encode = c_make_encoder(None, _refuse, encode_basestring_ascii, None, ": ", ", ", False, False, True)
    write, start = os.write, key.start
    join, ascii_of = b"".join, str.encode

    def say(claim: dict[str, Any]) -> None:
        data = join([start, *[ascii_of(part) for part in encode(claim, 0)], b"\n"])
        while data:
            data = data[write(to, data) :]

    return say


def _refuse(value: object) -> None:
    raise TypeError("a claim holds JSON and nothing else")


def hinter(to: int) -> Callable[[str], None]:
    """Return the function that tells where an answer waits: anybody may write there, and no verdict hangs on it."""

    def hint(text: str) -> None:
        with contextlib.suppress(OSError):
            os.write(to, text[:HINT_CAP].encode(errors="replace") + b"\n")

    return hint


def claim_of(line: bytes, key: Key) -> dict[str, Any] | None:
    """Return the claim on a line; None when it is none, or not written by our own code."""
    if not line.startswith(key.start):
        return None
    try:
        claim = json.loads(line[len(key.start) :])
    except (ValueError, RecursionError):
        return None
    return claim if isinstance(claim, dict) else None


def hint_of(data: bytes) -> str:
    """Return the last hint as one printable line."""
    said = [line for line in data.decode(errors="replace").splitlines() if line.strip()]
    return "".join(sign if sign.isprintable() else " " for sign in said[-1][:HINT_CAP]).strip() if said else ""
