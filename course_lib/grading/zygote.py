"""Talk to a zygote: send a job, get its record; and start another when one has gone.

It is a process of its own, so that whatever an answer does to it costs one question and never the judge.
"""

from __future__ import annotations

import json
import tempfile
from typing import Any  # Any: jobs and records are JSON

from course_lib.authoring import warm
from course_lib.errors import CourseError

MODULE = "course_lib.grading.zygote_process"


class Fresh:
    """The road of a system that cannot fork: a fresh process per job, slower and without a sandbox."""

    def run(self, job: dict[str, Any]) -> dict[str, Any]:
        """Return the last record of `job`."""
        return {**warm.in_fresh({**job, "times": 1}), "isolation": [], "cpu": 0.0}

    def close(self) -> None:
        """Nothing is kept."""


class Zygote:
    """One warm process that forks a child per job; not for two threads at once."""

    def __init__(self) -> None:
        self._home: tempfile.TemporaryDirectory[str] = warm.folder()
        self._process = warm.start(MODULE, TMPDIR=self._home.name)

    def close(self) -> None:
        """End the process, and remove what its children may have left."""
        warm.stop(self._process)
        self._home.cleanup()

    def run(self, job: dict[str, Any]) -> dict[str, Any]:
        """Return the last record of `job`; where it ended the zygote itself, the next gets another."""
        if self._process.poll() is not None:
            warm.stop(self._process)
            self._process = warm.start(MODULE, TMPDIR=self._home.name)
        process = self._process
        if process.stdin is None or process.stdout is None:
            raise CourseError("the zygote has no streams; this is a bug in the course")
        try:
            process.stdin.write(json.dumps(job) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            return {"stage": "died", "message": "the process that runs answers ended", "isolation": [], "cpu": 0.0}
        record: dict[str, Any] = json.loads(line)
        return record
