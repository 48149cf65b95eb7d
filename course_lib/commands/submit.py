"""Collect your answers for handing in: the answer cells only, no outputs.

What is handed in holds nothing of the machine it was written on.
"""

from __future__ import annotations

import argparse
import io
import zipfile
from pathlib import Path

from course_lib import notebook_file
from course_lib.authoring import derive, graft
from course_lib.commands.check import sheets
from course_lib.errors import CourseError
from course_lib.grading.exercise import exercise_for
from course_lib.notebook_file import Cell, Notebook
from course_lib.whole_file import write_whole


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `course submit`."""
    parser.add_argument("sheets", nargs="*", metavar="NN|FILE", help="lesson numbers or notebooks; all when left out")
    parser.add_argument("--to", type=Path, default=Path("submission"), help="the folder to write (default: submission)")
    parser.add_argument("--zip", action="store_true", help="write one zip file instead of a folder")


def run(arguments: argparse.Namespace) -> int:
    """Write one notebook per sheet with the answers found in it."""
    files = {}
    for path in sheets(arguments.sheets):
        sheet = notebook_file.read_notebook(path)
        exercise = exercise_for(path.name, sheet)
        files[f"{exercise.stem}.ipynb"] = derive.dump(answers_only(sheet, exercise.solution))
    target: Path = _zipped(arguments.to) if arguments.zip else arguments.to
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise CourseError(f"{target} exists already; name another with --to, or move it away first")
    if arguments.zip:
        write_whole(target, _archive(files))
    else:
        target.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            write_whole(target / name, text)
    print(f"wrote {target} with {', '.join(sorted(files))}")
    return 0


def _zipped(to: Path) -> Path:
    return to if to.suffix == ".zip" else to.with_name(f"{to.name}.zip")


def _archive(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():  # ZipInfo has a fixed date: the same answers give the same bytes
            archive.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def answers_only(sheet: Notebook, solution: Notebook) -> Notebook:
    """Return a notebook with the answer cells of `sheet` and nothing else."""
    texts = graft.answers_of(sheet, solution).texts
    cells: list[Cell] = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": f"answer-{name}",
            "metadata": {},
            "outputs": [],
            "source": texts[name],
        }
        for name in notebook_file.questions(solution)
        if name in texts
    ]
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
