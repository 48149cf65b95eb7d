"""Run a function in a confined child of this process: the one door to the sandbox for whoever judges answers."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any  # Any: JSON

from course_lib.errors import CourseError
from course_lib.grading.sandbox.child import fork
from course_lib.grading.sandbox.ended import Ended
from course_lib.grading.sandbox.hearing import Hearing
from course_lib.grading.sandbox.policy import Policy
from course_lib.grading.sandbox.scratch import scratch


def run_confined(function: Callable[[], Any], policy: Policy, seconds: float, *, required: bool = False) -> Ended:
    """Fork a child, confine it, run `function` there for at most `seconds`, and return how it ended.

    What the function returns must be JSON. With `required`, a missing layer raises `CourseError` before it runs.
    """
    if not hasattr(os, "fork"):
        raise CourseError("expected a system that can fork for the sandbox, this one cannot; use Linux, or WSL")
    if threading.active_count() > 1:
        names = ", ".join(one.name for one in threading.enumerate() if one is not threading.current_thread())
        raise CourseError(
            f"expected one thread before a fork, but {names} still runs; end it first, or the child may hang"
        )
    with scratch(policy.limits.scratch) as folder:
        with fork(function, policy, folder, required=required) as child:
            hearing = Hearing(child, policy.limits, folder)
            hearing.until_the_end(seconds)
        return hearing.ended(child.status, child.usage)
