"""A pool without a database: guests arrive at random, sit for a while, and leave when they have waited too long.

It is pure arithmetic on its own clock, so a lesson can turn a knob and see what the queue does an hour later.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field

from course_lib.errors import CourseError
from course_lib.pool_view.scene import Scene

# knob -> (smallest, largest, step): what a slider offers, and what a typed value may be
KNOBS = {
    "pool_size": (1, 20, 1),
    "max_overflow": (0, 10, 1),
    "timeout": (0.1, 30.0, 0.1),
    "rate": (0.5, 200.0, 0.5),
    "hold": (0.01, 2.0, 0.01),
}
WHOLE = {"pool_size", "max_overflow"}  # nobody sits on half a seat


@dataclass
class PoolModel:
    """A pool of `pool_size` + `max_overflow` seats; `rate` guests a second, each sits `hold` seconds."""

    pool_size: int = 5
    max_overflow: int = 0
    timeout: float = 2.0
    rate: float = 20.0
    hold: float = 0.2
    seed: int = 1
    now: float = 0.0
    served: int = 0
    refused: int = 0
    _came: int = 0
    _seated: dict[int, tuple[str, float]] = field(default_factory=dict)  # seat -> guest, until
    _rope: deque[tuple[str, float]] = field(default_factory=deque)  # guest, gives up at

    def __post_init__(self) -> None:
        for name in KNOBS:
            self._require(name, getattr(self, name))
            setattr(self, name, self._as_knob(name, getattr(self, name)))
        self._dice = random.Random(self.seed)
        self._next = self._dice.expovariate(self.rate)

    def turn(self, knob: str, value: float) -> None:
        """Set a knob; it counts from now on. Raises `CourseError` for an unknown knob or a value out of its range."""
        self._require(knob, value)
        if knob == "rate":  # the guest who is on the way arrives sooner or later in proportion
            self._next = self.now + (self._next - self.now) * self.rate / value
        setattr(self, knob, self._as_knob(knob, value))
        self._admit()

    def _require(self, knob: str, value: float) -> None:
        if knob not in KNOBS:
            raise CourseError(f"a pool has the knobs {', '.join(KNOBS)}, got {knob!r}")
        low, high, _ = KNOBS[knob]
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise CourseError(f"{knob} must be between {low:g} and {high:g}, got {value!r}")
        if knob in WHOLE and value != int(value):
            raise CourseError(f"{knob} must be a whole number, got {value!r}")

    @staticmethod
    def _as_knob(knob: str, value: float) -> float:
        return int(value) if knob in WHOLE else float(value)

    @property
    def seats(self) -> int:
        """Seats there may be at once."""
        return self.pool_size + self.max_overflow

    def advance(self, seconds: float) -> None:
        """Let time pass: everybody arrives, leaves and gives up in order."""
        end = self.now + seconds
        while (moment := self._next_moment()) <= end:
            self.now = moment
            self._leave()
            self._give_up()
            if self._next <= moment:
                self._next = moment + self._dice.expovariate(self.rate)
                self.send_guest()
            self._admit()
        self.now = end

    def send_guest(self) -> None:
        """Let one guest arrive now."""
        self._came += 1
        self._rope.append((str(self._came), self.now + self.timeout))
        self._admit()

    def _next_moment(self) -> float:
        leaving = min((until for _, until in self._seated.values()), default=self._next)
        giving_up = min((until for _, until in self._rope), default=self._next)
        return min(self._next, leaving, giving_up)

    def _leave(self) -> None:
        for seat in [seat for seat, (_, until) in self._seated.items() if until <= self.now]:
            del self._seated[seat]
            self.served += 1

    def _give_up(self) -> None:
        self._admit()  # a seat that is free at the last moment is taken
        staying = deque(guest for guest in self._rope if guest[1] > self.now)
        self.refused += len(self._rope) - len(staying)
        self._rope = staying

    def _admit(self) -> None:
        while self._rope and len(self._seated) < self.seats:
            seat = next(number for number in range(self.seats) if number not in self._seated)
            self._seated[seat] = (self._rope.popleft()[0], self.now + self.hold)

    def scene(self) -> Scene:
        """Return the present moment; a seat that was taken away stays until its guest has left."""
        seats = max(self.seats, max(self._seated, default=-1) + 1)
        guests = tuple(self._seated[seat][0] if seat in self._seated else "" for seat in range(seats))
        return Scene(guests, self.pool_size, len(self._rope), self.served, self.refused)
