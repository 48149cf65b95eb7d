"""Judge one sheet: graft its answers into our notebook, run each in a process of its own, give a verdict each.

A broken sheet costs one sentence; a hanging answer costs one question.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from course_lib import notebook_file
from course_lib.authoring import derive, graft
from course_lib.authoring.warm import Warm
from course_lib.checks.attempt import state
from course_lib.checks.outcome import Outcome
from course_lib.errors import CourseError, NotebookError
from course_lib.grading.graded import Verdict
from course_lib.locations import course_root
from course_lib.notebook_file import Notebook


def solution_of(path: Path) -> tuple[str, Notebook]:
    """Return the stem and our solution for a learner's sheet; by its name, else by the questions inside."""
    for stem in notebook_file.stems("solutions"):
        if path.stem == stem or path.stem.startswith(f"{stem}-") or path.stem[:3] == stem[:3]:
            return stem, _solution(stem)
    if path.is_file():
        asked = set(notebook_file.questions(notebook_file.read_notebook(path)))
        for stem in notebook_file.stems("solutions"):
            if asked & set(notebook_file.questions(_solution(stem))):
                return stem, _solution(stem)
    raise NotebookError(f"{path.name} belongs to no exercise of the course; name it like 03_engine_and_session.ipynb")


def _solution(stem: str) -> Notebook:
    return notebook_file.read_notebook(course_root() / "solutions" / f"{stem}.ipynb")


def judge(path: Path, warm: Warm, tell: Callable[[Verdict], None] = lambda verdict: None) -> list[Verdict]:
    """Return a verdict for every question of the sheet at `path`, in order; `tell` hears each as it is formed."""
    stem, solution = solution_of(path)
    answers = graft.answers_of(notebook_file.read_notebook(path), solution)
    starters = derive.starters(solution)
    verdicts = []
    for job in graft.jobs(solution, answers.texts):
        possible = notebook_file.points(derive.checks(solution)[job.question])
        outcome = _outcome(job, starters[job.question], warm)
        outcome = replace(outcome, lesson=stem, possible=possible)
        hint = first_hint(solution, job.question) if outcome.outcome in ("fail", "error", "timeout") else ""
        verdict = Verdict(outcome, answers.notes.get(job.question, ""), hint)
        verdicts.append(verdict)
        tell(verdict)
    return verdicts


def _outcome(job: graft.Job, starter: str, warm: Warm) -> Outcome:
    if not job.answer.strip() or state(job.answer, starter) == "untouched":
        return Outcome(job.question, "not attempted", "still the starter; write your answer in its cell")
    try:
        return warm.run(job)
    except CourseError as error:  # ours, not the learner's: one question without a verdict, and the others keep theirs
        return Outcome(job.question, "error", str(error))


def first_hint(solution: Notebook, question: str) -> str:
    """Return the first hint of `question`, empty when there is none."""
    for cell in solution["cells"]:
        if cell.get("id") == f"hints-{question}":
            items = [line[2:].strip() for line in notebook_file.source(cell).splitlines() if line.startswith("1.")]
            return items[0] if items else ""
    return ""
