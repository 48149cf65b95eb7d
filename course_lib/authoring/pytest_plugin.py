"""An early pytest plugin: a fast nbval, a red untouched exercise, and skipped cells where a server is missing.

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


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Skip the notebook cells whose server is not here, as a notebook does; the cells after them still run."""
    for item in items:
        text = str(getattr(getattr(item, "cell", None), "source", ""))  # nbval keeps the cell in its item
        if "needs:" in text:
            _mark(item, text)


def _mark(item: Any, cell: str) -> None:
    import pytest

    from course_lib.databases import needs
    from course_lib.errors import CourseError

    try:
        line = needs.missing(cell)
    except CourseError as error:  # nothing may be missing here, or the line names no server
        item.course_refusal = str(error)
        return
    if line:
        item.add_marker(pytest.mark.skip(reason=line))


def pytest_runtest_call(item: Any) -> None:
    """Fail a cell whose server must not be missing; it runs in no kernel."""
    refusal = getattr(item, "course_refusal", "")
    if refusal:
        import pytest

        pytest.fail(refusal, pytrace=False)


def pytest_unconfigure(config: Any) -> None:
    """Remove the progress store of this run."""
    folder = getattr(config, "course_progress", None)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
        os.environ.pop("COURSE_PROGRESS_DB", None)
