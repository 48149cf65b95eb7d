"""Prove the exercises: starter, solution, second right ways and every known wrong turn, each with its own verdict.

A check that cannot fail proves nothing; a wrong turn that gets the wrong message teaches the wrong thing.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol

from course_lib import notebook_file
from course_lib.authoring import derive, graft
from course_lib.authoring.warm import Warm, WarmPool
from course_lib.checks.attempt import state
from course_lib.checks.outcome import Outcome
from course_lib.errors import CourseError
from course_lib.notebook_file import Cell, Notebook, source, tags

WRONG_TURNS = 3  # at least, per question
RED = ("fail", "error", "timeout")


class Judging(Protocol):
    """Whoever returns the outcome of an answer: the judge, which this module must not import, for it knows variants."""

    def run(self, job: graft.Job) -> Outcome:
        """Return the outcome of `job`; raise `CourseError` for our own fault."""


@dataclass(frozen=True)
class Variant:
    """One text in the answer cell, and what its verdict must be."""

    question: str
    name: str
    kind: str  # starter, solution, right, wrong, no-await
    text: str
    caught: str = ""
    slug: str = ""
    section: int | None = None


@dataclass(frozen=True)
class Row:
    """One variant and its verdict; `hole` says what is not as it must be, empty when all is well."""

    variant: Variant
    outcome: Outcome
    hole: str = ""


def variants(solution: Notebook) -> list[Variant]:
    """Return every variant of every question of `solution`."""
    made: list[Variant] = []
    texts = derive.starters(solution)
    for cell in solution["cells"]:
        name = notebook_file.question_of(cell)
        if name:
            answer = derive.without_markers(source(cell))
            made.append(Variant(name, "starter", "starter", texts[name]))
            made.append(Variant(name, "solution", "solution", answer))
            made += [Variant(name, f"no await {n}", "no-await", text) for n, text in _without_await(name, answer)]
        elif cell.get("cell_type") == "raw":
            made += _raw_variants(cell)
    return made


def _raw_variants(cell: Cell) -> Iterator[Variant]:
    name = derive.raw_question(cell)
    if name is None:
        return
    text, caught = derive.body(source(cell)), derive.caught_text(source(cell))
    course = cell["metadata"]["course"]
    marked = text if notebook_file.QUESTION.match(text.lstrip().partition("\n")[0]) else f"# question: {name}\n{text}"
    label = str(cell.get("id", "")).removeprefix(f"wrong-{name}-").removeprefix(f"right-{name}-")
    if "also-right" in tags(cell):
        yield Variant(name, label, "right", marked)
    elif "wrong" in tags(cell) or ("starter" in tags(cell) and caught is not None):
        # a broken starter is judged too: as it stands it must be caught, once it is not taken for untouched
        yield Variant(name, label, "wrong", marked, caught or "", course.get("slug", ""), course.get("section"))


def _without_await(question: str, answer: str) -> Iterator[tuple[int, str]]:
    """Yield the answer with one `await` removed, for each of its awaits."""
    count = sum(isinstance(node, ast.Await) for node in ast.walk(ast.parse(answer)))
    for number in range(count):
        tree = ast.parse(answer)
        awaits = [node for node in ast.walk(tree) if isinstance(node, ast.Await)]
        yield number + 1, f"# question: {question}\n" + ast.unparse(_Drop(awaits[number]).visit(tree))


class _Drop(ast.NodeTransformer):
    def __init__(self, target: ast.Await) -> None:
        self._target = target

    def visit_Await(self, node: ast.Await) -> ast.expr:
        self.generic_visit(node)
        return node.value if node is self._target else node


def prove(
    number: int,
    warm: Warm | WarmPool,
    tell: Callable[[Row], None] = lambda row: None,
    *,
    seed: int | None = None,
    judge: Judging | None = None,
    jobs: int = 1,
) -> list[Row]:
    """Judge every variant of lesson `number`'s exercise and return the rows, holes included.

    With a `seed` the checks draw their values; each verdict must be what it is with the documented ones. With a
    `judge` each answer is handed to it as well: behind the sandbox, and with values drawn after it ran. `jobs` answers
    run at once, if `warm` and `judge` have as many processes: many wrong turns do nothing but wait.
    """
    solution = notebook_file.read_notebook(notebook_file.find("solutions", number))
    asked = {job.question: job for job in graft.jobs(solution, {})}
    # a question that has no check is a gap, named below
    found = [variant for variant in variants(solution) if variant.question in asked]

    def row_of(variant: Variant) -> Row:
        row = _judged(variant, asked[variant.question], functools.partial(_in_warm, warm, seed))
        if judge is not None and not row.hole and row.outcome.outcome != "not attempted":
            row = _twice(row, _judged(variant, asked[variant.question], judge.run))
        return row

    rows = []
    with ThreadPoolExecutor(jobs, thread_name_prefix="variant") as threads:
        for row in threads.map(row_of, found):
            rows.append(row)
            tell(row)
    return rows + [_missing(name, said) for name, said in gaps(solution)]


def _missing(question: str, said: str) -> Row:
    return Row(Variant(question, "gate", "gate", ""), Outcome(question, "error", said), said)


def _in_warm(warm: Warm | WarmPool, seed: int | None, job: graft.Job) -> Outcome:
    return warm.run(job, times=2 if job.target else 1, seed=seed)  # a solution, twice: it may leave nothing behind


def _twice(first: Row, second: Row) -> Row:
    return replace(second, hole=f"by the judge: {second.hole}") if second.hole else first


def _judged(variant: Variant, job: graft.Job, run: Callable[[graft.Job], Outcome]) -> Row:
    try:
        if variant.kind == "starter":
            outcome = Outcome(variant.question, "not attempted", "")
            hole = "" if state(variant.text, variant.text) == "untouched" else "the starter counts as an attempt"
            return Row(variant, outcome, hole)
        outcome = run(replace(job, answer=variant.text, target=job.target if variant.kind == "solution" else ""))
    except CourseError as error:
        return Row(variant, Outcome(variant.question, "error", str(error)), f"author error: {error}")
    if job.needs and outcome.outcome == "not attempted":  # its server is not here, as the message says
        return Row(variant, outcome)
    return Row(variant, outcome, _hole(variant, outcome))


def _hole(variant: Variant, outcome: Outcome) -> str:
    if variant.kind in ("solution", "right"):
        return "" if outcome.outcome == "pass" else f"must pass, got {outcome.outcome}: {outcome.message}"
    if outcome.outcome not in RED:
        return f"must be caught, got {outcome.outcome}"
    if variant.kind == "no-await":
        return ""
    if not variant.caught or not outcome.message.startswith(variant.caught):
        return f"expected {variant.caught!r}, got {outcome.message!r}"
    if variant.section is not None and outcome.section not in (None, variant.section):
        return f"must point to § {variant.section}, points to § {outcome.section}"
    if variant.slug and outcome.slug and not _same_entry(variant.slug, outcome.slug):
        return f"must name {variant.slug}, names {outcome.slug}"
    return ""


def _same_entry(wanted: str, named: str) -> bool:
    from course_lib.field_guide import entry

    return entry(wanted).slug == entry(named).slug


def gaps(solution: Notebook) -> list[tuple[str, str]]:
    """Return what a question of `solution` lacks: a check, wrong turns, a second right way, hints of the right size."""
    found: list[tuple[str, str]] = []
    checks = derive.checks(solution)
    made, asked = variants(solution), notebook_file.questions(solution)
    strays = {v.question: v.name for v in made if v.question not in asked}
    found += [(name, f"the raw cell {cell} names a question that is not asked here") for name, cell in strays.items()]
    for name in asked:
        wrong = sum(v.question == name and v.kind == "wrong" and v.name != f"starter-{name}" for v in made)
        right = sum(v.question == name and v.kind == "right" for v in made)
        if name not in checks:
            found.append((name, f"no cell with the id check-{name}"))
        elif not notebook_file.points(checks[name]):
            found.append((name, "the check cell has no points"))
        if wrong < WRONG_TURNS:
            found.append((name, f"{wrong} wrong turns, at least {WRONG_TURNS} are needed"))
        if not right:
            found.append((name, "no second right way (a raw cell tagged also-right)"))
        if not any(f"hints-{name}" == cell.get("id") for cell in solution["cells"]):
            found.append((name, f"no cell with the id hints-{name}"))
    return found
