"""What lies in a folder or a zip, zips inside included; everything is read in place and nothing is unpacked to disk.

Whoever handed it in may be hostile: names that climb out, links, bombs and broken zips are one sentence each.
"""

from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any  # Any: the kinds of open files that zipfile takes

from course_lib.grading import printable
from course_lib.grading.learner import Parts

MB = 1_000_000
LARGEST = 8 * MB  # of a notebook, and of a zip that lies in something: pictures make a sheet large, answers do not
TABLE = 4 * MB  # of a zip's table of contents: 40 000 files, and what zipfile makes of them still fits into memory
MOST_FILES = 20_000  # in one folder or zip
DEEPEST = 3  # zips in zips
PATH_PARTS = 20
CHUNK = MB
LITTER = frozenset({"__MACOSX", "__pycache__", "Thumbs.db", "desktop.ini", "timestamp.txt"})
TOO_LARGE = f"is larger than {LARGEST // MB} MB; ask for the answers only (course submit)"
SAY_ABSENT = "not found; is the path right?"
# what zipfile raises on a hostile zip, seen by damaging one byte after the other
BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
    OSError,
)


class Refused(Exception):
    """This entry is not read; the text says why and what to do."""


@dataclass(frozen=True)
class Entry:
    """One file: its printable path, a way to read it (may raise `Refused`), or the reason why it is not read."""

    parts: Parts
    read: Callable[[], bytes] = lambda: b""
    refused: str = ""
    litter: bool = False


class _Guarded(io.BufferedReader):
    """A zip on disk whose table of contents must not fill our memory."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(_allowed(size))


class _GuardedBytes(io.BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(_allowed(size))


def _allowed(size: int | None) -> int:
    if size is not None and size > TABLE:
        raise Refused(f"lists more than {MOST_FILES} files; unpack it and name the folder")
    return -1 if size is None else size


def entries(path: Path, stack: ExitStack, leave_out: Path | None = None) -> Iterator[Entry]:
    """Yield what lies in `path` (a file, a folder or a zip) in a stable order; `stack` closes a zip that is read."""
    if path.is_dir():
        yield from _counted(_folder(path, (), leave_out))
    elif path.suffix.lower() == ".zip" and path.is_file():
        yield from _counted(_zip(stack.enter_context(_Guarded(io.FileIO(path))), (), 0))
    elif path.exists():
        yield Entry((printable.name(path.name),), partial(_read, path))
    else:
        yield Entry((), refused=SAY_ABSENT)


def _counted(found: Iterator[Entry]) -> Iterator[Entry]:
    for number, entry in enumerate(found):
        if number == MOST_FILES:
            yield Entry((), refused=f"holds more than {MOST_FILES} files, the rest is not read; name folders inside it")
            return
        yield entry


def _folder(folder: Path, above: Parts, leave_out: Path | None) -> Iterator[Entry]:
    try:
        with os.scandir(folder) as found:
            inside = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        yield Entry(above, refused=f"cannot be read ({error.strerror}); check its permissions")
        return
    for each in inside:
        parts = (*above, printable.name(each.name))
        path = folder / each.name
        if _is_litter(each.name):
            yield Entry(parts, litter=True)
        elif each.is_symlink():
            yield Entry(parts, refused="is a link and is not followed; copy the file itself")
        elif each.is_dir(follow_symlinks=False):
            if leave_out is not None and path.resolve() == leave_out:
                continue
            if len(parts) > PATH_PARTS:
                yield Entry(parts, refused=f"lies more than {PATH_PARTS} folders deep and is not read")
            else:
                yield from _folder(path, parts, leave_out)
        elif each.name.lower().endswith(".zip"):
            yield from _inner(partial(_read, path), parts, 1)
        else:
            yield Entry(parts, partial(_read, path))


def _read(path: Path) -> bytes:
    """Return the bytes of a regular file that is not too large; a pipe with nobody at its end must not stop us."""
    try:
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(number, "rb") as file:
            if not stat.S_ISREG(os.fstat(number).st_mode):
                raise Refused("is not a file; a submission is a notebook or a zip of notebooks")
            return _small(file.read(LARGEST + 1))
    except OSError as error:
        raise Refused(f"cannot be read ({error.strerror}); check its permissions") from None


def _small(content: bytes) -> bytes:
    if len(content) > LARGEST:
        raise Refused(TOO_LARGE)
    return content


def _zip(file: Any, above: Parts, depth: int) -> Iterator[Entry]:
    try:
        archive = zipfile.ZipFile(file)
    except Refused as refused:
        yield Entry(above, refused=str(refused))
        return
    except BROKEN as error:
        yield Entry(above, refused=f"is no zip that can be read ({_said(error)}); ask for it again")
        return
    files = [info for info in archive.infolist() if not info.filename.endswith(("/", "\\"))]
    if not files:
        yield Entry(above, refused="is an empty zip; ask for it again")
    for info in sorted(files, key=lambda info: info.filename):
        yield from _member(archive, info, above, depth)


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, above: Parts, depth: int) -> Iterator[Entry]:
    raw = [part for part in info.filename.replace("\\", "/").split("/") if part not in ("", ".")]
    parts = (*above, *map(printable.name, raw))
    kind = stat.S_IFMT(info.external_attr >> 16)
    if any(map(_is_litter, raw)):
        yield Entry(parts, litter=True)
    elif info.filename[:1] in ("/", "\\") or info.filename[1:2] == ":" or ".." in raw or not raw:
        yield Entry(parts, refused="has a name that leads out of its zip and is not read; ask for it again")
    elif len(parts) > PATH_PARTS:
        yield Entry(parts, refused=f"lies more than {PATH_PARTS} folders deep and is not read")
    elif kind not in (0, stat.S_IFREG):
        yield Entry(parts, refused="is a link or a device in a zip and is not followed; ask for the file itself")
    elif info.flag_bits & 1:
        yield Entry(parts, refused="is encrypted; ask for it without a password")
    elif info.filename.lower().endswith(".zip"):
        yield from _inner(partial(_unpacked, archive, info), parts, depth + 1)
    else:
        yield Entry(parts, partial(_unpacked, archive, info))


def _inner(read: Callable[[], bytes], parts: Parts, depth: int) -> Iterator[Entry]:
    """Yield what is in a zip that lies in something else; it is held in memory until its files have been read."""
    if depth > DEEPEST:
        yield Entry(parts, refused=f"is a zip in more than {DEEPEST} zips and is not read; ask for a plain one")
        return
    try:
        content = read()
    except Refused as refused:
        yield Entry(parts, refused=str(refused))
        return
    yield from _zip(_GuardedBytes(content), parts, depth)


def _unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Return the bytes of one file in a zip, few at a time: what its header claims about their number may be a lie."""
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Refused(f"is packed by method {info.compress_type}, which is not read; ask for a plain zip")
    if info.file_size > LARGEST:  # an honest bomb costs nothing; one that claims less is cut off where it claims to end
        raise Refused(TOO_LARGE)
    content = bytearray()
    try:
        with archive.open(info) as stream:
            while len(content) <= LARGEST and (chunk := stream.read(CHUNK)):
                content += chunk
    except BROKEN as error:
        raise Refused(f"cannot be unpacked ({_said(error)}); ask for it again") from None
    return _small(bytes(content))


def _is_litter(name: str) -> bool:
    return name in LITTER or (name.startswith(".") and name != "..")


def _said(error: BaseException) -> str:
    return printable.printable(str(error) or type(error).__name__, keep="")[:100]
