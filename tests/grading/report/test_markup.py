"""A stranger's text is shown in HTML and does nothing there."""

from __future__ import annotations

from course_lib.grading.report.markup import CLASSES, e, mark

from .classroom import EVIL


def test_stranger_is_escaped_for_text_and_attribute() -> None:
    assert e(EVIL) == r"&lt;script&gt;alert(1)&lt;/script&gt;\x1b[31m&amp;amp; \udc80 &quot;&#x27;"
    assert e("a\nb") == "a\nb"


def test_outcome_is_a_word_with_a_sign_that_is_not_read_aloud() -> None:
    assert mark("pass") == '<span class="pass"><span aria-hidden="true">✓ </span>pass</span>'
    assert all(" " not in name for name in CLASSES.values())
