"""Item analysis names the question and the wrong turn that cost most, and questions that may be bad."""

from __future__ import annotations

from course_lib.grading.report.statistics import REMARK_ODD, REMARK_UNCLEAR, items, to_teach_again

from .classroom import results, sheet, small_class, verdict


def test_question_is_counted() -> None:
    double, later = items(small_class())
    assert double.counts == {"pass": 1, "fail": 1, "error": 1, "timeout": 0, "not attempted": 0}
    assert (double.sheets, double.points, double.lost, double.easiness) == (3, 1, 2, 0.33)
    assert (later.lost, later.easiness, later.turns, later.remark) == (1, 0.67, (), "")
    assert double.discrimination is None


def test_turns_are_grouped_by_name_and_else_by_the_shape_of_their_message() -> None:
    made = results(
        sheet("a", verdict("q", "fail", "expected 6, got 9", "tripled")),
        sheet("b", verdict("q", "fail", "expected 8, got 12", "tripled")),
        sheet("c", verdict("q", "fail", "expected 8, got 12", "tripled")),
        sheet("d", verdict("q", "error", "NameError: x, line 2 of the cell")),
        sheet("e", verdict("q", "error", "NameError: x, line 7 of the cell; did you")),
        sheet("f", verdict("q", "fail", "expected 8, got 1")),
        sheet("g", verdict("q", "timeout", "expected 8, got 1")),
    )
    (item,) = items(made)
    assert [(turn.name, turn.message, turn.learners) for turn in item.turns] == [
        ("tripled", "expected 8, got 12", ("a", "b", "c")),
        ("", "NameError: x, line 7 of the cell; did you", ("d", "e")),
        ("", "expected 8, got 1", ("f",)),
        ("", "expected 8, got 1", ("g",)),
    ]
    assert item.turns[0].pointer == "notebooks/00_small.ipynb § 1"
    assert item.turns[3].pointer == ""


def test_dearest_turn_is_taught_first_even_if_others_are_more_frequent() -> None:
    cheap = [sheet(f"a{n}", verdict("q", "fail", "cheap"), verdict("r", "pass", possible=5)) for n in range(4)]
    dear = sheet("b", verdict("q", "pass"), verdict("r", "fail", "dear", possible=5))
    turns = to_teach_again(items(results(*cheap, dear)))
    assert [(turn.message, turn.lost) for turn in turns] == [("dear", 5), ("cheap", 4)]


def test_question_with_more_errors_than_failures_may_be_unclear() -> None:
    made = results(*[sheet(f"a{n}", verdict("q", "error", "NameError: x")) for n in range(3)])
    assert items(made)[0].remark == REMARK_UNCLEAR


def test_question_that_the_best_get_wrong_is_odd() -> None:
    def learner(number: int) -> tuple[str, str]:
        return ("fail", "pass") if number % 2 else ("pass", "fail")

    made = results(
        *[sheet(f"a{n:02}", *[verdict(q, o, "m") for q, o in zip("qr", learner(n), strict=True)]) for n in range(12)]  # type: ignore[arg-type]
    )
    assert [(item.discrimination, item.remark) for item in items(made)] == [(-1.0, REMARK_ODD), (-1.0, REMARK_ODD)]


def test_question_that_all_get_right_has_no_discrimination() -> None:
    made = results(*[sheet(f"a{n:02}", verdict("q", "pass"), verdict("r", "pass")) for n in range(12)])
    assert [(item.discrimination, item.easiness, item.lost) for item in items(made)] == [(None, 1.0, 0)] * 2


def test_nobody_is_no_error() -> None:
    assert items(results()) == []
    assert to_teach_again([]) == []
