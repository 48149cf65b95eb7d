"""Open JupyterLab on the first sheet that is not finished, or on the lesson that is named.

It exists so that a learner types one command a day and never has to remember where they were.
"""

from __future__ import annotations

import argparse
import sys

from course_lib import notebook_file
from course_lib.doctor import doctor
from course_lib.lab import refuse_taken, serve
from course_lib.workspace import worksheets

FOLDERS: dict[str, worksheets.SheetKind] = {"lesson": "notebooks", "exercise": "exercises"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's options."""
    parser.add_argument("number", nargs="?", type=int, metavar="NN", help="the lesson to open, e.g. 03")
    parser.add_argument("--port", type=int, help="the port to use; without it the first free one from 8888")
    parser.add_argument("--no-browser", action="store_true", help="print the address and open nothing")


def run(arguments: argparse.Namespace) -> int:
    """Look at the machine, copy what is missing, and serve until Ctrl-C."""
    found = doctor(brief=True)
    if not found.is_healthy:
        _say(f"{found!r}")
        return 1
    if arguments.port is not None:
        refuse_taken(arguments.port)
    kind, stem = choose(arguments.number)
    _tell(worksheets.refresh())
    from course_lib.study.progress import record  # imported late: a refused start opens no store

    record("opened", f"{kind}:{stem}")
    _say(f"opening {kind} {stem}")
    sheet = worksheets.worksheet(FOLDERS[kind], stem)
    serve(sheet, port=arguments.port, open_browser=not arguments.no_browser, say=_say)
    return 0


def choose(number: int | None) -> tuple[str, str]:
    """Return what to open: the named lesson, or the first lesson or exercise that is not finished."""
    if number is not None:
        return "lesson", notebook_file.find("notebooks", number).stem
    from course_lib.study.progress import events, next_sheet

    questions = {
        stem: notebook_file.questions(notebook_file.read_notebook(notebook_file.find("exercises", int(stem[:2]))))
        for stem in notebook_file.stems("exercises")
    }
    return next_sheet(notebook_file.stems(), questions, events())


def _tell(renewal: worksheets.Renewal) -> None:
    if renewal.renewed:
        _say(f"updated copies you had not changed: {', '.join(renewal.renewed)}")
    if renewal.older:
        _say(f"older than the course, kept because you changed them: {', '.join(renewal.older)}")
        _say("to take the newer one (yours is kept, dated): course reset NN, for a lesson course reset NN --lesson")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
