"""The dates of the cards are FSRS's own, over a simulated year, whatever is undone, restarted or merged in between."""

from __future__ import annotations

import itertools
import random
from datetime import UTC, datetime, timedelta

import pytest
from fsrs import Card, Rating, Scheduler

from course_lib.study.deck import Deck, cards_of
from course_lib.study.event import Event
from course_lib.study.progress import events, record
from course_lib.study.questions import of_kind, stems
from course_lib.study.schedule import GRADES, number_of, span, standings

from .study_clock import MORNING, Now, do


def reviewed(name: str, at: datetime, **result: object) -> Event:
    return Event("reviewed", name, dict(result), at_utc=at.isoformat())


def test_a_simulated_year_has_the_dates_fsrs_gives() -> None:
    """A learner sits down every morning, knows nine of ten cards, slips now and then, and restarts the kernel daily."""
    luck, now = random.Random(2027), Now()
    fsrs, mine, sat_down = Scheduler(enable_fuzzing=False), dict[str, Card](), dict[str, list[datetime]]()
    record("opened", "lesson:00_doors_open")
    for day in range(365):
        deck = Deck(0, now.journal())
        while deck.view()["state"] != "done":
            name = deck.view()["card"]
            card = mine.get(name) or Card(card_id=number_of(name), due=now.moment)
            assert name not in mine or card.due <= now.moment + timedelta(minutes=15)
            grade = luck.choices(GRADES, (1, 1, 7, 1))[0]
            do(deck, "flip")
            do(deck, "grade", grade=grade)
            if luck.random() < 0.05:
                do(deck, "undo")
                assert deck.view()["card"] == name
            else:
                mine[name], _ = fsrs.review_card(card, Rating[grade.capitalize()], now.moment)
                sat_down.setdefault(name, []).append(now.moment)
            now.later(seconds=20)
        assert {name: one.due() for name, one in standings(events()).items() if not one.is_new} == {
            name: card.due for name, card in mine.items()
        }
        now.moment = MORNING + timedelta(days=day + 1)
    assert set(sat_down) == {card.id for card in cards_of("00_doors_open")}
    assert all(4 <= len(moments) <= 60 for moments in sat_down.values())
    longest = [max(b - a for a, b in itertools.pairwise(moments)) for moments in sat_down.values()]
    assert min(longest) > timedelta(days=30)


def test_known_answers_move_a_card_further_and_further_away() -> None:
    now, gaps = MORNING, []
    happened: list[Event] = []
    for _ in range(8):
        happened.append(reviewed("00-card-coroutine", now, grade="good"))
        due = standings(happened)["00-card-coroutine"].due()
        assert due is not None
        gaps.append(due - now)
        now = due
    assert gaps == sorted(gaps)
    assert (gaps[0], gaps[1]) == (timedelta(minutes=10), timedelta(days=2))
    assert sum(gaps, timedelta()) > timedelta(days=365)


def test_a_forgotten_card_comes_back_soon_and_is_not_learned() -> None:
    happened = [reviewed("00-card-coroutine", MORNING, grade="easy")]
    assert standings(happened)["00-card-coroutine"].is_learned()
    happened.append(reviewed("00-card-coroutine", MORNING + timedelta(days=8), grade="again"))
    lapsed = standings(happened)["00-card-coroutine"]
    assert lapsed.due() == MORNING + timedelta(days=8, minutes=10)
    assert (lapsed.is_learned(), lapsed.last) == (False, "again")


def test_an_undo_takes_back_the_latest_review_of_its_card_only() -> None:
    happened = [
        reviewed("00-card-coroutine", MORNING, grade="easy"),
        reviewed("00-card-app-magic", MORNING, grade="good"),
    ]
    undone = standings([*happened, reviewed("00-card-coroutine", MORNING, undo=True)])
    assert undone["00-card-coroutine"].is_new
    assert undone["00-card-coroutine"].events == 2
    assert undone["00-card-app-magic"].reviews == [("good", MORNING)]
    assert standings([reviewed("00-card-coroutine", MORNING, undo=True)])["00-card-coroutine"].is_new


@pytest.mark.parametrize("result", [{}, {"grade": "perfect"}, {"grade": 3}, {"grade": None, "undo": "yes"}])
def test_a_review_nobody_can_read_counts_as_none(result: dict[str, object]) -> None:
    assert standings([reviewed("00-card-coroutine", MORNING, **result)])["00-card-coroutine"].is_new


@pytest.mark.parametrize(
    ("at_utc", "moment"),
    [
        ("2027-01-04T10:00:00+01:00", MORNING),
        ("2027-01-04T09:00:00", MORNING),
        ("2027-01-04", datetime(2027, 1, 4, tzinfo=UTC)),
        ("yesterday", None),
    ],
)
def test_the_time_of_a_loaded_review_is_read_in_utc(at_utc: str, moment: datetime | None) -> None:
    event = Event("reviewed", "00-card-coroutine", {"grade": "good"}, at_utc=at_utc)
    expected = [] if moment is None else [("good", moment)]
    assert standings([event])["00-card-coroutine"].reviews == expected


def test_a_clock_that_was_set_back_breaks_nothing() -> None:
    happened = [reviewed("00-card-coroutine", MORNING - timedelta(days=day), grade="good") for day in (0, 3, 9)]
    assert standings(happened)["00-card-coroutine"].due() is not None


def test_card_numbers_are_stable_and_differ() -> None:
    assert number_of("00-card-coroutine") == 19056021047017706
    names = [question.id for kind in ("card", "quiz") for question in of_kind(kind, stems())]
    assert len({number_of(name) for name in names}) == len(names)


@pytest.mark.parametrize(
    ("time", "words"),
    [
        (timedelta(seconds=-5), "1 minute"),
        (timedelta(seconds=60), "1 minute"),
        (timedelta(minutes=5, seconds=40), "6 minutes"),
        (timedelta(minutes=60), "1 hour"),
        (timedelta(hours=11), "11 hours"),
        (timedelta(hours=12), "1 day"),
        (timedelta(days=1), "1 day"),
        (timedelta(days=59), "59 days"),
        (timedelta(days=60), "2 months"),
        (timedelta(days=400), "13 months"),
        (timedelta(days=730), "2 years"),
    ],
)
def test_a_time_is_said_in_the_unit_a_person_would_use(time: timedelta, words: str) -> None:
    assert span(time) == words
