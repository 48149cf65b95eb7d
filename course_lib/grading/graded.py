"""What goes into the judge and what comes out: a submission, and the verdicts on it.

Both are plain data, so that grading can be a pure function on any executor, and a report can be made twice.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Any  # Any: plain data for JSON

from course_lib.checks.outcome import Outcome


@dataclass(frozen=True)
class Submission:
    """One file of one learner: who, its name in what was handed in ("/" between folders), and its bytes."""

    learner: str
    file: str
    text: bytes

    @property
    def digest(self) -> str:
        """Return what tells this submission from every other: learner, file and content."""
        parts = (self.learner.encode(), self.file.encode(), self.text)
        return hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).hexdigest()


@dataclass(frozen=True)
class Verdict:
    """The outcome of one question, what was odd, the first hint when it was wrong, and how it was found out.

    `turn` is the known wrong turn it took (the name of its cell, empty when none is recognised); `isolation` the layers
    that stood between the answer and this machine; `seconds` wall time, `cpu` seconds of CPU of the answer's process.
    """

    outcome: Outcome
    note: str = ""
    hint: str = ""
    turn: str = ""
    isolation: tuple[str, ...] = ()
    seconds: float = 0.0
    cpu: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return the verdict as plain data for JSON."""
        return {**asdict(self), "outcome": self.outcome.as_dict(), "isolation": list(self.isolation)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Verdict:
        """Return the verdict that `as_dict` described."""
        outcome = Outcome(**{key: value for key, value in data["outcome"].items() if key != "pointer"})
        return cls(**{**data, "outcome": outcome, "isolation": tuple(data["isolation"])})


@dataclass(frozen=True)
class Graded:
    """A submission with its verdicts in the order of the questions, or the sentence that says why there are none."""

    learner: str
    file: str
    digest: str
    exercise: str = ""  # the stem, e.g. 07_pools
    verdicts: tuple[Verdict, ...] = ()
    problem: str = ""

    @property
    def points(self) -> int:
        """Return the points of all questions."""
        return sum(verdict.outcome.points for verdict in self.verdicts)

    @property
    def possible(self) -> int:
        """Return the points a right sheet has."""
        return sum(verdict.outcome.possible for verdict in self.verdicts)

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain data for JSON."""
        return {**asdict(self), "verdicts": [verdict.as_dict() for verdict in self.verdicts]}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Graded:
        """Return what `as_dict` described."""
        return cls(**{**data, "verdicts": tuple(Verdict.from_dict(verdict) for verdict in data["verdicts"])})
