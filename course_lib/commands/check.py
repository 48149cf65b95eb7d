"""Judge your answers: a verdict per question, from a fresh process.

The answers come from `work/`; notebook, checks and expected outputs are ours.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
from collections.abc import Callable, Container, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from course_lib import notebook_file
from course_lib.errors import CourseError, NotebookError
from course_lib.grading.graded import Verdict
from course_lib.locations import work_folder

A_CLASS = 5  # sheets from which on a warm-up pays
MARKS = {
    "pass": "✓ pass",
    "fail": "✗ fail",
    "error": "! error",
    "timeout": "⧖ timeout",
    "not attempted": "· not attempted",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `course check`."""
    parser.add_argument("sheets", nargs="*", metavar="NN|FILE", help="a lesson number or a notebook; all when left out")
    parser.add_argument("--json", action="store_true", help="print the verdicts as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Judge the sheets; exit code 0 when every attempted answer passes, 1 when one does not, 2 for a broken sheet."""
    from course_lib.grading.graded import Submission
    from course_lib.grading.judge import Judge

    paths = sheets(arguments.sheets)
    results: dict[str, list[Verdict]] = {}
    problems: dict[str, str] = {}
    with Judge(quick=len(paths) < A_CLASS) as judge, _progress(arguments.json) as tell:
        _get_ready(paths)
        for path in paths:
            try:
                graded = judge.grade_one(Submission("", path.name, notebook_file.read_bytes(path)), tell)
            except NotebookError as error:
                problems[_title(path, problems)] = str(error)
                continue
            if graded.problem:
                problems[_title(path, problems)] = graded.problem
            else:
                results[_title(path, results)] = list(graded.verdicts)
    _remember(results)
    if arguments.json:
        print(json.dumps(_as_data(results, problems), indent=1, ensure_ascii=False))
    else:
        _show(results, problems)
    if problems:
        return 2
    wrong = {"fail", "error", "timeout"}
    return int(any(verdict.outcome.outcome in wrong for verdicts in results.values() for verdict in verdicts))


def _get_ready(paths: list[Path]) -> None:
    """Do what this process must do anyway while the judge's own still imports the stack: 0.2 s of a wait of 1.5."""
    for module in ("rich.console", "rich.table", "course_lib.study.progress"):
        importlib.import_module(module)
    from course_lib.grading import exercise

    for path in paths:
        if path.stem in notebook_file.stems("solutions"):
            with contextlib.suppress(CourseError, OSError):  # the judge says it of the sheet it concerns
                exercise.exercise(path.stem)


def _title(path: Path, taken: Container[str]) -> str:
    """Return what a sheet is called in the report: two files of one name are told apart by their folders."""
    return str(path) if path.stem in taken else path.stem


def sheets(names: list[str]) -> list[Path]:
    """Return the notebooks that `names` (numbers or files) mean; every exercise in the work folder when empty."""
    if not names:
        found = sorted((work_folder() / "exercises").glob("[0-9][0-9]_*.ipynb"))
        if not found:
            raise NotebookError("no answers in work/ yet; begin with: course start")
        return found
    return [_sheet(name) for name in names]


def _sheet(name: str) -> Path:
    if name.isdigit():
        stem = notebook_file.find("exercises", int(name)).stem
        path = work_folder() / "exercises" / f"{stem}.ipynb"
        if not path.exists():
            raise NotebookError(f"no answers for {stem} in work/ yet; begin with: course start {stem[:2]}")
        return path
    path = Path(name)
    if not path.is_file():
        raise NotebookError(f"no file {name}; name a lesson number (course check 03) or a notebook")
    return path


def _progress(quiet: bool) -> AbstractContextManager[Callable[[Verdict], None]]:
    import sys

    if quiet or not sys.stderr.isatty():
        return contextlib.nullcontext(lambda verdict: None)
    from rich.console import Console

    @contextlib.contextmanager
    def spinner() -> Iterator[Callable[[Verdict], None]]:
        with Console(stderr=True).status("judging your answers") as status:
            yield lambda verdict: status.update(f"{verdict.outcome.question}: {verdict.outcome.outcome}")

    return spinner()


def _remember(results: dict[str, list[Verdict]]) -> None:
    from course_lib.study.progress import record

    for verdicts in results.values():
        for verdict in verdicts:
            if verdict.outcome.outcome != "not attempted":
                record("checked", verdict.outcome.question, verdict.outcome.as_dict())
            if verdict.outcome.outcome == "pass":
                record("passed", verdict.outcome.question, verdict.outcome.as_dict())


def _as_data(results: dict[str, list[Verdict]], problems: dict[str, str]) -> dict[str, object]:
    sheets_data = {
        stem: [{**verdict.outcome.as_dict(), "note": verdict.note, "hint": verdict.hint} for verdict in verdicts]
        for stem, verdicts in results.items()
    }
    return {"version": 1, "sheets": sheets_data, "problems": problems}


def _show(results: dict[str, list[Verdict]], problems: dict[str, str]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    for stem, verdicts in results.items():
        table = Table(title=stem, title_justify="left", box=box.SIMPLE, expand=False)
        for name in ("question", "verdict", "points", "what was seen, and where to read"):
            table.add_column(name, overflow="fold", no_wrap=name in ("verdict", "points"))
        for verdict in verdicts:
            outcome = verdict.outcome
            points = f"{outcome.points}/{outcome.possible}"
            table.add_row(outcome.question, MARKS[outcome.outcome], points, Text("\n".join(_lines(verdict))))
        console.print(table)
    for stem, problem in problems.items():
        console.print(Text(f"{stem}: {problem}"))


def _lines(verdict: Verdict) -> list[str]:
    outcome = verdict.outcome
    lines = [outcome.message.removeprefix("timeout: ")]
    if outcome.pointer:
        lines.append(f"read: {outcome.pointer}")
    if verdict.hint:
        lines.append(f"hint: {verdict.hint}")
    if verdict.note:
        lines.append(f"note: {verdict.note}")
    return lines
