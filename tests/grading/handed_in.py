"""What a class hands in, written by tests: folders and zips as learning platforms make them, and hostile ones."""

from __future__ import annotations

import io
import json
import stat
import struct
import zipfile
from pathlib import Path

import small_course
from small_course import STEM

SHEET = f"{STEM}.ipynb"
RIGHT = json.dumps(small_course.right()).encode()
MOODLE = "Ada Lovelace_12345_assignsubmission_file_"


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip of these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return buffer.getvalue()


def linked(name: str, to: str) -> bytes:
    """Return a zip with a symbolic link in it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, to)
    return buffer.getvalue()


def encrypted(name: str) -> bytes:
    """Return a zip that claims its file is encrypted, as one with a password does."""
    made = bytearray(zipped({name: RIGHT}))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = made.index(mark) + offset
        made[at : at + 2] = struct.pack("<H", 1)
    return bytes(made)


def tree(root: Path, files: dict[str, bytes]) -> Path:
    """Write files below `root`, folders included; return it."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root
