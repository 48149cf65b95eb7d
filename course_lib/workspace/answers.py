"""Which answer cells did not run to their end in this kernel, and why.

Python keeps the function of an earlier run when a cell fails; a check must not judge that one as if it were new.
"""

from __future__ import annotations

from typing import Any  # Any: IPython's result of a cell

from course_lib.errors import CheckFailed
from course_lib.notebook_file import QUESTION

failed: dict[str, str] = {}  # question -> its error in one line


def begin(info: Any) -> None:
    """Forget how the last run of an answer cell ended: it runs again now, maybe with its check in the same cell."""
    marked = QUESTION.match(str(info.raw_cell).lstrip().partition("\n")[0])
    if marked is not None:
        failed.pop(marked[1], None)


def note(result: Any) -> None:
    """Remember how the last run of an answer cell ended; any other cell is ignored."""
    marked = QUESTION.match(str(result.info.raw_cell).lstrip().partition("\n")[0])
    if marked is None:
        return
    error = result.error_before_exec or result.error_in_exec
    if error is None or isinstance(error, CheckFailed):  # a check below the answer said no: the answer did run
        failed.pop(marked[1], None)
        return
    from course_lib.expect import first_line

    text = error.msg if isinstance(error, SyntaxError) else first_line(error)
    failed[marked[1]] = f"{type(error).__name__}: {text}"
