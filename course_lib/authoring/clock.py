"""The clocks of one job: setup, answer and check have one each, and a word about where it hangs buys no time.

Forked or not, a job is timed by the same rules; the two roads differ in how they read its records only.
"""

from __future__ import annotations

import time
from typing import Any  # Any: records are JSON

SETUP_S = 30.0  # our own cells before the answer: a broken disk or machine, never the learner
CHECK_S = 4.0  # beyond the check's own clock, twice: it may be run again after a stall that was the machine's
MARGIN_S = 2.0  # what a check may take to stop an answer when its own clock has run out, and to look at what is left
BETWEEN = ("prepared", "answered", "judging", "waiting")  # the stages that a record is not the last word of a job


class Clock:
    """Hears the records of a job, and knows how long the next may take."""

    def __init__(self, first: float = SETUP_S) -> None:
        self._deadline = time.monotonic() + first
        self.last: dict[str, Any] = {"stage": "setup", "message": "", "seconds": first}

    @property
    def left(self) -> float:
        """Return the seconds that are left, not below zero."""
        return max(0.0, self._deadline - time.monotonic())

    def hear(self, record: dict[str, Any]) -> bool:
        """Add one record to what is known; return whether it is the last word of the job."""
        self.last = {**self.last, "message": "", **record}
        seconds = float(self.last["seconds"])
        if record["stage"] == "prepared":
            self._deadline = time.monotonic() + seconds
        elif record["stage"] == "answered":
            self._deadline = time.monotonic() + 2 * seconds + CHECK_S
        elif record["stage"] == "judging":  # a child that says so says it again when it judges again
            self._deadline = time.monotonic() + seconds + MARGIN_S
        return record["stage"] not in BETWEEN

    def late(self) -> dict[str, Any]:
        """Return the record of a job whose clock ran out, with the place it told of before."""
        return {**self.last, "stage": "late"}

    def died(self, status: int) -> dict[str, Any]:
        """Return the record of a job whose process ended without a last word."""
        return {**self.last, "stage": "died", "message": f"exit status {status}"}
