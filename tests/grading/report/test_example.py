"""An example answer has no comments and no name in it, and is otherwise what was written."""

from __future__ import annotations

import pytest

from course_lib.grading.report.example import LONGEST, anonymous


@pytest.mark.parametrize(
    ("answer", "learner", "shown"),
    [
        ("x = 1  # by Ada\n# and mail: ada@example.org\ny = 2", "Ada", "x = 1\ny = 2"),
        ("# question: q\nx = '# no comment'", "Bob", "x = '# no comment'"),
        ("name = 'ada lovelace'", "Ada Lovelace", "name = '… …'"),
        ("adas = ada_lovelace", "Ada Lovelace", "adas = …_…"),
        ("print(max(1, 2))", "max print", "print(max(1, 2))"),
        ("for x in y: pass", "for", "for x in y: pass"),
        ("al = 1", "Al", "… = 1"),
        ("def broken(:\n    # Ada\n    return", "Ada", "def broken(:\n    return"),
        ("x = 'open\n# Ada", "Ada", "x = 'open"),
        ("async def f():\n\n\n\n    pass\n\n", "Bob", "async def f():\n\n    pass"),
        ("", "Ada", ""),
    ],
)
def test_name_and_comments_are_gone(answer: str, learner: str, shown: str) -> None:
    assert anonymous(answer, learner) == shown


def test_long_answer_is_cut() -> None:
    assert len(anonymous("x = 1\n" * LONGEST, "Ada")) == LONGEST + 1
