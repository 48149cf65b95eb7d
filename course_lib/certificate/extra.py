"""The libraries of the extra `cert`, looked for before a minute is spent on judging.

Who wants no certificate needs neither of them, so nothing imports them at the top of a module.
"""

from __future__ import annotations

import importlib.util

from course_lib.errors import CourseError

PACKAGES = {"cryptography": "cryptography", "fpdf": "fpdf2"}  # module -> what it is called on a package index
INSTALL = 'pip install -e ".[cert]"'


def require(*modules: str) -> None:
    """Raise `CourseError` when one of the modules is not installed."""
    absent = [PACKAGES[name] for name in modules if importlib.util.find_spec(name) is None]
    if absent:
        verb, pronoun = ("is", "it") if len(absent) == 1 else ("are", "them")
        raise CourseError(
            f"{' and '.join(absent)} {verb} not installed, and a certificate needs {pronoun}; type: {INSTALL}"
        )
