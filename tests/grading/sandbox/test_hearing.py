"""The parent's side on systems with less than ours: without pidfds, without waitid, with a child that dies early."""

from __future__ import annotations

import json

from confined_answers import alone

LESS = """
import json, os, sys
from course_lib.grading.sandbox import Policy, run_confined
for name in {missing}:
    delattr(os, name)
def loop():
    while True: pass
jobs = ((lambda: 1, 30), (loop, 0.2), (lambda: os._exit(4), 30))
ends = [run_confined(job, Policy(), seconds) for job, seconds in jobs]
print(json.dumps([[end.cause, end.value, end.exit_code] for end in ends]))
"""
EARLY = """
import os
from course_lib.errors import CourseError
from course_lib.grading.sandbox import Policy, child, run_confined
{what}
try:
    run_confined(int, Policy(), 30)
except CourseError as error:
    print(error)
"""
BUG = 'this is a bug in the course: please report it with the output of "course doctor"'
USED = """
import json
from course_lib.grading.sandbox import Policy, run_confined
def busy():
    import time
    room = bytearray(50 << 20)
    while time.process_time() < 0.1: pass
ended = run_confined(busy, Policy(), 30)
print(json.dumps([ended.cpu_seconds >= 0.1, ended.peak_memory > 50 << 20]))
"""


def ends(missing: tuple[str, ...]) -> object:
    """Return how three children end where `os` lacks some functions."""
    return json.loads(alone(LESS.format(missing=missing)))


def test_children_end_the_same_without_a_pidfd_or_waitid() -> None:
    expected = [["returned", 1, 0], ["time", None, None], ["exit", None, 4]]
    assert ends(()) == expected
    assert ends(("pidfd_open",)) == expected
    assert ends(("pidfd_open", "waitid")) == expected


def test_child_that_cannot_be_confined_is_our_fault() -> None:
    broken = "def enter(*_, **__): raise RuntimeError\nsetattr(child, 'enter', enter)"
    assert alone(EARLY.format(what=broken)) == (
        f"the child of the sandbox was not confined within 20 s (status 70); {BUG}"
    )


def test_child_whose_parent_has_gone_runs_nothing() -> None:
    gone = "os.getppid = lambda: 1"
    assert alone(EARLY.format(what=gone)) == f"the child of the sandbox was not confined within 20 s (status 0); {BUG}"


def test_parent_knows_what_a_child_used() -> None:
    assert json.loads(alone(USED)) == [True, True]
