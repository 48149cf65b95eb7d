"""An early pytest plugin: nbval starts four times faster, and an untouched exercise is red.

Most of nbval's start-up is one optional import of jsonschema (1.4 s, measured); nothing here needs that format check.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from typing import Any  # Any: pytest need not be installed to import this file

sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # None makes the import fail at once
os.environ.setdefault("COURSE_STRICT", "1")


def pytest_configure(config: Any) -> None:
    """Give this run a progress store of its own: a test must never write into the progress of who runs it."""
    if "COURSE_PROGRESS_DB" not in os.environ:
        config.course_progress = tempfile.mkdtemp(prefix="velvet-rope-progress-")
        os.environ["COURSE_PROGRESS_DB"] = os.path.join(config.course_progress, "progress.db")


def pytest_unconfigure(config: Any) -> None:
    """Remove the progress store of this run."""
    folder = getattr(config, "course_progress", None)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
        os.environ.pop("COURSE_PROGRESS_DB", None)
