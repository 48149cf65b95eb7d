"""How long a learner waits for a verdict: `course check` on a solved exercise 03, beside `pytest --nbval`.

Both run in fresh processes, in turn; the split of `course check` comes from a judge of its own.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 5
STEM = "03_engine_and_session"


def solved(folder: Path) -> Path:
    """Write the exercise with its answers filled in, as a learner would leave it, and return its path."""
    from course_lib.authoring import derive
    from course_lib.notebook_file import find, question_of, read_notebook, source

    notebook = read_notebook(find("exercises", 3))
    answers = {question_of(cell): source(cell) for cell in read_notebook(find("solutions", 3))["cells"]}
    for cell in notebook["cells"]:
        name = question_of(cell)
        if name:
            cell["source"] = derive.without_markers(answers[name])
    path = folder / f"{STEM}.ipynb"
    path.write_text(derive.dump(notebook), encoding="utf-8")
    return path


def seconds(*command: str, environment: dict[str, str]) -> float:
    """Return the wall seconds of one command that must succeed."""
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - begin


def split(path: Path) -> dict[str, float]:
    """Return the parts of one check in this process: start and imports of the zygotes, and the four answers."""
    from course_lib.grading.graded import Submission
    from course_lib.grading.judge import Judge

    begin = time.perf_counter()
    raising = {"cell_type": "code", "metadata": {}, "source": "# question: one-engine\n1 / 0"}
    sheet = {"cells": [raising], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    nobody = Submission("", path.name, json.dumps(sheet).encode())
    with Judge(quick=True) as judge:
        judge.grade_one(nobody)  # an answer that ends at once: it comes back when the stack is imported
        ready = time.perf_counter()
        graded = judge.grade_one(Submission("", path.name, path.read_bytes()))
        done = time.perf_counter()
    assert all(verdict.outcome.outcome == "pass" for verdict in graded.verdicts), graded
    return {"start and imports": ready - begin, "run": done - ready}


def main() -> None:
    """Print the medians and their ratio."""
    with tempfile.TemporaryDirectory(prefix="velvet-rope-bench-") as name:
        folder = Path(name)
        path = solved(folder)
        environment = {**os.environ, "COURSE_PROGRESS_DB": str(folder / "progress.db")}
        check = [sys.executable, "-m", "course_lib.cli", "check", str(path)]
        nbval = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval", str(path)]
        pairs = [
            (seconds(*check, environment=environment), seconds(*nbval, environment=environment)) for _ in range(RUNS)
        ]
        parts = [split(path) for _ in range(RUNS)]
    checked, compared = (statistics.median(times) for times in zip(*pairs, strict=True))
    result = {key: round(statistics.median(part[key] for part in parts), 2) for key in parts[0]}
    ratio = statistics.median(other / ours for ours, other in pairs)
    print(f"course check 03       {checked:5.2f} s   {json.dumps(result)}")
    print(f"pytest --nbval        {compared:5.2f} s   {ratio:.1f} times as long")


if __name__ == "__main__":
    main()
