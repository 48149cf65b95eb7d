"""Without a seed a check says what is documented; with one, every value is another, and the same for the same seed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any  # Any: values of every kind are drawn

import pytest

from course_lib.checks import seeded

SEEDS = range(200)
MENU = {"Gin", "Rum", "Soda"}


@pytest.fixture(autouse=True)
def documented_again() -> Iterator[None]:
    """Leave no seed behind."""
    yield
    seeded.sow(None)


def drawn() -> list[Any]:
    """Draw one of each."""
    return [
        seeded.number(1, 1, 40),
        seeded.numbers(1, 2, low=1, high=9),
        seeded.choice("a", ["b", "c", "d"]),
        seeded.names("Ada", "Bo", "Cy"),
        seeded.drinks(4),
    ]


def test_without_a_seed_everything_is_as_documented() -> None:
    assert drawn() == [1, [1, 2], "a", ["Ada", "Bo", "Cy"], []]


def test_no_seed_brings_the_documented_values_back() -> None:
    seeded.sow(7)
    drawn()
    seeded.sow(None)
    assert drawn() == [1, [1, 2], "a", ["Ada", "Bo", "Cy"], []]


def test_same_seed_gives_the_same_values_and_another_seed_others() -> None:
    made = []
    for seed in (7, 8, 7):
        seeded.sow(seed)
        made.append([drawn(), drawn()])
    assert made[0] == made[2]
    assert made[0] != made[1]
    assert made[0][0] != made[0][1]


@pytest.mark.parametrize("seed", [0, -1, 2**200])
def test_any_whole_number_is_a_seed(seed: int) -> None:
    seeded.sow(seed)
    assert len(seeded.names("Ada", "Bo")) == 2


def test_nothing_drawn_is_documented_and_everything_is_inside_its_limits() -> None:
    for seed in SEEDS:
        seeded.sow(seed)
        assert seeded.number(1, 1, 3) in (2, 3)
        pair = seeded.numbers(1, 2, low=1, high=4)
        assert sorted(pair) == [3, 4]
        assert seeded.choice("a", ["b", "c"]) in ("b", "c")


def test_every_number_and_every_choice_can_come() -> None:
    came, chosen = set(), set()
    for seed in SEEDS:
        seeded.sow(seed)
        came.add(seeded.number(5, 1, 9))
        chosen.add(seeded.choice("a", ["b", "c", "d"]))
    assert came == {1, 2, 3, 4, 6, 7, 8, 9}
    assert chosen == {"b", "c", "d"}


def test_names_differ_from_each_other_and_can_be_headers_and_paths() -> None:
    for seed in SEEDS:
        seeded.sow(seed)
        names = seeded.names(*["Ada"] * 50)
        assert len({*names}) == 50
        assert all(name.isascii() and name.isalpha() and name.istitle() and len(name) == 6 for name in names)


def test_drinks_are_one_to_the_most_and_none_is_on_the_menu() -> None:
    counts = set()
    for seed in SEEDS:
        seeded.sow(seed)
        drinks = seeded.drinks(4)
        counts.add(len(drinks))
        assert not MENU & {name for name, _ in drinks}
        assert all(100 <= cents < 3000 for _, cents in drinks)
    assert counts == {1, 2, 3, 4}


def test_state_of_a_seed_does_not_tell_what_was_drawn() -> None:
    seeded.sow(7)
    came = seeded.names("Ada")
    [later] = seeded._sown
    again = [later.name() for _ in range(1000)]
    assert came[0] not in again
