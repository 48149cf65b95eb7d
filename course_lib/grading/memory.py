"""The memory of a dict: whether any name or value in it has been exchanged, seen without touching a single object.

Asking a dict for its values counts a reference to each of them, and a count that changes copies the page it lies on: in
a forked child that cost 20 ms for what a verdict rests on. The bytes of the table say the same, and cost three.
The layout is CPython's, unchanged from 3.11 to 3.14 (Include/internal/pycore_dict.h); `memory_is_as_expected` tries it.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any  # Any: what a namespace holds, and arrays of ctypes

POINTER = ctypes.sizeof(ctypes.c_void_p)
# PyDictObject: a count, a type, then ma_used, a version, ma_keys, ma_values
USED, KEYS, VALUES = 2 * POINTER, 4 * POINTER, 5 * POINTER
# PyDictKeysObject: 8 bytes of count; log2 of the size, log2 of the index bytes, kind; 4 bytes that caches may change
INDEX_BITS, KIND, USABLE, ENTRIES, INDICES = 9, 10, 16, 24, 32
WIDE, NARROW = 24, 16  # bytes of an entry: with its hash, and without where every key is a str


@dataclass(frozen=True, slots=True)
class Watched:
    """Some bytes of this process: `now.raw` is what they are, `then` what they were."""

    now: Any
    then: bytes


def table(space: dict[str, Any]) -> list[Watched]:
    """Return the bytes that change when a name of `space` is added, taken away or given another value."""
    keys = _number(id(space) + KEYS)
    kind = _byte(keys + KIND)
    room = _number(keys + USABLE) + _number(keys + ENTRIES)
    size = (1 << _byte(keys + INDEX_BITS)) + room * (WIDE if kind == 0 else NARROW)
    return [watched(id(space) + USED, 4 * POINTER), watched(keys + USABLE, 16 + size)]


def watched(address: int, size: int) -> Watched:
    """Return `size` bytes from `address` on."""
    now = (ctypes.c_char * size).from_address(address)
    return Watched(now, now.raw)


def space_of(owner: Any) -> dict[str, Any]:
    """Return the namespace of a module or class as the dict it is; a class shows a proxy of it only."""
    found: Mapping[str, Any] = vars(owner)
    return found if isinstance(found, dict) else gc.get_referents(found)[0]


def content_of(cell: Any) -> Watched:
    """Return the place of a closure's cell that says what is in it."""
    return watched(id(cell) + 2 * POINTER, POINTER)


def kind_of(owner: Any) -> Watched:
    """Return the place of an object that says what its class is."""
    return watched(id(owner) + POINTER, POINTER)


def _number(address: int) -> int:
    return ctypes.c_ssize_t.from_address(address).value


def _byte(address: int) -> int:
    return ctypes.c_uint8.from_address(address).value


def memory_is_as_expected() -> bool:
    """Say whether a dict of this Python looks as this module believes: three changes must show, and nothing else."""
    space: dict[str, Any] = {f"name{number}": object() for number in range(50)}
    seen = []
    for name, value in (("", None), ("name7", 1), ("name50", 1)):
        before = table(space)
        if name:
            space[name] = value
        seen.append(any(one.now.raw != one.then for one in before))
    return seen == [False, True, True] and not _values(space)


def _values(space: dict[str, Any]) -> int:
    return _number(id(space) + VALUES)  # a namespace keeps no values of its own: only instances share their keys
