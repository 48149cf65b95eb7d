"""The verdict on an answer: outcomes, probes, and the checks of every exercise.

Nothing here is ever taken from the learner's namespace but what the check cell hands over.
"""

from __future__ import annotations

from course_lib.checks.outcome import Outcome
from course_lib.checks.verdict import check

__all__ = ["Outcome", "check"]
