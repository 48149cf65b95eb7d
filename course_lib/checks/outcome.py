"""The five outcomes a question can have, and the verdict that carries one.

Nothing else exists: a "skipped" would be a way to lose a verdict.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

OutcomeName = Literal["pass", "fail", "error", "timeout", "not attempted"]


@dataclass(frozen=True)
class Outcome:
    """The verdict on one answer: what it is, why, what it earned, and where to read on."""

    question: str
    outcome: OutcomeName
    message: str
    points: int = 0
    possible: int = 0
    lesson: str = ""  # the stem, e.g. 00_doors_open
    section: int | None = None
    slug: str = ""  # the field guide's entry for the cause

    @property
    def pointer(self) -> str:
        """Return where the lesson explains the cause, empty when nothing points anywhere."""
        if self.outcome in ("pass", "not attempted") or not self.lesson or self.section is None:
            return ""
        return f"notebooks/{self.lesson}.ipynb § {self.section}"

    def __repr__(self) -> str:
        if self.outcome == "pass":
            word = "point" if self.points == 1 else "points"
            return f"pass {self.question}, {self.points} {word}: {self.message}"
        if self.outcome == "not attempted":
            return f"not attempted {self.question}: {self.message}"
        read = f"; read {self.pointer}" if self.pointer else ""
        look = f'; explain("{self.slug}") says more' if self.slug else ""
        message = self.message.removeprefix("timeout: ")  # the outcome says the word already
        return f"{self.outcome} {self.question}: {message}{read}{look}"

    __str__ = __repr__

    def as_dict(self) -> dict[str, Any]:
        """Return the verdict as plain data for JSON."""
        return {**asdict(self), "pointer": self.pointer}
