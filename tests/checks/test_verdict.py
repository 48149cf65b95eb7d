"""The verdict on one answer: five outcomes, the learner's line, and what is our own mistake."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from conftest import Course

from course_lib.checks import clock
from course_lib.checks.assertions import ask, equal, look_after, wrong
from course_lib.errors import CourseError

from .conftest import Judge, cell

ANSWERS = cell(
    """
    import asyncio, time

    def wrong_name():
        return menu["gin"]

    async def for_ever():
        await asyncio.Event().wait()

    async def spin():
        while True: pass

    async def cancelled():
        raise asyncio.CancelledError

    async def leave():
        raise SystemExit("bye")

    async def give_up():
        asyncio.current_task().cancel()
        await asyncio.sleep(0)

    kept = []

    async def lose():
        kept.append(asyncio.create_task(for_ever()))

    async def block():
        time.sleep(0.4)

    async def right():
        return 5
    """
)
QUICK = {"seconds": 0.05}
BUG = 'this is a bug in the course: please report it with the output of "course doctor"'


async def check_five(answer: Callable[..., Any]) -> str:
    """Want a five."""
    equal(await ask(answer), 5)
    return "five it is"


async def check_nothing(answer: Callable[..., Any]) -> str:
    """Want only that the answer ends."""
    await ask(answer)
    return "it ended"


def test_a_right_answer_passes_with_what_was_proved(judge: Judge) -> None:
    outcome = judge(check_five, answer=ANSWERS.right)
    assert repr(outcome) == "pass pond-size, 0 points: five it is"
    assert outcome.slug == ""


def test_a_wrong_value_fails_with_the_section_of_the_question(judge: Judge) -> None:
    assert repr(judge(check_five, answer=lambda: 4)) == (
        "fail pond-size: expected 5, got 4; read notebooks/07_pools.ipynb § 1"
    )


def test_a_cause_stated_by_name_brings_its_own_section_and_slug(judge: Judge) -> None:
    async def check() -> str:
        wrong("one engine per request", section=4, slug="engine-per-request")

    assert repr(judge(check)) == (
        "fail pond-size: one engine per request; read notebooks/07_pools.ipynb § 4; "
        'explain("engine-per-request") says more'
    )


def test_an_error_of_the_answer_comes_first_with_its_line(judge: Judge) -> None:
    outcome = judge(check_five, answer=ANSWERS.wrong_name)
    assert outcome.outcome == "error"
    assert outcome.message == "NameError: name 'menu' is not defined, line 4 of the cell"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("cancelled", "CancelledError, line 13 of the cell"),
        ("leave", "SystemExit: bye, line 16 of the cell"),
        ("give_up", "CancelledError: the answer cancelled the task it ran in"),
    ],
)
def test_leaving_by_another_door_is_an_error_of_the_answer(judge: Judge, answer: str, message: str) -> None:
    outcome = judge(check_five, answer=getattr(ANSWERS, answer))
    assert (outcome.outcome, outcome.message) == ("error", message)


def test_waiting_for_ever_is_a_timeout_that_says_where(judge: Judge) -> None:
    outcome = judge(check_five, answer=ANSWERS.for_ever, options=QUICK)
    assert outcome.message == "timeout: still waiting in 'for_ever' at line 7 of the cell after 0.05 s"
    assert repr(outcome).startswith("timeout pond-size: still waiting in 'for_ever'")


def test_a_busy_loop_inside_a_coroutine_is_interrupted(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "MARGIN_S", 0.1)
    outcome = judge(check_five, answer=ANSWERS.spin, options=QUICK)
    assert outcome.message == (
        "timeout: still waiting at line 10 of the cell, which never gives the loop back after 0.05 s"
    )


def test_a_check_that_waits_without_the_learner_says_no_place(judge: Judge) -> None:
    async def check() -> str:
        await asyncio.Event().wait()
        return ""

    assert judge(check, options=QUICK).message == "timeout: still waiting after 0.05 s"


def test_a_check_may_have_a_shorter_clock_of_its_own(judge: Judge) -> None:
    async def check(answer: Callable[..., Any]) -> str:
        async with asyncio.timeout(0.01):
            return str(await ask(answer))

    outcome = judge(check, answer=ANSWERS.for_ever)
    assert (outcome.outcome, outcome.message) == ("timeout", "timeout: still waiting when the check gave up")


@pytest.mark.parametrize(("sections", "section"), [({}, 1), ({"tasks": 5}, 5)])
def test_what_a_probe_finds_fails_in_the_section_that_explains_it(
    judge: Judge, sections: dict[str, int], section: int
) -> None:
    outcome = judge(check_nothing, answer=ANSWERS.lose, options={"probe_sections": sections})
    assert repr(outcome) == (
        f"fail pond-size: 1 task still running, in for_ever; read notebooks/07_pools.ipynb § {section}; "
        'explain("lost-task") says more'
    )


def test_a_probe_can_be_switched_off_with_a_reason(judge: Judge) -> None:
    options = {"except_probes": {"tasks": "the answer starts a ticker on purpose"}}
    assert judge(check_nothing, answer=ANSWERS.lose, options=options).outcome == "pass"


def test_a_blocked_loop_is_measured_again_before_it_counts(judge: Judge) -> None:
    runs = []

    async def check(always: bool) -> str:
        runs.append(always)
        if always or len(runs) == 1:
            time.sleep(0.4)  # noqa: ASYNC251 - the point
        return "measured"

    once = judge(check, always=False)
    assert repr(once) == "pass pond-size, 0 points: measured"
    assert (once.slug, len(runs)) == ("", 2)
    twice = judge(check, always=True)
    assert (twice.outcome, twice.message, twice.slug) == ("fail", "the event loop stood still", "blocked-loop")
    assert len(runs) == 4


def test_before_it_is_measured_again_the_watchers_look(judge: Judge) -> None:
    runs = []

    async def check() -> str:
        runs.append(1)
        if len(runs) == 1:
            time.sleep(0.4)  # noqa: ASYNC251 - the point
        return "measured"

    look_after(lambda: "the.probes")
    try:
        said = judge(check)
    finally:
        look_after()
    assert (said.outcome, said.message) == ("error", "the answer changed the course's own code (the.probes)")
    assert runs == [1]


@pytest.mark.parametrize(
    ("returned", "name"), [(ANSWERS.right, "coroutine"), (lambda: None, "NoneType"), (lambda: 5, "int")]
)
def test_a_check_that_returns_no_sentence_is_our_bug(judge: Judge, returned: Callable[[], Any], name: str) -> None:
    async def check() -> Any:
        return returned()

    with pytest.raises(CourseError) as caught:
        judge(check)
    assert str(caught.value) == f"the check of pond-size returned {name}, expected a sentence; {BUG}"


def test_a_check_that_is_no_coroutine_function_is_our_bug(judge: Judge) -> None:
    def check() -> str:
        return "at once"

    with pytest.raises(CourseError) as caught:
        judge(check)  # what an author may write
    assert str(caught.value).startswith("the check of pond-size failed itself (TypeError: ")
    assert str(caught.value).endswith(BUG)


@pytest.mark.parametrize("error", [NameError("name 'sesion' is not defined"), AssertionError("no"), KeyError("gin")])
def test_a_check_that_raises_is_our_bug_and_the_cause_is_chained(judge: Judge, error: Exception) -> None:
    async def check() -> str:
        raise error

    with pytest.raises(CourseError) as caught:
        judge(check)
    assert str(caught.value) == f"the check of pond-size failed itself ({type(error).__name__}: {error}); {BUG}"
    assert caught.value.__cause__ is error


def test_a_course_error_in_a_check_is_shown_as_it_is(judge: Judge) -> None:
    async def check() -> str:
        raise CourseError("no room for a fresh SQLite file")

    with pytest.raises(CourseError) as caught:
        judge(check)
    assert str(caught.value) == "no room for a fresh SQLite file"


@pytest.mark.parametrize(
    ("handed", "got"), [({}, "nothing"), ({"anwser": 1}, "anwser"), ({"answer": 1, "app": 2}, "answer, app")]
)
def test_a_check_cell_that_was_changed_is_told_how_to_restore_it(
    judge: Judge, handed: dict[str, Any], got: str
) -> None:
    with pytest.raises(CourseError) as caught:
        judge(check_five, **handed)
    assert str(caught.value) == (
        f"the check of pond-size expects answer, got {got}; restore its cell with: course reset 07 pond-size"
    )


def test_points_come_from_the_committed_exercise(judge: Judge, course: Course) -> None:
    path = course.add("07_pools", kind="exercises", check_pond_size="await check('pond-size')")
    path.write_text(path.read_text().replace('"metadata": {}, "out', '"metadata": {"nbgrader": {"points": 2}}, "out'))
    right, other = judge(check_five, answer=ANSWERS.right), judge(check_five, answer=lambda: 4)
    assert (right.points, right.possible) == (2, 2)
    assert (other.points, other.possible) == (0, 2)
