"""Which answer cells did not run to their end in this kernel, and why.

Python keeps the function of an earlier run when a cell fails; a check must not judge that one as if it were new.
"""

from __future__ import annotations

from typing import Any  # Any: IPython's result of a cell

from course_lib.notebook_file import QUESTION

failed: dict[str, str] = {}  # question -> its error in one line


def note(result: Any) -> None:
    """Remember how the last run of an answer cell ended; any other cell is ignored."""
    marked = QUESTION.match(str(result.info.raw_cell).lstrip().partition("\n")[0])
    if marked is None:
        return
    error = result.error_before_exec or result.error_in_exec
    if error is None:
        failed.pop(marked[1], None)
        return
    from course_lib.expect import first_line

    text = error.msg if isinstance(error, SyntaxError) else first_line(error)
    failed[marked[1]] = f"{type(error).__name__}: {text}"
