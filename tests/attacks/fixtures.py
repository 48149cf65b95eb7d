"""The judges of the whole course, for tests that try answers on real exercises.

A folder that needs them imports them in its conftest; the others do not pay for them.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from course_lib.grading.judge import Judge

SHORT_S = 1.0  # for answers that hang: each of them costs its clock


@pytest.fixture(scope="session")
def course_judge() -> Iterator[Judge]:
    """Return one judge of the whole course for all tests."""
    with Judge(jobs=2) as judge:
        yield judge


@pytest.fixture(scope="session")
def hasty_judge() -> Iterator[Judge]:
    """Return one that gives every answer a second; more of them than cores, for most only wait."""
    with Judge(jobs=4, timeout=SHORT_S) as judge:
        yield judge
