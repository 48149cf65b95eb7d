"""Right answers pass, in whatever shape they come: every solution and every other right way of the whole course.

Each sheet comes in one shape and each shape once at least; `COURSE_ALL_ATTACKS=1` tries every sheet in every shape.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest
from attacks.bench import Bench, selected
from attacks.targets import SOLUTIONS

from course_lib import notebook_file
from course_lib.grading.graded import Submission
from course_lib.grading.judge import Judge
from grading.shapes import SHAPES, renamed, sheets, written

STEMS = [path.stem for path in sorted(SOLUTIONS.glob("*.ipynb"))]
ALL = os.environ.get("COURSE_ALL_ATTACKS") == "1"
Case = tuple[str, int, str]  # exercise, which of its solved sheets, shape


def chosen() -> Iterator[Case]:
    """Yield the sheets and shapes that are tried here; what is left of the shapes comes on the shortest exercise."""
    solved = [(stem, number) for stem in STEMS for number in range(len(sheets(stem)))]
    if ALL:
        yield from ((stem, number, shape) for stem, number in solved for shape in SHAPES)
        return
    longer = max(len(solved), len(SHAPES))
    solved += [(STEMS[0], 0)] * (longer - len(solved))
    for (stem, number), shape in zip(solved, itertools.islice(itertools.cycle(SHAPES), longer), strict=True):
        yield stem, number, shape


CASES = {f"{stem} {number + 1}, {shape}": (stem, number, shape) for stem, number, shape in chosen()}


@pytest.fixture(scope="module")
def bench(course_judge: Judge, request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Return the bench, with every selected sheet under way."""
    with Bench() as bench:
        for name in selected(request, CASES):
            bench.begin(name, course_judge, submission(*CASES[name]))
        yield bench


def submission(stem: str, number: int, shape: str) -> Submission:
    """Return one solved sheet as it is handed in."""
    return Submission("ada", f"{stem}.ipynb", written(sheets(stem)[number], shape))


@pytest.mark.parametrize("name", CASES)
def test_right_answers_pass_in_every_shape(name: str, bench: Bench, course_judge: Judge) -> None:
    if name not in bench:
        bench.begin(name, course_judge, submission(*CASES[name]))
    graded = bench.graded(name)
    assert graded.problem == ""
    said = {verdict.outcome.question: (verdict.outcome.outcome, verdict.note) for verdict in graded.verdicts}
    wrong = [verdict.outcome for verdict in graded.verdicts if verdict.outcome.outcome != "pass"]
    assert wrong == []
    assert set(said.values()) == {("pass", "")}
    assert graded.points == graded.possible > 0


def test_every_exercise_and_shape_is_tried() -> None:
    assert {stem for stem, _, _ in CASES.values()} == set(STEMS)
    assert {shape for _, _, shape in CASES.values()} == set(SHAPES)


def test_a_shape_is_a_notebook() -> None:
    sheet = sheets(STEMS[0])[0]
    for shape in SHAPES:
        made = notebook_file.parse_notebook(written(sheet, shape), "x.ipynb")
        assert set(notebook_file.questions(made)) == set(notebook_file.questions(sheet))


def test_names_are_other_ones_and_arguments_stay() -> None:
    lines = ["async def f(http):", "    one = 1", "", "    def two(x):", "        nonlocal one", "        one = x + y"]
    text = "\n".join(["# question: a", *lines, "    return [one]"])
    assert renamed(text) == text.replace("one", "my_one_β").replace("two", "my_two_β")
