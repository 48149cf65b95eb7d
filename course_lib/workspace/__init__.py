"""The learner's app on disk, rebuilt from the notebooks.

The notebooks are the only source of the app: `lesson(n)` and `exercise(n)` replay their `%%app` cells.
"""

from __future__ import annotations

from course_lib.workspace.replay import exercise, lesson

__all__ = ["exercise", "lesson"]
