"""An answer cell that failed is remembered until it runs again; no other cell is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from course_lib.errors import CheckFailed
from course_lib.workspace import answers


def ran(text: str, *, before: BaseException | None = None, during: BaseException | None = None) -> Any:
    """Return what IPython hands to a hook after a cell."""
    return SimpleNamespace(
        info=SimpleNamespace(raw_cell=text),
        error_before_exec=before,
        error_in_exec=during,
        success=not (before or during),
    )


@pytest.fixture(autouse=True)
def nothing_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin with an empty memory."""
    monkeypatch.setattr(answers, "failed", {})


def test_a_cell_without_a_question_is_ignored() -> None:
    answers.note(ran("1 / 0", during=ZeroDivisionError("division by zero")))
    assert answers.failed == {}


def test_an_error_is_kept_in_one_line_until_the_cell_runs() -> None:
    answers.note(ran("# question: first-call\n1 / 0", during=ZeroDivisionError("division by zero")))
    assert answers.failed == {"first-call": "ZeroDivisionError: division by zero"}
    answers.note(ran("# question: first-call\n1"))
    assert answers.failed == {}


def test_a_syntax_error_is_kept_without_its_file() -> None:
    answers.note(ran("# question: first-call\n(", before=SyntaxError("'(' was never closed", ("cell", 1, 1, "("))))
    assert answers.failed == {"first-call": "SyntaxError: '(' was never closed"}


def test_a_check_in_the_answers_own_cell_that_said_no_is_no_failed_answer() -> None:
    answers.note(ran("# question: first-call\n1", during=CheckFailed("expected 2, got 1")))
    assert answers.failed == {}


def test_an_answer_that_runs_again_has_not_failed_yet() -> None:
    text = "# question: first-call\nawait check('first-call')"
    answers.note(ran(text, during=NameError("dots")))
    answers.begin(SimpleNamespace(raw_cell="1 + 1"))
    assert answers.failed == {"first-call": "NameError: dots"}
    answers.begin(SimpleNamespace(raw_cell=text))
    assert answers.failed == {}
