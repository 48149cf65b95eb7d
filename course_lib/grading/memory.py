"""The memory of a dict: whether any name or value in it has been exchanged, seen without touching a single object.

Asking a dict for its values counts a reference to each of them, and a count that changes copies the page it lies on: in
a forked child that cost 20 ms for what a verdict rests on. The bytes of the tables say the same, and where a dict
counts its changes, three words of it do.
The layout is CPython's, unchanged from 3.11 to 3.14 (Include/internal/pycore_dict.h); `memory_is_as_expected` tries it.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Mapping, Sequence
from typing import Any  # Any: what a namespace holds, and arrays of ctypes

POINTER = ctypes.sizeof(ctypes.c_void_p)
# PyDictObject: a count, a type, then ma_used, a version, ma_keys, ma_values
VERSION, KEYS, VALUES = 3 * POINTER, 4 * POINTER, 5 * POINTER
HEAD = 3 * POINTER  # bytes of the three; the version says also what was changed and changed back
# PyDictKeysObject: 8 bytes of count; log2 of the size, log2 of the index bytes, kind; 4 bytes that caches may change
INDEX_BITS, KIND, USABLE, ENTRIES, INDICES = 9, 10, 16, 24, 32
WIDE, NARROW = 24, 16  # bytes of an entry: with its hash, and without where every key is a str


def head(space: dict[str, Any]) -> Any:
    """Return the bytes of a dict that say where its table lies, and how often any dict was changed when it was last.

    The second is told up to Python 3.13 (see `tells_each_change`): where it is the same, so is everything else.
    """
    return at(id(space) + VERSION, HEAD)


def table(space: dict[str, Any]) -> Any:
    """Return the bytes of the table of `space`: a name that is given another value changes them.

    They are those of the dict only as long as its head has not changed: a table that was outgrown is freed.
    """
    keys = _number(id(space) + KEYS)
    room = _number(keys + USABLE) + _number(keys + ENTRIES)
    size = (1 << _byte(keys + INDEX_BITS)) + room * (WIDE if _byte(keys + KIND) == 0 else NARROW)
    return at(keys + USABLE, 16 + size)


def at(address: int, size: int) -> Any:
    """Return `size` bytes from `address` on, as what `bytes.join` reads: the memory as it is then."""
    return (ctypes.c_char * size).from_address(address)


def differing(before: bytes, now: bytes, sizes: Sequence[int]) -> list[int]:
    """Return the numbers of the pieces, of these sizes, in which two images differ."""
    found, start = [], 0
    for number, size in enumerate(sizes):
        if before[start : start + size] != now[start : start + size]:
            found.append(number)
        start += size
    return found


def space_of(owner: Any) -> dict[str, Any]:
    """Return the namespace of a module or class as the dict it is; a class shows a proxy of it only."""
    found: Mapping[str, Any] = vars(owner)
    return found if isinstance(found, dict) else gc.get_referents(found)[0]


def content_of(cell: Any) -> Any:
    """Return the bytes of a closure's cell that say what is in it."""
    return at(id(cell) + 2 * POINTER, POINTER)


def kind_of(owner: Any) -> Any:
    """Return the bytes of an object that say what its class is."""
    return at(id(owner) + POINTER, POINTER)


def _number(address: int) -> int:
    return ctypes.c_ssize_t.from_address(address).value


def _byte(address: int) -> int:
    return ctypes.c_uint8.from_address(address).value


def tells_each_change() -> bool:
    """Say whether this Python gives a dict another head with each change of it, one that is taken back included."""
    space = {"name": 1}
    before = head(space).raw
    space["name"] = 2
    space["name"] = 1
    return bool(head(space).raw != before)


def memory_is_as_expected() -> bool:
    """Say whether a dict of this Python looks as this module believes: three changes must show, and nothing else."""
    space: dict[str, Any] = {f"name{number}": object() for number in range(50)}
    seen = []
    for name, value in (("", None), ("name7", 1), ("name50", 1)):
        watched = [head(space), table(space)]
        before = b"".join(watched)
        if name:
            space[name] = value
        seen.append(b"".join(watched) != before)
    return seen == [False, True, True] and not _values(space)


def _values(space: dict[str, Any]) -> int:
    return _number(id(space) + VALUES)  # a namespace keeps no values of its own: only instances share their keys
