"""Every exception this course raises on purpose, so that a caller can catch one base class.

CourseError
├── WorkspaceError      the app's folder cannot be read or written, or a file name is refused
├── NotebookError       a notebook file is broken, or is not one of ours
├── ServerError         a database or a web server could not be started
├── ProgressError       the progress store was asked for something it cannot do
├── CertificateError    a certificate is damaged, changed, or not signed by the key it was checked with
└── CheckFailed         a check said no (the verdict an exercise shows)
"""

from __future__ import annotations


class CourseError(Exception):
    """Something went wrong that one sentence explains: expected, got, next step."""

    def _render_traceback_(self) -> list[str]:
        """Let IPython show one line instead of a traceback full of our own frames."""
        return [f"{type(self).__name__}: {self}"]


class WorkspaceError(CourseError):
    """The app's folder cannot be read or written, or a file name is refused."""


class NotebookError(CourseError):
    """A notebook file is broken, or is not one of ours."""


class ServerError(CourseError):
    """A database or a web server could not be started."""


class ProgressError(CourseError):
    """The progress store was asked for something it cannot do."""


class CertificateError(CourseError):
    """A certificate is damaged, changed, or not signed by the key it was checked with."""


class CheckFailed(CourseError):
    """A check said no; `verdict` holds the whole outcome, and the text is its message."""

    def __init__(self, message: str, verdict: object = None) -> None:
        super().__init__(message)
        self.verdict = verdict

    def _render_traceback_(self) -> list[str]:
        return [str(self.verdict or self)]
