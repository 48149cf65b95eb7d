"""Find what a class has handed in: files, folders, zips of learning platforms, nbgrader's tree.

Whatever cannot be read costs itself only and is one sentence; nothing handed in is changed or unpacked to disk.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from course_lib import notebook_file
from course_lib.errors import NotebookError
from course_lib.grading import printable
from course_lib.grading.entries import MB, Entry, Refused, entries
from course_lib.grading.exercise import exercise_for
from course_lib.grading.graded import Submission
from course_lib.grading.learner import NBGRADER, Learner, Parts, learner_of, wrapped

OF_A_LEARNER = 16 * MB  # all notebooks of one learner: one bomb must not cost the others their place
ALTOGETHER = 1000 * MB  # they are held in memory
OURS = frozenset({"solutions", "notebooks", "kept"})  # folders of the course: no answers to judge lie there
BEGINNING = (b"{", b"\xef\xbb\xbf")
HEAD = 100  # bytes, blanks included, in which a notebook has begun


@dataclass
class Found:
    """What there is to judge, what could not be read, and what was passed over on purpose, in sentences."""

    submissions: list[Submission] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def find(paths: Iterable[Path], exercise: str | None = None, *, leave_out: Path | None = None) -> Found:
    """Return the submissions in `paths`, in a stable order and each once; `exercise` (a stem) leaves out all others.

    `leave_out` is a folder that is not looked into: the reports of an earlier run.
    """
    found, stems = Found(), notebook_file.stems("solutions")
    without = leave_out.resolve() if leave_out is not None else None
    known: set[str] = set()
    room = _Room()
    for path in paths:
        with ExitStack() as stack:
            for submission in _Root(path, found, stems, room).submissions(entries(path, stack, without)):
                if submission.digest not in known and _belongs(submission, exercise, found):
                    known.add(submission.digest)
                    found.submissions.append(submission)
    found.submissions.sort(key=lambda each: (each.learner.casefold(), each.learner, each.file))
    return found


def _belongs(submission: Submission, exercise: str | None, found: Found) -> bool:
    if exercise is None:
        return True
    try:
        name = submission.file.rpartition("/")[2]
        other = exercise_for(name, notebook_file.parse_notebook(submission.text, name)).stem
    except NotebookError:
        return True  # the judge says what is wrong with it
    if other != exercise:
        found.notes.append(f"{submission.file} is left out: it belongs to {other}")
    return other == exercise


@dataclass
class _Room:
    """How much has been kept in memory, and how much has been read of each learner."""

    kept: int = 0
    of: Counter[Learner] = field(default_factory=Counter)

    def read(self, learner: Learner, entry: Entry) -> bytes:
        """Return the bytes of an entry; who sent too much has nothing more unpacked."""
        if self.of[learner] < OF_A_LEARNER:
            content = entry.read()
            self.of[learner] += len(content)
            if self.of[learner] <= OF_A_LEARNER:
                return content
        raise Refused(f"is not read: more than {OF_A_LEARNER // MB} MB of one learner; ask for the answers only")

    def keep(self, content: bytes) -> bytes:
        """Return what may be kept."""
        if self.kept + len(content) > ALTOGETHER:
            raise Refused(f"is not read: more than {ALTOGETHER // MB} MB together; grade the class in parts")
        self.kept += len(content)
        return content


@dataclass
class _Root:
    """One of the given paths, and where its sentences go."""

    path: Path
    found: Found
    stems: list[str]
    room: _Room

    def __post_init__(self) -> None:
        whole = self.path.resolve()
        lone = whole.is_file() and whole.suffix.lower() != ".zip"
        folder = whole.parent if lone else whole
        self.name = printable.name(folder.stem if whole.suffix.lower() == ".zip" else folder.name)
        self.label = "" if lone else printable.name(self.path.name or whole.name)
        above = tuple(map(printable.name, folder.parts))
        self.above = above[above.index(NBGRADER) :] if NBGRADER in above else ()

    def submissions(self, listed: Iterator[Entry]) -> Iterator[Submission]:
        notebooks, others = [], []
        litter: Counter[str] = Counter()
        for entry in listed:
            if entry.refused:
                self.found.problems.append(f"{self.shown(entry.parts)}: {entry.refused}")
            elif entry.litter or OURS & {*entry.parts[:-1]}:
                litter[_kind(entry.parts)] += 1
            elif entry.parts[-1].lower().endswith(".ipynb"):
                notebooks.append(entry)
            else:
                others.append(entry.parts)
        if any(entry.parts[0] == NBGRADER for entry in notebooks):  # nbgrader's own source and release lie beside it
            notebooks = [entry for entry in notebooks if entry.parts[0] == NBGRADER]
            others = [parts for parts in others if parts[0] == NBGRADER]
        depth = 0 if self.above else wrapped([entry.parts for entry in notebooks], self.name)
        who = {entry.parts: self._learner(entry.parts, depth) for entry in notebooks}
        self._say_others(others, litter, {*who.values()}, depth)
        yield from self._read(notebooks, who)

    def shown(self, parts: Parts) -> str:
        return "/".join(part for part in (self.label, *parts) if part) or str(self.path)

    def _learner(self, parts: Parts, depth: int) -> Learner:
        return learner_of((*self.above, *parts)[depth:], self.name, self.stems)

    def _read(self, notebooks: list[Entry], who: dict[Parts, Learner]) -> Iterator[Submission]:
        numbers: dict[str, set[str]] = {}
        for learner in who.values():
            numbers.setdefault(learner.name, set()).add(learner.number)
        for entry in notebooks:
            learner = who[entry.parts]
            try:
                content = self.room.keep(_notebook(self.room.read(learner, entry), entry.parts[-1]))
            except Refused as refused:
                self.found.problems.append(f"{self.shown(entry.parts)}: {refused}")
                continue
            twice = len(numbers[learner.name]) > 1 and learner.number
            name = f"{learner.name} ({learner.number})" if twice else learner.name
            yield Submission(name, self.shown(entry.parts), content)

    def _say_others(self, others: list[Parts], litter: Counter[str], heard: set[Learner], depth: int) -> None:
        """Say which learners sent no notebook at all; what lies beside notebooks is passed over and only counted."""
        silent: dict[Learner, list[Parts]] = {}
        for parts in others:
            learner = self._learner(parts, depth) if len(parts) > depth else Learner("")
            if learner in heard or (len(parts) == depth + 1 and not learner.number and heard):
                litter["other files"] += 1
            else:
                silent.setdefault(learner, []).append(parts)
        for learner, files in silent.items():
            names = ", ".join(self.shown(parts) for parts in files[:3]) + (", ..." if len(files) > 3 else "")
            self.found.problems.append(f"{learner.name}: no notebook, only {names}; ask for the .ipynb file")
        for kind, number in sorted(litter.items()):
            self.found.notes.append(f"{self.shown(())}: {number} passed over ({kind})")


def _notebook(content: bytes, name: str) -> bytes:
    """Return what may be a notebook; what cannot be one is not kept, so that a bomb costs no memory."""
    if not content[:HEAD].lstrip().startswith(BEGINNING):
        raise Refused("is not a notebook (no JSON inside); ask for it again")
    if len(content) > MB:  # a small one costs little, and the judge will say what is wrong with it
        try:
            notebook_file.parse_notebook(content, name)
        except NotebookError:
            raise Refused("is not a notebook; ask for it again") from None
    return content


def _kind(parts: Parts) -> str:
    """Return the part of a path for which it is passed over."""
    for part in parts:
        if part.startswith(".") and part != ".ipynb_checkpoints":
            return "hidden files"
        if part in OURS or part in (".ipynb_checkpoints", "__MACOSX", "__pycache__"):
            return part
    return parts[-1]
