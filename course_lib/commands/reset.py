"""Begin a sheet or one question again; your copy is kept, with its date.

Nothing a learner wrote is ever thrown away by a command of this course.
"""

from __future__ import annotations

import argparse
import sys
from typing import Literal

from course_lib import notebook_file
from course_lib.errors import CourseError
from course_lib.workspace import worksheets


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `course reset`."""
    parser.add_argument("number", type=int, metavar="NN", help="the lesson's number")
    parser.add_argument("question", nargs="?", help="one question of its exercise; the whole exercise when left out")
    parser.add_argument("--lesson", action="store_true", help="reset the lesson's copy instead of the exercise's")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(arguments: argparse.Namespace) -> int:
    """Ask, keep a dated copy, write the original back; exit code 1 when the answer is no."""
    from course_lib.study.progress import record

    kind: Literal["notebooks", "exercises"] = "notebooks" if arguments.lesson else "exercises"
    stem = notebook_file.find(kind, arguments.number).stem
    asked = notebook_file.questions(notebook_file.read_notebook(notebook_file.find("exercises", arguments.number)))
    if arguments.question and arguments.question not in asked:
        raise CourseError(f"{stem} has no question {arguments.question!r}; it asks: {', '.join(asked)}")
    what = f"the answer to {arguments.question}" if arguments.question else f"your copy of {kind}/{stem}"
    if not arguments.yes and not _agreed(what):
        print("nothing was changed")
        return 1
    if arguments.question:
        kept = worksheets.reset_question(stem, arguments.question)
        record("reset", arguments.question)
    else:
        kept = worksheets.reset_sheet(kind, stem)
        if kind == "exercises":
            record("reset", f"exercise:{stem}", {"questions": asked})
    print(f"{what} begins again" + (f"; the old one is kept as {kept.name} in work/kept" if kept else ""))
    return 0


def _agreed(what: str) -> bool:
    if not sys.stdin.isatty():
        raise CourseError(f"resetting {what} asks first, and nobody can answer here; add --yes")
    return input(f"Put {what} back to the beginning (a dated copy is kept)? [y/N] ").strip().lower() in ("y", "yes")
