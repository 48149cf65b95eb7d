"""The small course, whose titles are read anew by each test that needs them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from course_lib.grading.report.results import title


@pytest.fixture(autouse=True)
def no_remembered_titles() -> Iterator[None]:
    """Forget the titles of a course that another test has written."""
    title.cache_clear()
    yield
    title.cache_clear()
