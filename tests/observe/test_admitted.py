"""Bars of those who were told yes stand beside the seats there are."""

from course_lib.observe import admitted
from course_lib.observe.rush import Rush
from course_lib.observe.trace import Trace

BARS = """
read then write
  told yes  ########################################
  seats     ==========
one statement
  told yes  ##########
  seats     ==========
nobody
  told yes
  seats     ====
""".strip()


def evening(yes: int, seats: int) -> Rush:
    """Return a rush of twenty in which so many were told yes."""
    return Rush(yes, 20 - yes, seats, min(yes, seats), frozenset(), Trace())


def test_bars_stand_beside_the_seats() -> None:
    shown = admitted(read_then_write=evening(20, 5), one_statement=evening(5, 5), nobody=evening(0, 2))
    assert repr(shown) == BARS
    assert shown.axis == "guests"


def test_the_figure_says_what_it_shows() -> None:
    figure = admitted(one_statement=evening(5, 5)).draw(alt="one evening")
    assert repr(figure) == "Figure: one evening"
    assert "<svg" in figure.svg


def test_without_an_evening_nothing_happened() -> None:
    assert repr(admitted()) == "nothing happened"
