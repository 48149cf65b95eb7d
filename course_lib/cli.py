"""`course`: one command for learners, instructors and authors; each subcommand is a module of `course_lib.commands`.

A known problem is one sentence on standard error and exit code 2; Ctrl-C is exit code 130; nobody sees a traceback.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from types import ModuleType

from course_lib.errors import CourseError

# name -> the one line of help; kept here, so that `course --help` imports no command
COMMANDS = {
    "start": "open JupyterLab on the first sheet that is not finished",
    "doctor": "say what is here, what is missing, and what to type",
    "check": "judge your answers: a verdict per question",
    "explain": "say what an error means: a message, or a pasted traceback",
    "cards": "review the flashcards that are due, or write them for Anki",
    "progress": "say what you have done and what is next; export, load or forget it",
    "reset": "begin a sheet or a question again (your copy is kept)",
    "checkpoint": "write the app as it stands after a lesson into a folder",
    "app": "serve the app as it stands after a lesson on this machine",
    "servers": "say which database servers run, start and stop them, print a URL",
    "certificate": "judge everything afresh and write a certificate, or verify one",
    "submit": "collect your answers for handing in",
    "grade": "judge a class: a report for the teacher, a gradebook, a page (teachers)",
    "derive": "make the exercises from the solutions (authors)",
    "prove": "judge every known right and wrong answer (authors)",
    "guide": "write the field guide's page (authors)",
    "normalise": "run notebooks and bring them into the stored form (authors)",
}


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 1 something is not right, 2 it could not be done."""
    given = sys.argv[1:] if arguments is None else arguments
    name = next((f"course {word}" for word in given if word in COMMANDS), "course")
    try:
        parser = _parser(given)
        chosen = parser.parse_args(given)
        if chosen.command is None:
            parser.print_help()
        code: int = 2 if chosen.command is None else _module(chosen.command).run(chosen)
        sys.stdout.flush()  # a reader who left is noticed here, and not while Python ends
    except CourseError as error:
        return _said(name, str(error), 2)
    except KeyboardInterrupt:
        return _said(name, "stopped", 130)
    except BrokenPipeError:  # `course ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        what = f"{error.strerror or error}: {error.filename}" if error.filename else str(error)
        return _said(name, f"{what}; check the disk and your permissions", 2)
    return code


def _said(name: str, text: str, code: int) -> int:
    print(f"{name}: {text}", file=sys.stderr)
    return code


def _parser(given: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="course", description="Velvet Rope: async database connections in FastAPI")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, summary in COMMANDS.items():
        sub = subparsers.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        if name in given:  # only the command that is run is imported
            _module(name).add_arguments(sub)
    return parser


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"course_lib.commands.{name}")


if __name__ == "__main__":
    sys.exit(main())
