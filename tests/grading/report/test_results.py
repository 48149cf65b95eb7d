"""Results know who counts, in which order, and what a learner wrote."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_course import STEM

from course_lib.grading.report.results import Question, title

from .classroom import results, sheet, small_class, verdict

DOUBLE = Question(STEM, "small-double", 1)


def test_learners_and_questions_have_a_stable_order() -> None:
    made = small_class()
    assert made.learners == ["Ada", "bob", "cid", "dan"]
    assert [question.name for question in made.questions] == ["small-double", "small-later"]
    assert (made.exercises, made.possible, made.points("Ada"), made.points("dan")) == ([STEM], 2, 2, 0)


def test_better_sheet_counts_and_then_the_last() -> None:
    right, wrong = verdict("small-double", "pass"), verdict("small-double", "fail", "no")
    made = results(sheet("ada", right, file="1"), sheet("ada", wrong, file="2"), sheet("ada", right, file="3"))
    assert made.counted["ada", STEM].file == "3"
    assert made.learners == ["ada"]


def test_everything_without_a_verdict_is_one_sentence() -> None:
    assert small_class().unread == [
        "eve.zip: is encrypted; ask for it without a password",
        "dan.ipynb: dan.ipynb is not a notebook",
    ]


@pytest.mark.usefixtures("small")
def test_answer_is_what_the_learner_wrote() -> None:
    made = small_class()
    assert made.answer("bob", DOUBLE).endswith("return 6  # Bob's own")
    assert [made.answer(name, DOUBLE) for name in ("Ada", "dan", "nobody")] == ["", "", ""]


def test_titles_are_read_from_the_lesson(small: Path) -> None:
    assert title("03_engine_and_session") == ""
    (small / "notebooks" / f"{STEM}.ipynb").write_text(
        '{"nbformat": 4, "cells": [{"cell_type": "markdown", "source": "# 00 Small\\n"},'
        '{"cell_type": "code", "source": "# 00 No title\\n## 2 None"},'
        '{"cell_type": "markdown", "source": ["## 2 Doubling\\n", "words"]}]}'
    )
    assert (title(STEM), title(STEM, 2), title(STEM, 3), title("no number")) == ("Small", "Doubling", "", "")
