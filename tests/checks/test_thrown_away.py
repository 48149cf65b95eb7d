"""What Python says of a coroutine nobody awaited is kept, and heard by whoever listened before."""

from __future__ import annotations

import warnings

from course_lib.checks.thrown_away import thrown_away


async def cook() -> None:
    """Do nothing."""


def test_a_coroutine_that_is_thrown_away_is_told_and_heard_as_before() -> None:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        with thrown_away() as told:
            cook()  # type: ignore[unused-coroutine] # the mistake itself
    assert told == ["coroutine 'cook' was never awaited"]
    assert [str(one.message) for one in heard] == told


def test_other_warnings_are_not_told() -> None:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        with thrown_away() as told:
            warnings.warn("the ice is melting", UserWarning, stacklevel=1)
    assert told == []
    assert len(heard) == 1


def test_after_the_block_nobody_listens_any_more() -> None:
    before = warnings.showwarning
    with thrown_away():
        assert warnings.showwarning is not before
    assert warnings.showwarning is before
