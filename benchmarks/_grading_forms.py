"""The exercise of `grading_peers.py` in the form each grader wants: sheets, a class room, tests, a course of its own.

`grading_exercise.toml` is the only source, so that all of them judge the same cells.
"""

from __future__ import annotations

import json
import os
import sys
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any  # Any: a cell is JSON

from course_lib.authoring import derive
from course_lib.authoring.normalise import dress
from course_lib.notebook_file import Notebook

STEM = "00_grading"
PEERS_EQUAL = """def equal(came, wanted):
    assert came == wanted, f"expected {wanted!r}, got {came!r}"
"""
OURS = "from course_lib import check\nfrom course_lib.checks.assertions import equal\n"
OURS += "from course_lib.checks.question import question\n"
REGISTERED = '\n\nquestion("{name}", lesson="{stem}", section=1)({check})'
OTTER_TEST = """from asyncio import run
from concurrent.futures import ThreadPoolExecutor

from otter.test_files import test_case

OK_FORMAT = False
name, points = "{name}", 1


@test_case(points=1)
def test_answer({check}, router):
    with ThreadPoolExecutor(1) as thread:  # nobody awaits a test here, and the kernel's own loop is running
        thread.submit(run, {check}(router)).result()
"""
SOURCE = tomllib.loads(Path(__file__).with_name("grading_exercise.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Asked:
    """One question: its name, the function that checks it, what a right answer shows, and two answers."""

    name: str
    check: str
    shown: str
    right: str
    wrong: str


QUESTIONS = [Asked(**{key: text.strip() for key, text in row.items()}) for row in SOURCE["questions"]]


def learner(number: int) -> str:
    """Return the name of a learner."""
    return f"learner-{number:03}"


def points(number: int) -> int:
    """Return what a learner deserves: every second one has the last question wrong."""
    return len(QUESTIONS) - number % 2


def cells(*, ours: bool) -> list[tuple[str, str, str]]:
    """Return (id, text, what it shows) of every cell, with the right answers; `ours` asks our own `check`."""
    *setup, checks = [text.strip() for text in SOURCE["setup"]]
    if ours:
        checks = f"{OURS}\n\n{checks}" + "".join(
            REGISTERED.format(name=asked.name, stem=STEM, check=asked.check) for asked in QUESTIONS
        )
    else:
        checks = f"{PEERS_EQUAL}\n\n{checks}"
    made = [(f"setup-{number}", text, "") for number, text in enumerate([*setup, checks])]
    for asked in QUESTIONS:
        made.append((f"answer-{asked.name}", f"# question: {asked.name}\n{asked.right}", ""))
        call = f'await check("{asked.name}", router=router)' if ours else f"await {asked.check}(router)"
        shown = f"pass {asked.name}, 1 point: {asked.shown}" if ours else repr(asked.shown)
        made.append((f"check-{asked.name}", call, shown))
    return made


def solution(*, ours: bool) -> Notebook:
    """Return the notebook with the right answers between markers, and what every check shows."""
    made = []
    for count, (name, text, shown) in enumerate(cells(ours=ours), 1):
        value = {"data": {"text/plain": shown}, "execution_count": count, "metadata": {}}
        outputs = [{**value, "output_type": "execute_result"}] if shown else []
        made.append(_code(name, text, count, outputs))
    return dress({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def _code(name: str, text: str, count: int | None, outputs: list[Any]) -> dict[str, Any]:
    kind, _, question = name.partition("-")
    metadata: dict[str, Any] = {}
    if kind in ("answer", "check"):
        is_answer = kind == "answer"
        grade = {"grade_id": question if is_answer else name, "schema_version": 3, "task": False}
        grade |= {"solution": is_answer, "grade": not is_answer, "locked": not is_answer}
        metadata["nbgrader"] = grade if is_answer else {**grade, "points": 1}
    cell = {"cell_type": "code", "id": name, "source": text, "metadata": metadata}
    return {**cell, "execution_count": count, "outputs": outputs}


def sheet(number: int, *, ours: bool) -> Notebook:
    """Return what a learner hands in."""
    made = solution(ours=ours)
    wrong = {f"answer-{QUESTIONS[-1].name}": QUESTIONS[-1].wrong} if points(number) < len(QUESTIONS) else {}
    for cell in made["cells"]:
        if cell["id"].startswith("answer-"):
            text = derive.without_markers(cell["source"])
            first = text.partition("\n")[0]
            cell["source"] = f"{first}\n{wrong[cell['id']]}" if cell["id"] in wrong else text
    return made


def put(path: Path, made: Notebook) -> Path:
    """Write a notebook, its folders included; return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(derive.dump(made), encoding="utf-8")
    return path


def kernel(folder: Path) -> dict[str, str]:
    """Write a kernel of the course's own Python, and return the environment in which Jupyter's tools find it."""
    place = folder / "jupyter" / "kernels" / "python3"
    place.mkdir(parents=True, exist_ok=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (place / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "course", "language": "python"}))
    home = {"HOME": str(folder), "JUPYTER_PATH": str(folder / "jupyter"), "IPYTHONDIR": str(folder / "ipython")}
    return {**os.environ, **home, "JUPYTER_RUNTIME_DIR": str(folder / "runtime")}


def otter_sheet(number: int) -> Notebook:
    """Return a sheet with otter's metadata: it then checks each answer where its check cell stood."""
    made = sheet(number, ours=False)
    made["metadata"]["otter"] = {"assignment_name": STEM}
    made["cells"] = [cell for cell in made["cells"] if not cell["id"].startswith("check-")]
    for cell in made["cells"]:
        if cell["id"].startswith("answer-"):
            cell["metadata"]["otter"] = {"tests": [cell["id"].removeprefix("answer-")]}
    return made


def otter_tests(folder: Path) -> Path:
    """Write otter's autograder: a test file for each question, in a zip; return its path."""
    path = folder / "autograder.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("otter_config.json", json.dumps({"lang": "python", "assignment_name": STEM}))
        for asked in QUESTIONS:
            archive.writestr(f"tests/{asked.name}.py", OTTER_TEST.format(name=asked.name, check=asked.check))
    return path


def course(root: Path) -> Path:
    """Write a course that has this exercise only, and return its folder."""
    put(root / "solutions" / f"{STEM}.ipynb", solution(ours=True))
    put(root / "exercises" / f"{STEM}.ipynb", derive.derive(solution(ours=True)))
    return root
