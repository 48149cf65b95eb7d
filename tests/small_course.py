"""A course with one small exercise, for tests of what makes, proves and judges exercises.

Its first cell registers its own checks, so that the process which judges knows them without a line in the course.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any  # Any: a cell is JSON

from course_lib.authoring import derive
from course_lib.authoring.normalise import dress
from course_lib.notebook_file import Notebook, code_cells, question_of

STEM = "00_small"
LIMIT_S = 60.0  # of waiting for something that comes at once on an idle machine
SETUP = '''
import asyncio

from course_lib import check
from course_lib.checks.assertions import ask, equal
from course_lib.checks.question import question


@question("small-double", lesson="00_small", section=1, seconds=2.0)
async def check_double(double):
    """Ask twice: a copied answer cannot be right twice."""
    equal(await ask(double, 3), 6)
    equal(await ask(double, 4), 8, section=2)
    return "doubled twice"


@question("small-later", lesson="00_small", section=1, seconds=2.0)
async def check_later(later):
    """Ask once."""
    equal(await ask(later), "later")
    return "told later"
'''.strip()
APP = """%%app main.py
from fastapi import FastAPI

app = FastAPI(title="Small")


@app.get("/live")
async def live() -> str:
    return "small"
"""
DOUBLE = """# question: small-double
async def double(number):
    ### BEGIN SOLUTION
    await asyncio.sleep(0)
    return 2 * number
    ### END SOLUTION"""
LATER = """# question: small-later
### BEGIN SOLUTION
async def later():
    return "later"
### END SOLUTION"""
BROKEN = """# question: small-later
# caught: NameError: name 'soon' is not defined
async def later():
    return soon"""
RIGHT = {
    "small-double": "# question: small-double\nasync def double(number):\n    return number + number",
    "small-later": "# question: small-later\nasync def later():\n    return 'later'",
}
WRONG = {
    "small-double-copied": ("expected 8, got 6", 2, "async def double(number):\n    return 6"),
    "small-double-tripled": ("expected 6, got 9", 1, "async def double(number):\n    return 3 * number"),
    "small-double-handed-on": (
        "a coroutine was never awaited",
        1,
        "async def double(number):\n    return asyncio.sleep(0, 2 * number)",
    ),
    "small-later-early": ("expected 'later', got 'early'", 1, "async def later():\n    return 'early'"),
    "small-later-nothing": ("expected 'later', got None", 1, "async def later():\n    pass"),
    "small-later-raises": ("ValueError: no", 1, "async def later():\n    raise ValueError('no')"),
}


def markdown(name: str, text: str, *marks: str) -> dict[str, Any]:
    """Return a markdown cell."""
    return {"cell_type": "markdown", "id": name, "metadata": {"tags": [*marks]} if marks else {}, "source": text}


def code(text: str, name: str = "", count: int | None = None, shown: str = "") -> dict[str, Any]:
    """Return a code cell that has run as number `count` and has shown a value."""
    value = {"data": {"text/plain": shown}, "execution_count": count, "metadata": {}, "output_type": "execute_result"}
    outputs = [value] if shown else []
    cell: dict[str, Any] = {
        "cell_type": "code",
        "execution_count": count,
        "metadata": {},
        "outputs": outputs,
        "source": text,
    }
    return {**cell, "id": name} if name else cell


def raw(name: str, text: str, tag: str, **course: Any) -> dict[str, Any]:
    """Return a raw cell with what `prove` knows it by."""
    return {"cell_type": "raw", "id": name, "metadata": {"course": course, "tags": [tag]}, "source": text}


def notebook(*cells: dict[str, Any]) -> Notebook:
    """Return a notebook of these cells in normal form."""
    return dress({"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def _question(name: str, answer: str, function: str, counts: tuple[int, int], shown: str) -> list[dict[str, Any]]:
    hint = "1. " + "word " * 24
    return [
        markdown(f"question-{name}", f"## {name} · 1 point"),
        markdown(f"hints-{name}", f"<details><summary>Hints</summary>\n\n{hint}\n\n</details>"),
        code(answer, f"answer-{name}", counts[0]),
        raw(f"right-{name}-other", RIGHT[name], "also-right", question=name),
        *[
            raw(f"wrong-{turn}", f"# caught: {caught}\n{text}", "wrong", question=name, section=section)
            for turn, (caught, section, text) in WRONG.items()
            if turn.startswith(name)
        ],
        code(f'await check("{name}", {function}={function})', f"check-{name}", counts[1], shown),
        markdown(f"because-{name}", "**Why.** The secret reason.", "because"),
    ]


def solution() -> Notebook:
    """Return the solution: two questions, the second with a broken starter."""
    double, later = "pass small-double, 1 point: doubled twice", "pass small-later, 1 point: told later"
    return notebook(
        markdown("title", "# 00 Small: exercises\n\nTwo questions, two points."),
        code(SETUP, "setup", 1),
        *_question("small-double", DOUBLE, "double", (2, 3), double),
        *_question("small-later", LATER, "later", (4, 5), later),
        raw("starter-small-later", BROKEN, "starter", question="small-later", section=1),
    )


def write(path: Path, made: Notebook) -> Path:
    """Write a notebook as the course stores it, its folders included; return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(derive.dump(made), encoding="utf-8")
    return path


def build(root: Path) -> Path:
    """Write the course into `root` and return it."""
    write(root / "solutions" / f"{STEM}.ipynb", solution())
    write(root / "exercises" / f"{STEM}.ipynb", derive.derive(solution()))
    write(root / "notebooks" / f"{STEM}.ipynb", notebook(markdown("title", "# 00 Small"), code(APP, "app", 1)))
    return root


def sheet(**answers: str) -> Notebook:
    """Return the exercise with these answers written in; `small_double="..."` answers `small-double`."""
    made = derive.derive(solution())
    for cell in code_cells(made):
        name = question_of(cell)
        if name and name.replace("-", "_") in answers:
            cell["source"] = answers[name.replace("-", "_")]
    return made


def right() -> Notebook:
    """Return the exercise with every question answered rightly."""
    return sheet(small_double=RIGHT["small-double"], small_later=RIGHT["small-later"])


@dataclass
class Traces:
    """Finds what a process and its children leave behind, by a mark in their environment."""

    mark: str
    homes: set[Path] = field(default_factory=set)

    def environment(self, **more: str) -> dict[str, str]:
        """Return this process's environment with the mark."""
        return {**os.environ, "COURSE_TEST_MARK": self.mark, **more}

    def running(self) -> list[int]:
        """Return the marked processes that run now, and remember the folders they run in."""
        wanted, found = f"COURSE_TEST_MARK={self.mark}".encode(), []
        for place in Path("/proc").glob("[0-9]*"):
            try:
                if wanted in (place / "environ").read_bytes().split(b"\0"):
                    found.append(int(place.name))
                    self.homes.add((place / "cwd").readlink())
            except OSError:  # it has ended meanwhile, or is a zombie
                continue
        return found

    def gone(self) -> bool:
        """Return whether no marked process runs, or none after a moment: a killed one needs the kernel's time."""
        deadline = time.monotonic() + LIMIT_S
        while self.running():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True


def wait_for(path: Path) -> None:
    """Wait until another process has made a file."""
    deadline = time.monotonic() + LIMIT_S
    while not path.exists():
        assert time.monotonic() < deadline, f"{path.name} never came"
        time.sleep(0.01)


def wait_until(has_come: Callable[[], bool]) -> None:
    """Wait until another process has got so far."""
    deadline = time.monotonic() + LIMIT_S
    while not has_come():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


def full_disk(traces: Traces, *arguments: str, room: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the real program where no file can grow beyond `room` bytes, as on a full disk."""
    program = "import resource, sys\nfrom course_lib.cli import main\n"
    program += f"resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, resource.RLIM_INFINITY))\n"
    program += f"sys.exit(main({[*arguments]}))"
    # a measuring test run would want to write its numbers on that disk
    env = {key: value for key, value in traces.environment().items() if not key.startswith("COV")}
    return subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True)


def verdicts(text: str, stem: str = STEM) -> dict[str, str]:
    """Return the outcome of each question from what `course check --json` printed."""
    return {row["question"]: row["outcome"] for row in json.loads(text)["sheets"][stem]}
