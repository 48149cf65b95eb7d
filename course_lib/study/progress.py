"""What the learner did: write it down, and compute from it what is passed, guessed and next.

It never gets in the way: a store that refuses costs one line on stderr, not a lesson and not a verdict.
Import names from this module by `from course_lib.study.progress import record`: the attribute
`course_lib.study.progress` is the function of the same name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from course_lib.errors import NotebookError, ProgressError

if TYPE_CHECKING:
    from course_lib.study.event import Event, Verb
    from course_lib.study.overview import Overview

Sheet = tuple[Literal["lesson", "exercise"], str]

_has_said_refusal = False


def record(verb: Verb, obj: str, result: dict[str, Any] | None = None) -> None:  # Any: each verb has its own keys
    """Write one event; a store that refuses is said once and never raised."""
    from course_lib.study import store  # imported here: a lesson that records nothing opens no database driver

    try:
        store.append(verb, obj, result or {})
    except ProgressError as refusal:
        say_once(refusal)


def events(verb: Verb | None = None, obj: str | None = None) -> list[Event]:
    """Return the events, oldest first, all of them or those of one verb and object; none from a store that refuses."""
    from course_lib.study import store

    try:
        found = store.read()
    except ProgressError as refusal:
        say_once(refusal)
        return []
    return [e for e in found if verb in (None, e.verb) and obj in (None, e.object)]


def passed() -> set[str]:
    """Return the names of the questions that are passed and not reset since."""
    return passed_in(events())


def predictions() -> dict[str, str]:
    """Return the latest guess of each prompt."""
    return {e.object: str(e.result["guess"]) for e in events("predicted") if "guess" in e.result}


def guess(prompt_id: str) -> str | None:
    """Return the latest guess at one prompt, None when there is none yet."""
    return predictions().get(prompt_id)


def passed_in(events: Iterable[Event], questions_by_stem: Mapping[str, Sequence[str]] | None = None) -> set[str]:
    """Return the questions passed in `events`; a `reset` voids what was passed before it."""
    lesson_of = {name: stem for stem, names in (questions_by_stem or {}).items() for name in names}
    standing: dict[str, str] = {}
    for event in events:
        if event.verb == "passed":
            standing[event.object] = lesson_of.get(event.object) or str(event.result.get("lesson", ""))
        elif event.verb == "reset":
            kind, _, stem = event.object.partition(":")
            listed = event.result.get("questions")
            named = {event.object, *(map(str, listed) if isinstance(listed, list) else ())}
            for name in [n for n, home in standing.items() if n in named or (kind == "exercise" and home == stem)]:
                del standing[name]
    return set(standing)


def ran_lessons(events: Iterable[Event]) -> set[str]:
    """Return the stems of the lessons whose last cell has run and that were not reset since."""
    ran: set[str] = set()
    for event in events:
        kind, _, stem = event.object.partition(":")
        if kind == "lesson" and event.verb == "ran":
            ran.add(stem)
        elif kind == "lesson" and event.verb == "reset":
            ran.discard(stem)
    return ran


def next_sheet(stems: Sequence[str], questions_by_stem: Mapping[str, Sequence[str]], events: Sequence[Event]) -> Sheet:
    """Return the first sheet not finished: a lesson until its last cell has run, then its exercise until all passed."""
    if not stems:
        raise ProgressError("expected at least one lesson, found none; start in the course's folder or set COURSE_ROOT")
    ran = ran_lessons(events)
    done = passed_in(events, questions_by_stem)
    for stem in stems:
        questions = questions_by_stem.get(stem, ())
        if questions and done.issuperset(questions):
            continue
        if stem not in ran:
            return "lesson", stem
        if questions:
            return "exercise", stem
    return "lesson", stems[-1]


class Progress:
    """The learner's progress, a table with what is next below it: export it, load it elsewhere, or forget it."""

    def __init__(self, points_by_stem: Mapping[str, Mapping[str, int]]) -> None:
        self._points_by_stem = points_by_stem

    def __repr__(self) -> str:
        questions_by_stem = {stem: list(points) for stem, points in self._points_by_stem.items()}
        done = passed_in(events(), questions_by_stem)
        rows = [(stem, points, [n for n in points if n in done]) for stem, points in self._points_by_stem.items()]
        width = max((len(stem) for stem in self._points_by_stem), default=0)
        lines = [f"{stem:<{width}}  {_score(points, names)}" for stem, points, names in rows]
        everything = {name: worth for _, points, _ in rows for name, worth in points.items()}
        head = f"Progress: {_score(everything, [n for n in everything if n in done])}"
        return "\n".join([head, *lines, *self.figures().lines()])

    def figures(self) -> Overview:
        """Return every figure there is, as it stands now."""
        from course_lib.study.overview import overview  # imported here: it schedules cards, which takes 0.1 s to import

        return overview(self._points_by_stem)

    def export(self, path: str | Path) -> None:
        """Write every event to `path`, a .json or .csv file, and say how many."""
        from course_lib.study import store, transfer

        found = store.read()
        transfer.write(Path(path), found)
        print(f"{len(found)} events written to {path}")

    def load(self, path: str | Path) -> None:
        """Add the events of an exported file; a second time changes nothing."""
        from course_lib.study import store, transfer

        found = transfer.read(Path(path))
        new = store.merge(found)
        print(f"{new} events loaded from {path}, {len(found) - new} were known")

    def forget(self, confirm: bool = False) -> None:
        """Delete every event of this machine, after asking; `confirm=True` answers yes beforehand."""
        from course_lib.study import store

        if not confirm and not _asked("delete everything the course knows about your progress? type yes: "):
            print("nothing was deleted")
            return
        print(f"{store.erase()} events deleted")


def progress() -> Progress:
    """Return the learner's progress: per lesson the questions passed and the points."""
    from course_lib.notebook_file import stems

    return Progress({stem: exercise_points(stem) for stem in stems()})


def exercise_points(stem: str) -> dict[str, int]:
    """Return the questions of one exercise and their points; none when it is missing or no notebook."""
    from course_lib.locations import course_root
    from course_lib.notebook_file import checked_question, questions, read_notebook

    try:
        notebook = read_notebook(course_root() / "exercises" / f"{stem}.ipynb")
    except NotebookError:
        return {}
    points = dict.fromkeys(questions(notebook), 0)
    for cell in notebook["cells"]:
        name, grade = checked_question(cell), cell["metadata"].get("nbgrader")
        if name in points and isinstance(grade, dict) and isinstance(grade.get("points"), int):
            points[name] = grade["points"]
    return points


def _score(points: Mapping[str, int], done: Sequence[str]) -> str:
    won = sum(points[name] for name in done)
    return f"{len(done)} of {len(points)} questions, {won} of {sum(points.values())} points"


def _asked(question: str) -> bool:
    try:
        return input(question).strip().lower() == "yes"
    except (EOFError, OSError, RuntimeError):  # no keyboard: a pipe, a test, a kernel without stdin
        raise ProgressError(
            "expected an answer, but there is no keyboard here; call forget(confirm=True), or add --yes to the command"
        ) from None


def say_once(refusal: ProgressError) -> None:
    """Print a refusal of the store, the first time only."""
    global _has_said_refusal
    if not _has_said_refusal:
        from course_lib.study.store import say

        _has_said_refusal = True
        say(str(refusal))
