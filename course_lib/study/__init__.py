"""What helps a learner learn: predict prompts, the question bank, and progress.

The two functions are imported here and nothing heavy is: no database driver, no widget, before the first use.
They carry the names of their modules, and importing them first is what makes `study.progress` the function for good.
"""

from __future__ import annotations

from course_lib.study.predict import predict
from course_lib.study.progress import progress

__all__ = ["predict", "progress"]
