"""Run notebooks and bring them into the stored form."""

from __future__ import annotations

import argparse
from pathlib import Path

from course_lib import notebook_file
from course_lib.authoring.derive import derive_all
from course_lib.authoring.normalise import normalise, require_servers
from course_lib.locations import course_root
from course_lib.whole_file import write_whole


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `course normalise`."""
    parser.add_argument("numbers", nargs="*", type=int, metavar="NN", help="lessons; all when left out")
    parser.add_argument("--check", action="store_true", help="run nothing; exit code 1 when a form is not normal")
    parser.add_argument("--only", choices=("notebooks", "solutions"), help="one of the two folders")


def run(arguments: argparse.Namespace) -> int:
    """Normalise lessons and solutions; an exercise is derived again before its solution runs, and after it."""
    changed = []
    for path in _paths(arguments.numbers, arguments.only):
        number = int(path.name[:2])
        if path.parent.name == "solutions" and not arguments.check:
            require_servers(path)
            write_whole(path, normalise(path, run=False))
            derive_all(only=number)  # a check reads its points from the exercise
        text = normalise(path, run=not arguments.check)
        if path.read_text(encoding="utf-8") == text:
            continue
        changed.append(path)
        if not arguments.check:
            write_whole(path, text)
            derive_all(only=number)
        print(f"{path.parent.name}/{path.name}: {'not normal; run course normalise' if arguments.check else 'written'}")
    return int(bool(changed) and arguments.check)


def _paths(numbers: list[int], only: str | None) -> list[Path]:
    kinds: tuple[notebook_file.Kind, ...] = ("notebooks", "solutions")
    return [
        course_root() / kind / f"{stem}.ipynb"
        for kind in kinds
        if only in (None, kind)
        for stem in notebook_file.stems(kind)
        if not numbers or int(stem[:2]) in numbers
    ]
