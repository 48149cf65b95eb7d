"""The model of a pool: arithmetic on its own clock, checked against what is known about queues."""

from __future__ import annotations

import pytest

from course_lib.errors import CourseError
from course_lib.pool_view.model import KNOBS, PoolModel


def test_nobody_is_refused_where_seats_are_plenty() -> None:
    model = PoolModel(pool_size=20, rate=20, hold=0.1)
    model.advance(100)
    assert model.refused == 0
    assert model.served > 1_800


def test_throughput_is_seats_over_hold_time_when_the_house_is_full() -> None:
    """Little's law: inside = rate x time inside, so a full house serves seats / hold a second."""
    model = PoolModel(pool_size=5, rate=200, hold=0.1, timeout=1)
    model.advance(100)
    assert model.served == pytest.approx(5 / 0.1 * 100, rel=0.01)
    assert model.refused > 10_000


def test_mean_seats_taken_follow_littles_law() -> None:
    model, taken = PoolModel(pool_size=20, rate=50, hold=0.1), []
    for _ in range(20_000):
        model.advance(0.01)
        taken.append(model.scene().taken)
    assert sum(taken) / len(taken) == pytest.approx(50 * 0.1, rel=0.05)


def test_the_rope_lets_in_by_order_and_gives_up_after_the_timeout() -> None:
    model = PoolModel(pool_size=1, rate=0.5, hold=1.0, timeout=0.5)
    model._next = 1e9  # nobody comes by chance
    for _ in range(3):
        model.send_guest()
    assert str(model.scene()) == "1 of 1 seats taken, 2 at the rope, 0 served, 0 refused"
    model.advance(0.6)
    assert str(model.scene()) == "1 of 1 seats taken, 0 at the rope, 0 served, 2 refused"
    model.send_guest()
    model.advance(0.45)
    assert model.scene().seats == ("4",)
    assert (model.served, model.refused) == (1, 2)


def test_overflow_seats_are_seats_and_told_apart() -> None:
    model = PoolModel(pool_size=2, max_overflow=1, hold=2.0)
    model._next = 1e9
    for _ in range(4):
        model.send_guest()
    assert str(model.scene()) == "3 of 3 seats taken (of them 1 overflow), 1 at the rope, 0 served, 0 refused"


def test_one_seed_is_one_evening_however_small_its_steps() -> None:
    one, other = PoolModel(seed=7), PoolModel(seed=7)
    one.advance(10)
    for _ in range(1_000):
        other.advance(0.01)
    assert one.scene() == other.scene()
    different = PoolModel(seed=8)
    different.advance(10)
    assert different.served != one.served or different.scene() != one.scene()


def test_a_knob_counts_from_now_on() -> None:
    model = PoolModel(pool_size=3, rate=0.5, hold=2.0)
    model._next = 1e9
    for _ in range(3):
        model.send_guest()
    model.turn("pool_size", 1)
    assert len(model.scene().seats) == 3  # nobody is thrown out
    model.advance(2.1)
    assert model.scene().seats == ("",)
    model.turn("pool_size", 2)
    assert model.scene().size == 2
    model.turn("hold", 0.5)
    assert model.hold == 0.5


def test_a_higher_rate_brings_the_next_guest_sooner() -> None:
    model = PoolModel(rate=1)
    before = model._next
    model.turn("rate", 100)
    assert model._next == pytest.approx(before / 100)


@pytest.mark.parametrize(
    ("knob", "value"), [("pool_size", 0), ("rate", 1e6), ("hold", -1), ("timeout", "2"), ("hold", True)]
)
def test_a_value_out_of_range_is_one_sentence(knob: str, value: object) -> None:
    low, high, _ = KNOBS[knob]
    with pytest.raises(CourseError) as refused:
        PoolModel().turn(knob, value)  # type: ignore[arg-type] # a browser may send anything
    assert str(refused.value) == f"{knob} must be between {low:g} and {high:g}, got {value!r}"


def test_an_unknown_knob_is_named_with_the_known_ones() -> None:
    with pytest.raises(
        CourseError, match="a pool has the knobs pool_size, max_overflow, timeout, rate, hold, got 'size'"
    ):
        PoolModel().turn("size", 1)


def test_a_model_cannot_begin_out_of_range() -> None:
    with pytest.raises(CourseError, match="pool_size must be between 1 and 20, got 0"):
        PoolModel(pool_size=0)


def test_seats_are_whole_and_seconds_are_not_however_they_were_given() -> None:
    model = PoolModel(timeout=10, pool_size=2)
    model.turn("timeout", 10.1)
    assert model.timeout == 10.1
    with pytest.raises(CourseError, match=r"pool_size must be a whole number, got 2\.5"):
        model.turn("pool_size", 2.5)
    model.turn("pool_size", 3.0)
    assert repr(model.pool_size) == "3"
