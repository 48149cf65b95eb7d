"""Where the course and the learner's own files are.

One place answers the question, so that a test or a class room can move everything with environment variables.
"""

from __future__ import annotations

import os
from pathlib import Path

APP_NAME = "velvet-rope-course"


def course_root() -> Path:
    """Return the folder that holds notebooks/, exercises/ and solutions/ (`COURSE_ROOT` moves it)."""
    named = os.environ.get("COURSE_ROOT")
    return Path(named).expanduser().resolve() if named else Path(__file__).resolve().parent.parent


def work_folder() -> Path:
    """Return the folder of the learner's own copies (`COURSE_WORK` moves it); it may not exist yet."""
    named = os.environ.get("COURSE_WORK")
    return Path(named).expanduser().resolve() if named else course_root() / "work"


def progress_file() -> Path:
    """Return the progress store's file (`COURSE_PROGRESS_DB` moves it); it may not exist yet."""
    named = os.environ.get("COURSE_PROGRESS_DB")
    if named:
        return Path(named).expanduser().resolve()
    from platformdirs import user_data_path  # imported here: a lesson that records nothing does not pay for it

    return user_data_path(APP_NAME, appauthor=False) / "progress.db"


def state_folder() -> Path:
    """Return the folder of the private servers (`COURSE_STATE_DIR` moves it); it may not exist yet."""
    named = os.environ.get("COURSE_STATE_DIR")
    if named:
        return Path(named).expanduser().resolve()
    from platformdirs import user_cache_path  # imported here: a lesson on SQLite does not pay for it

    return user_cache_path(APP_NAME, appauthor=False) / "servers"
