"""Of a coroutine nobody awaited its name is kept, and whoever listened before hears of it."""

from __future__ import annotations

import warnings
from typing import Any

from course_lib.checks.thrown_away import hearing, thrown_away


async def cook() -> None:
    """Do nothing."""


def test_a_coroutine_that_is_thrown_away_is_told_and_heard_as_before() -> None:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        with thrown_away() as told:
            cook()  # type: ignore[unused-coroutine] # the mistake itself
    assert told == ["cook"]
    assert [str(one.message) for one in heard] == ["coroutine 'cook' was never awaited"]


def test_a_filter_silences_nothing() -> None:
    kept: list[Any] = []
    with warnings.catch_warnings():
        with hearing(kept.append) as is_heard, thrown_away() as told:
            warnings.simplefilter("ignore")
            cook()  # type: ignore[unused-coroutine] # the mistake itself
        assert is_heard() is False  # the block is over
    assert [told, [coroutine.__name__ for coroutine in kept]] == [["cook"], ["cook"]]


def test_other_warnings_are_not_told() -> None:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        with thrown_away() as told:
            warnings.warn("the ice is melting", UserWarning, stacklevel=1)
    assert told == []
    assert len(heard) == 1


def test_after_the_block_nobody_listens_any_more() -> None:
    listens: Any = warnings
    before = listens._warn_unawaited_coroutine
    with hearing(print) as is_heard:
        assert is_heard()
        listens._warn_unawaited_coroutine = cook
        assert not is_heard()
    assert listens._warn_unawaited_coroutine is before
