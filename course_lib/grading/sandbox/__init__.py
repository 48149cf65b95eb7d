"""The sandbox of a child process that runs an answer: what it may see, use and say, and how it ended.

A learner's code shares the child with our check. What it claims is judged elsewhere; what it can reach is decided here.
"""

from __future__ import annotations

from course_lib.grading.sandbox.capabilities import capabilities
from course_lib.grading.sandbox.confined import run_confined
from course_lib.grading.sandbox.ended import Ended
from course_lib.grading.sandbox.isolation import enter
from course_lib.grading.sandbox.layer import Isolation, Layer
from course_lib.grading.sandbox.limits import Limits
from course_lib.grading.sandbox.policy import Policy

__all__ = ["Ended", "Isolation", "Layer", "Limits", "Policy", "capabilities", "enter", "run_confined"]
