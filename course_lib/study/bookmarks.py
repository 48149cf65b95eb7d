"""Bookmarks and notes: a word to come back to, and the place in the course it belongs to.

They are events like everything else, so they are exported, loaded and forgotten with the rest.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import quote

from course_lib.errors import ProgressError
from course_lib.study.event import Event
from course_lib.study.progress import events, record
from course_lib.study.questions import stem_of

SHEET = re.compile(r"^\d\d_[a-z0-9_]+$")
LONGEST = 200


@dataclass(frozen=True)
class Bookmark:
    """One thing to come back to: its text, a note, and the sheet it points at (`notebooks/07_pools.ipynb`)."""

    text: str
    note: str = ""
    sheet: str = ""

    def __str__(self) -> str:
        """Return it in one line."""
        return f"{self.text}{f' - {self.note}' if self.note else ''}{f' ({self.sheet})' if self.sheet else ''}"


class Bookmarks:
    """The list of bookmarks: text everywhere, links to the sheets in a notebook."""

    def __init__(self, listed: list[Bookmark]) -> None:
        self.listed = listed

    def __repr__(self) -> str:
        if not self.listed:
            return 'Bookmarks: none yet; add one with study.bookmark("why pre-ping")'
        return "\n".join([f"Bookmarks: {len(self.listed)}", *(f"- {one}" for one in self.listed)])

    def _repr_mimebundle_(self, **_options: object) -> dict[str, str]:
        if not self.listed:
            return {"text/plain": repr(self)}
        lines = [f"- {_escaped(one.text)}{_note(one)}{_link(one)}" for one in self.listed]
        head = f"Bookmarks: {len(lines)}\n\n"
        return {"text/markdown": head + "\n".join(lines), "text/plain": repr(self)}


def bookmarks_in(happened: list[Event]) -> list[Bookmark]:
    """Return the bookmarks that stand, in the order they were set; a later one of the same text takes its place."""
    found: dict[str, Bookmark] = {}
    for event in happened:
        if event.verb != "bookmarked":
            continue
        if event.result.get("removed") is True:
            found.pop(event.object, None)
        else:
            note, sheet = (str(event.result.get(name, "")) for name in ("note", "sheet"))
            found[event.object] = Bookmark(event.object, note, sheet)
    return list(found.values())


def bookmark(text: str = "", note: str = "", *, lesson: int | None = None, remove: bool = False) -> Bookmarks:
    """Set a bookmark at this sheet or at that of a lesson, with a note; `remove` takes one off; return all."""
    text, note = " ".join(text.split()), " ".join(note.split())
    if len(text) > LONGEST:
        raise ProgressError(
            f"expected a bookmark of at most {LONGEST} characters, got {len(text)}; use note= for the rest"
        )
    if remove:
        known = [one.text for one in bookmarks_in(events())]
        if text not in known:
            raise ProgressError(f"no bookmark is named {text!r}; there are: {', '.join(map(repr, known)) or 'none'}")
        record("bookmarked", text, {"removed": True})
    elif text:
        sheet = here() if lesson is None else f"notebooks/{stem_of(lesson)}.ipynb"
        record("bookmarked", text, {"note": note, "sheet": sheet, "lesson": PurePosixPath(sheet).stem})
    return Bookmarks(bookmarks_in(events()))


def here() -> str:
    """Return the sheet this kernel belongs to, as `notebooks/07_pools.ipynb`; empty outside of the course's sheets."""
    path = PurePosixPath(os.environ.get("JPY_SESSION_NAME", "").replace("\\", "/"))  # JupyterLab tells its kernels
    is_ours = path.suffix == ".ipynb" and SHEET.match(path.stem) and path.parent.name in ("notebooks", "exercises")
    return f"{path.parent.name}/{path.name}" if is_ours else ""


def _link(one: Bookmark) -> str:
    if not one.sheet:
        return ""
    folder, _, name = one.sheet.partition("/")
    start = here().partition("/")[0]
    target = name if folder == start else f"../{one.sheet}" if start else one.sheet
    return f" ([{PurePosixPath(one.sheet).stem}]({quote(target)}))"


def _note(one: Bookmark) -> str:
    return f": {_escaped(one.note)}" if one.note else ""


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>#|!])", r"\\\1", text)
