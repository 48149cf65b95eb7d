"""The way of a stranger's text into the HTML page: through `e`, and no other."""

from __future__ import annotations

import html

from course_lib.grading.printable import printable
from course_lib.grading.report.results import MARKS

CLASSES = {name: "none" if name == "not attempted" else name for name in MARKS}


def e(text: str) -> str:
    """Return a stranger's text as HTML that shows it and does nothing else."""
    return html.escape(printable(text))


def mark(outcome: str) -> str:
    """Return an outcome as a sign and its word, in its colour."""
    return f'<span class="{CLASSES[outcome]}"><span aria-hidden="true">{MARKS[outcome]} </span>{outcome}</span>'
