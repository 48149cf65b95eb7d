"""The field guide: every error of the course, with its cause, its fix and the lesson that explains it.

`explain(error)` is what a learner types; the entries are the TOML files in `entries/`, one per lesson.
"""

from course_lib.field_guide.entry import Entry, entries, entry
from course_lib.field_guide.explain import Explanation, explain, explain_last

__all__ = ["Entry", "Explanation", "entries", "entry", "explain", "explain_last"]
