"""The learner's own copies of lessons and exercises, in the work folder.

Autosave, `git pull` and a broken cell must never touch the course, and an update of the course must never touch an
answer: so learners work in copies, and this module makes, renews, keeps and resets them.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from course_lib import notebook_file
from course_lib.errors import WorkspaceError
from course_lib.locations import course_root, work_folder

SheetKind = Literal["notebooks", "exercises"]
KINDS: tuple[SheetKind, ...] = ("notebooks", "exercises")
ORIGINALS = ".originals.json"  # which file of the course each copy was made from

REMEDIES = {
    errno.ENOSPC: "make room on the disk",
    errno.EDQUOT: "make room on the disk",
    errno.EROFS: "set COURSE_WORK to a folder you may write to",
    errno.EACCES: "set COURSE_WORK to a folder you may write to",
    errno.EPERM: "set COURSE_WORK to a folder you may write to",
}


@dataclass(frozen=True)
class Mark:
    """What tells one version of a sheet from another, as SHA-256."""

    file: str
    text: str  # of the cells' text alone: opening and running a sheet changes the file, and is no work to lose


@dataclass(frozen=True)
class Renewal:
    """What one `refresh` did, as names relative to the work folder."""

    copied: tuple[str, ...] = ()
    renewed: tuple[str, ...] = ()  # untouched copies, replaced because the course has a newer one
    older: tuple[str, ...] = ()  # changed by the learner, kept although the course has a newer one


def worksheet(kind: SheetKind, stem: str) -> Path:
    """Return where the learner's copy is, or will be."""
    return work_folder() / kind / f"{stem}.ipynb"


def refresh() -> Renewal:
    """Copy the missing sheets, renew the untouched ones, keep the changed ones and name those that are older."""
    known = _known_originals()
    done: dict[str, list[str]] = {"copied": [], "renewed": [], "older": []}
    now = dict(known)
    for kind in KINDS:
        for stem in notebook_file.stems(kind):
            name = f"{kind}/{stem}.ipynb"
            original = (course_root() / name).read_bytes()
            what, now[name] = _settle(worksheet(kind, stem), original, known.get(name))
            if what != "current":
                done[what].append(name)
    if now != known:
        _remember(now)
    return Renewal(*(tuple(done[what]) for what in ("copied", "renewed", "older")))


def _settle(copy: Path, original: bytes, known: Mark | None) -> tuple[str, Mark]:
    """Bring one copy up to date; return what was done, and the mark of the version it now comes from."""
    newest = _mark(original)
    if not copy.exists():
        write_whole(copy, unrun(original))
        return "copied", newest
    if known is None or known.file == newest.file:  # None: the list was lost, and nothing says this copy is older
        return "current", newest
    if _mark(copy.read_bytes()).text == known.text:
        write_whole(copy, unrun(original))
        return "renewed", newest
    return "older", known


def unrun(original: bytes) -> bytes:
    """Return the sheet without outputs: a stored answer under a predict prompt would answer it for the learner."""
    try:
        sheet = json.loads(original)
        for cell in sheet["cells"]:
            if cell["cell_type"] == "code":
                cell["outputs"], cell["execution_count"] = [], None
    except (ValueError, KeyError, TypeError):  # a broken original is copied as it is; opening it says what is wrong
        return original
    return (json.dumps(sheet, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()


def reset_sheet(kind: SheetKind, stem: str) -> Path | None:
    """Copy a sheet again; return where the former copy is kept, None when there was none."""
    original = (course_root() / kind / f"{stem}.ipynb").read_bytes()
    copy = worksheet(kind, stem)
    kept = _keep(copy)
    write_whole(copy, unrun(original))
    _remember({**_known_originals(), f"{kind}/{stem}.ipynb": _mark(original)})
    return kept


def reset_question(stem: str, question: str) -> Path | None:
    """Put one question's starter back into the exercise; return where the former copy is kept."""
    copy = worksheet("exercises", stem)
    original = notebook_file.read_notebook(course_root() / "exercises" / f"{stem}.ipynb")
    starter = [cell for cell in original["cells"] if notebook_file.question_of(cell) == question]
    if not starter:
        known = ", ".join(notebook_file.questions(original))
        raise WorkspaceError(f"exercise {stem} has no question {question!r}; its questions are: {known}")
    if not copy.exists():
        return reset_sheet("exercises", stem)
    mine = notebook_file.read_notebook(copy)
    mine["cells"] = _with_starter(mine["cells"], original["cells"], starter[0])
    kept = _keep(copy)
    write_whole(copy, (json.dumps(mine, indent=1, ensure_ascii=False) + "\n").encode())
    return kept


def _with_starter(
    mine: list[notebook_file.Cell], original: list[notebook_file.Cell], starter: notebook_file.Cell
) -> list[notebook_file.Cell]:
    """Return the learner's cells with the starter where the (first) answer was, or where the course has it."""
    question = notebook_file.question_of(starter)
    answers = [index for index, cell in enumerate(mine) if notebook_file.question_of(cell) == question]
    if answers:
        place = answers[0]
    else:
        before = [cell.get("id") for cell in original[: original.index(starter)]]
        place = 1 + max((index for index, cell in enumerate(mine) if cell.get("id") in before), default=-1)
    rest = [(index, cell) for index, cell in enumerate(mine) if index not in answers]
    return [c for i, c in rest if i < place] + [starter] + [c for i, c in rest if i >= place]


def _keep(copy: Path) -> Path | None:
    """Put a dated copy aside before something is written over it."""
    if not copy.exists():
        return None
    folder = work_folder() / "kept"
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    names = (f"{copy.stem}-{stamp}{again}.ipynb" for again in ("", *(f"-{n}" for n in range(2, 1000))))
    kept = next(folder / name for name in names if not (folder / name).exists())
    write_whole(kept, copy.read_bytes())
    return kept


def _known_originals() -> dict[str, Mark]:
    try:
        found = json.loads((work_folder() / ORIGINALS).read_text(encoding="utf-8"))
        return {str(name): Mark(str(mark["file"]), str(mark["text"])) for name, mark in found.items()}
    except (
        OSError,
        ValueError,
        AttributeError,
        TypeError,
        KeyError,
    ):  # lost or broken: then all copies are kept
        return {}


def _remember(originals: dict[str, Mark]) -> None:
    listed = {name: asdict(mark) for name, mark in originals.items()}
    write_whole(work_folder() / ORIGINALS, (json.dumps(listed, indent=1, sort_keys=True) + "\n").encode())


def _mark(content: bytes) -> Mark:
    file = hashlib.sha256(content).hexdigest()
    try:
        cells = [(cell["cell_type"], notebook_file.source(cell)) for cell in json.loads(content)["cells"]]
    except (ValueError, KeyError, TypeError, AttributeError):  # not a notebook any more: then only the bytes can tell
        return Mark(file, file)
    return Mark(file, hashlib.sha256(json.dumps(cells).encode()).hexdigest())


def write_whole(target: Path, content: bytes) -> None:
    """Write a file whole or not at all; raise `WorkspaceError` with the next step when the disk refuses."""
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        part.replace(target)
    except OSError as error:
        _forget(part)
        remedy = REMEDIES.get(error.errno or 0, "set COURSE_WORK to another folder")
        cause = (error.strerror or str(error)).lower()
        raise WorkspaceError(
            f"{target.name} was not written in {target.parent} ({cause}), nothing was changed; {remedy}"
        ) from error


def _forget(part: Path) -> None:
    try:
        part.unlink(missing_ok=True)
    except OSError:  # the folder itself refuses: then there is nothing to remove either
        return
