"""The small course and one judge, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from attacks.fixtures import course_judge, hasty_judge
from small_fixtures import small, small_root, traces, warm

from course_lib.grading.judge import Judge

__all__ = ["course_judge", "hasty_judge", "judge", "small", "small_root", "traces", "warm"]


@pytest.fixture(scope="session")
def judge(small_root: Path) -> Iterator[Judge]:
    """Return one judge for all tests; its zygotes were started in the small course."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_ROOT", str(small_root))
        judge = Judge(jobs=2).__enter__()
    yield judge
    judge.close()
