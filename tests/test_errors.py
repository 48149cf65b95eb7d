"""One small exception tree: a caller may catch one base class, and a learner sees one line."""

from __future__ import annotations

import inspect

from course_lib import errors
from course_lib.errors import CheckFailed, CourseError, WorkspaceError

TREE = {
    "CertificateError",
    "CheckFailed",
    "CourseError",
    "NotebookError",
    "ProgressError",
    "ServerError",
    "WorkspaceError",
}


def test_the_tree_is_drawn_whole_and_has_one_root() -> None:
    found = {name: kind for name, kind in vars(errors).items() if inspect.isclass(kind)}
    assert set(found) == TREE
    assert all(issubclass(kind, CourseError) for kind in found.values())
    assert all(f"{name} " in str(errors.__doc__) or name == "CourseError" for name in found)


def test_ipython_is_given_one_line() -> None:
    assert WorkspaceError("no room")._render_traceback_() == ["WorkspaceError: no room"]


def test_a_failed_check_shows_its_verdict_or_else_its_message() -> None:
    assert CheckFailed("no")._render_traceback_() == ["no"]
    assert CheckFailed("no", "fail pool-size: no")._render_traceback_() == ["fail pool-size: no"]
