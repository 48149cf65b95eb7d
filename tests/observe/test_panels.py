"""Panels are text first, and their figure carries the same bars and labels."""

from __future__ import annotations

from course_lib.observe.panels import Panel, Panels, Row

TWO = Panels(
    (
        Panel("early", (Row("send", ((2, 2), (3, 3))), Row("held", ((0, 1),), hatched=True))),
        Panel("late", (Row("send", ((1, 1),)), Row("held", ((0, 3),), hatched=True))),
    )
)


def test_the_text_has_a_title_and_one_line_per_row() -> None:
    assert repr(TWO) == "early\n  send      ####\n  held  ====\nlate\n  send    ##\n  held  ========"


def test_steps_is_the_length_of_the_longest_panel() -> None:
    assert TWO.steps == 4
    assert Panels(()).steps == 0


def test_nothing_is_said_in_words() -> None:
    assert repr(Panels(())) == "nothing happened"


def test_the_figure_names_every_panel_row_and_axis_and_is_byte_stable() -> None:
    drawn = TWO.draw("early ends first")
    assert drawn.alt == "early ends first"
    assert drawn.svg == TWO.draw("early ends first").svg
    assert all(f"<!-- {word} -->" in drawn.svg for word in ("early", "late", "send", "held", "order of events"))
    assert "pattern" in drawn.svg  # hatching says what colour says


def test_an_empty_panel_can_be_drawn() -> None:
    assert Panels((Panel("nobody came", ()),)).draw("nobody came").svg.startswith("<svg")
