"""The register of questions: found by name, unique over the course, with a hint when the name is nearly right."""

from __future__ import annotations

import pytest

from course_lib.checks import question as register
from course_lib.checks.question import all_questions, find_question, question
from course_lib.errors import CourseError


@pytest.fixture(autouse=True)
def own_register(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test register what it likes."""
    all_questions()
    monkeypatch.setattr(register, "_questions", dict(register._questions))


async def check_nothing() -> str:
    """Prove nothing."""
    return "nothing was proved"


def test_a_registered_question_is_found_with_its_defaults() -> None:
    assert question("pool-mirror", lesson="07_pools", section=2)(check_nothing) is check_nothing
    asked = find_question("pool-mirror")
    assert (asked.check, asked.lesson, asked.section, asked.seconds) == (check_nothing, "07_pools", 2, 5.0)
    assert (asked.except_probes, asked.probe_sections) == ({}, {})


def test_the_questions_of_the_course_are_loaded_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_question("first-call").lesson == "00_doors_open"
    assert "first-call" in all_questions()


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(CourseError) as caught:
        find_question("first-cal")
    assert str(caught.value) == "no question is called 'first-cal'; did you mean 'first-call'?"


def test_a_name_like_no_other_gets_no_hint() -> None:
    with pytest.raises(CourseError) as caught:
        find_question("qqq")
    assert str(caught.value) == "no question is called 'qqq'"


def test_a_name_has_one_check_but_a_module_may_be_loaded_again() -> None:
    async def elsewhere() -> str:
        return "nothing either"

    elsewhere.__module__ = "another.module"
    register_it = question("pool-mirror", lesson="07_pools", section=2)
    register_it(check_nothing)
    register_it(check_nothing)
    with pytest.raises(CourseError) as caught:
        register_it(elsewhere)
    assert str(caught.value) == (
        "question 'pool-mirror' has two checks; question names are unique over the whole course"
    )
