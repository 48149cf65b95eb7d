"""`check` as a cell calls it: attempted or not, raised or returned, strict or quiet, and recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from conftest import Course
from sqlalchemy.ext.asyncio import create_async_engine

from course_lib import check
from course_lib.checks import question as register
from course_lib.checks import verdict
from course_lib.checks.assertions import ask, equal
from course_lib.checks.outcome import Outcome
from course_lib.checks.question import all_questions, question
from course_lib.errors import CheckFailed, CourseError
from course_lib.study.progress import events, passed
from course_lib.workspace import answers, modules

STARTER = "# question: pond-size\ndef pool_size():\n    ...  # your code here\n"
UNTOUCHED = "not attempted pond-size: write your answer in the cell above"


@pytest.fixture(autouse=True)
def pool_size(monkeypatch: pytest.MonkeyPatch, course: Course) -> None:
    """Register one question and write its exercise; nobody is strict."""
    course.add("07_pools", STARTER, kind="exercises")
    monkeypatch.setattr(register, "_questions", all_questions())
    monkeypatch.delenv("COURSE_STRICT", raising=False)
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)

    @question("pond-size", lesson="07_pools", section=1)
    async def check_pool_size(answer: Callable[..., Any]) -> str:
        equal(await ask(answer), 5)
        return "five it is"


def five() -> int:
    """Answer right."""
    return 5


def four() -> int:
    """Answer wrong."""
    return 4


def recorded() -> list[tuple[str, str, str]]:
    """Return (verb, object, outcome) of every event of this test's store."""
    return [(event.verb, event.object, str(event.result["outcome"])) for event in events()]


def test_a_right_answer_is_returned_and_recorded() -> None:
    outcome = asyncio.run(check("pond-size", answer=five))
    assert isinstance(outcome, Outcome)
    assert outcome.outcome == "pass"
    assert recorded() == [("checked", "pond-size", "pass"), ("passed", "pond-size", "pass")]
    assert passed() == {"pond-size"}
    assert events()[0].result["lesson"] == "07_pools"


def test_a_wrong_answer_raises_one_line_and_is_recorded() -> None:
    with pytest.raises(CheckFailed) as caught:
        asyncio.run(check("pond-size", answer=four))
    assert str(caught.value) == "expected 5, got 4"
    assert caught.value._render_traceback_() == ["fail pond-size: expected 5, got 4; read notebooks/07_pools.ipynb § 1"]
    assert recorded() == [("checked", "pond-size", "fail")]


def test_recorders_can_be_put_in_place_of_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Outcome] = []
    monkeypatch.setattr(verdict, "recorders", [heard.append])
    asyncio.run(check("pond-size", answer=five))
    assert [outcome.outcome for outcome in heard] == ["pass"]
    assert recorded() == []


def test_an_untouched_answer_is_a_quiet_line(shell: Any) -> None:
    shell.run_cell(STARTER, store_history=True)
    assert repr(asyncio.run(check("pond-size", answer=five))) == UNTOUCHED


@pytest.mark.parametrize(("name", "value"), [("COURSE_STRICT", "1"), ("NBGRADER_EXECUTION", "autograde")])
def test_an_untouched_answer_is_red_where_somebody_counts(
    shell: Any, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    shell.run_cell(STARTER, store_history=True)
    with pytest.raises(CheckFailed) as caught:
        asyncio.run(check("pond-size", answer=five))
    assert repr(caught.value.verdict) == UNTOUCHED


def test_an_answer_that_does_not_parse_is_an_error(shell: Any) -> None:
    shell.run_cell(STARTER.replace("...", "return 5 +"), store_history=True)
    with pytest.raises(CheckFailed) as caught:
        asyncio.run(check("pond-size", answer=five))
    assert str(caught.value) == "SyntaxError; the answer cell did not run to its end, mend it and run it again"


def test_a_failed_cell_is_not_judged_by_its_earlier_run(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "failed", {})
    shell.events.register("post_run_cell", answers.note)
    shell.run_cell(STARTER.replace("...", "return 5"), store_history=True)
    shell.run_cell("# question: pond-size\n@nobody\ndef pool_size():\n    return 4", store_history=True)
    with pytest.raises(CheckFailed) as caught:
        asyncio.run(check("pond-size", answer=five))
    assert str(caught.value) == (
        "NameError: name 'nobody' is not defined; the answer cell did not run to its end, mend it and run it again"
    )
    shell.run_cell(STARTER.replace("...", "return 5"), store_history=True)
    assert asyncio.run(check("pond-size", answer=five)).outcome == "pass"


def test_a_broken_starter_says_what_it_gives_as_it_stands(shell: Any, course: Course) -> None:
    broken = "# question: pond-size\ndef pool_size():\n    return 4\n"
    course.add("07_pools", broken, kind="exercises")
    shell.run_cell(broken, store_history=True)
    outcome = asyncio.run(check("pond-size", answer=four))
    assert (outcome.outcome, outcome.points) == ("not attempted", 0)
    assert outcome.message == "the code above is still the broken one, and gives: expected 5, got 4"


def test_a_runner_that_compared_before_judges_the_starter_too(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict, "compare_with_starter", False)
    shell.run_cell(STARTER, store_history=True)
    assert asyncio.run(check("pond-size", answer=five)).outcome == "pass"


def test_an_unknown_question_is_refused() -> None:
    with pytest.raises(CourseError, match="no question is called 'pool-seize'"):
        asyncio.run(check("pool-seize", answer=five))


def test_engines_of_forgotten_modules_are_closed_first() -> None:
    modules._waiting.append(create_async_engine("sqlite+aiosqlite://"))
    asyncio.run(check("pond-size", answer=five))
    assert modules._waiting == []
