"""What does not print is written out; what does stays as it is."""

from __future__ import annotations

import pytest

from course_lib.grading.printable import LONGEST_NAME, name, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Müller, 李 and é", "Müller, 李 and é"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\rb\x00c", r"a\rb\x00c"),
        ("txt.\u202eynpi", r"txt.\u202eynpi"),
        ("half \udc80", r"half \udc80"),
        ("two\nlines\tand", "two\nlines\\tand"),
    ],
)
def test_what_does_not_print_is_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_name_is_one_line_composed_and_not_too_long() -> None:
    assert name("Mu\u0308ller\n") == "Müller\\n"
    assert name("x" * 500) == "x" * (LONGEST_NAME - 3) + "..."
