"""A child that could not be made leaves nothing open."""

from __future__ import annotations

import json

from confined_answers import alone

NO_ROOM = """
import json, os
from course_lib.grading.sandbox import Policy, run_confined
before = len(os.listdir("/proc/self/fd"))
def refuse():
    raise BlockingIOError(11, "Resource temporarily unavailable")
os.fork = refuse
try:
    run_confined(int, Policy(), 30)
except OSError as error:
    print(json.dumps([str(error), len(os.listdir("/proc/self/fd")) - before]))
"""


def test_machine_without_room_is_an_error_and_nothing_stays_open() -> None:
    assert json.loads(alone(NO_ROOM)) == ["[Errno 11] Resource temporarily unavailable", 0]
