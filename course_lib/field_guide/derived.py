"""The entries as one JSON file, derived from the TOML files and never edited.

Reading a hundred entries as TOML takes longer than `explain` may; a file that does not fit the TOML files is not used.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any  # Any: what JSON holds
from zlib import crc32

if TYPE_CHECKING:
    from course_lib.field_guide.entry import Entry

FILE = Path(__file__).with_name("entries.json")


def stamp(folder: Path) -> dict[str, int]:
    """Return a number for each TOML file of a folder, another one when its bytes change."""
    return {path.name: crc32(path.read_bytes()) for path in sorted(folder.glob("*.toml"))}


def load(folder: Path, file: Path = FILE) -> list[dict[str, Any]] | None:
    """Return the stored fields of every entry, or None where they are missing or older than the folder."""
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
        if stored["stamp"] != stamp(folder):
            return None
        return [{name: _frozen(value) for name, value in fields.items()} for fields in stored["entries"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # missing, or half written: TOML has it all
        return None


def _frozen(value: Any) -> Any:
    return tuple(value) if type(value) is list else value


def text(folder: Path, entries: tuple[Entry, ...]) -> str:
    """Return the file's content: a line for each entry, so that a difference is read as one."""
    lines = ",\n".join(json.dumps(_fields(one), ensure_ascii=False) for one in entries)
    return f'{{"stamp": {json.dumps(stamp(folder))},\n"entries": [\n{lines}\n]}}\n'


def _fields(one: Entry) -> dict[str, Any]:
    """Return the fields that differ from their defaults."""
    values = {field.name: (field.default, getattr(one, field.name)) for field in dataclasses.fields(one)}
    return {name: value for name, (default, value) in values.items() if value != default}
