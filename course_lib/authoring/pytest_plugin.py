"""An early pytest plugin: a fast nbval, warm kernels, a red untouched exercise, cells skipped without their server.

Most of nbval's start-up is one optional import of jsonschema (1.4 s, measured); nothing here needs that format check.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
from typing import Any  # Any: pytest need not be installed to import this file

from course_lib import warm_kernel

sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # None makes the import fail at once
os.environ.setdefault("COURSE_STRICT", "1")


def pytest_configure(config: Any) -> None:
    """Give this run a progress store of its own: a test must never write into the progress of who runs it."""
    if "COURSE_PROGRESS_DB" not in os.environ:
        config.course_progress = tempfile.mkdtemp(prefix="velvet-rope-progress-")
        os.environ["COURSE_PROGRESS_DB"] = os.path.join(config.course_progress, "progress.db")
    if config.getoption("nbval_kernel_name", None) == warm_kernel.KERNEL_NAME:
        _show_warm_kernel()


def _show_warm_kernel() -> None:
    """Let Jupyter find the kernelspec, in this run and its workers only: it is no kernel for a learner's list."""
    folders = [str(warm_kernel.JUPYTER_FOLDER), *filter(None, [os.environ.get("JUPYTER_PATH")])]
    os.environ["JUPYTER_PATH"] = os.pathsep.join(folders)
    if sys.platform == "linux":
        threading.Thread(target=_warm_up, daemon=True).start()  # it imports while pytest collects


def _warm_up() -> None:
    from course_lib.warm_kernel.asker import prepare

    prepare()


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
