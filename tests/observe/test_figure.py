"""The figure says in words what it shows, and its SVG is the same bytes each time."""

from __future__ import annotations

import re

import matplotlib as mpl
import pytest

from course_lib.observe.figure import Figure, loans
from course_lib.observe.timeline import Lane, Timeline

WORDS = Timeline((Lane("request 1", ("checkout", "BEGIN", "checkin", "send-start")), Lane("request 2", ("enter",))), 4)
BARS = Timeline((Lane(" 1", begin=0, end=0), Lane(" 2", begin=1, end=2, alone=False)), 3)
EACH = pytest.mark.parametrize("timeline", [WORDS, BARS], ids=["words", "bars"])


@EACH
def test_the_svg_is_byte_stable(timeline: Timeline) -> None:
    assert timeline.draw("the finding").svg == timeline.draw("the finding").svg


@EACH
def test_without_its_drawing_nothing_but_the_finding_is_left(timeline: Timeline) -> None:
    """A notebook that is not trusted keeps the words of an output and loses its drawing."""
    figure = timeline.draw("the finding")
    assert "<!-- order of events; hatched" in figure.svg or "<!-- order of events -->" in figure.svg
    without_styles = re.sub(r"<!--.*?-->|<style.*?</style>", "", figure._repr_html_(), flags=re.DOTALL)
    assert re.sub(r"<[^>]*>", "", without_styles).split() == ["the", "finding"]


@EACH
def test_the_ink_is_the_text_colour_of_the_page(timeline: Timeline) -> None:
    assert "currentColor" in timeline.draw("the finding").svg


def test_the_finding_is_text_label_and_caption() -> None:
    figure = BARS.draw('two at once, "together" & <late>')
    shown = figure._repr_html_()
    escaped = "two at once, &quot;together&quot; &amp; &lt;late&gt;"
    assert repr(figure) == 'Figure: two at once, "together" & <late>'
    assert shown.startswith(f'<figure role="img" aria-label="{escaped}" style="margin: 0"><svg')
    assert shown.endswith(f"</svg><figcaption>{escaped}</figcaption></figure>")


def test_the_settings_of_the_learners_own_figures_stay() -> None:
    before = dict(mpl.rcParams)
    assert isinstance(BARS.draw("the finding"), Figure)
    assert dict(mpl.rcParams) == before


def test_an_empty_timeline_can_be_drawn() -> None:
    assert Timeline((), 0).draw("nobody came").alt == "nobody came"


def test_a_loan_lasts_from_checkout_to_checkin() -> None:
    assert loans(("enter", "checkout", "BEGIN", "checkin", "checkout", "reset", "checkin")) == [(1, 3), (4, 6)]
    assert loans(("checkin", "checkout", "checkout")) == []
