"""Who handed a file in, read from its name and from the folders it came in.

Learning platforms write the learner into names of their own; a teacher's own folders have one per learner.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Ada Lovelace_12345_assignsubmission_file_/03_x.ipynb, or all of it in one file name
MOODLE = re.compile(r"(?P<name>.+?)_(?P<number>\d+)_assignsubmission_(?:file|onlinetext)_?(?P<file>.*)")
# lovelaceada_12345_67890_03_x.ipynb, with LATE after the name, and -1 at the end when it was handed in again
CANVAS = re.compile(r"(?P<name>[^_]+)(?:_LATE)?_(?P<number>\d+)_\d+_(?P<file>.+)")
# folders of the course that a learner may send along with their sheets
FOLDERS = frozenset({"exercises", "submission", "work", "notebooks", "kept", "solutions"})
NBGRADER = "submitted"

Parts = tuple[str, ...]  # a path inside what was handed in


@dataclass(frozen=True)
class Learner:
    """A learner's name, and the number by which a platform tells two of one name apart."""

    name: str
    number: str = ""


def learner_of(parts: Parts, root: str, stems: list[str]) -> Learner:
    """Return who handed in the file `parts` of the folder or zip `root`; `stems` are the exercises there are."""
    if NBGRADER in parts[:-2]:
        return Learner(parts[parts.index(NBGRADER) + 1])
    while len(parts) > 1 and (_bare(parts[0]) in FOLDERS or parts[0] in stems):
        parts = parts[1:]
    if len(parts) > 1:
        return from_platform(_bare(parts[0])) or Learner(_bare(parts[0]))
    file = parts[0].removesuffix(".ipynb")
    own = from_platform(file) or Learner(_without_stem(file, stems))
    return own if own.name else from_platform(root) or Learner(root)


def from_platform(text: str) -> Learner | None:
    """Return the learner that a learning platform wrote into a name, None when none did."""
    found = MOODLE.fullmatch(text) or CANVAS.fullmatch(text)
    return Learner(found["name"].strip(), found["number"]) if found else None


def _bare(folder: str) -> str:
    """Return the name of a folder, or of a zip that stands for one."""
    return folder[:-4] if folder.lower().endswith(".zip") else folder


def _without_stem(file: str, stems: list[str]) -> str:
    """Return what is left of a file's name without the exercise, e.g. `ada` of `ada_03_engine_and_session`."""
    for stem in stems:
        if stem in file:
            file = re.sub(r"^[-\s]*(Copy|Kopie)?\d*(\s*\(\d+\))?$", "", file.replace(stem, "", 1))
            break
    return file.strip("_- .")


def wrapped(found: list[Parts], root: str) -> int:
    """Return how many folders stand around all learners: a zip of `class/ada/03_x.ipynb` has one.

    A folder is taken for one only where something says so: it is called like the zip, the same file lies in several
    folders below it, or a learning platform named them.
    """
    depth = 0
    while found and all(len(parts) > depth + 1 for parts in found):
        around = {parts[depth] for parts in found}
        if len(around) > 1 or from_platform(_bare(min(around))):
            break
        below = [parts[depth + 1 :] for parts in found]
        names = [(parts[:-1], parts[-1]) for parts in below if len(parts) > 1 and parts[0] not in FOLDERS]
        twice = len({file for _, file in names}) < len({*names})
        platform = any(from_platform(_bare(parts[0].removesuffix(".ipynb"))) for parts in below)
        if around != {root} and not twice and not platform:
            break
        depth += 1
    return depth
