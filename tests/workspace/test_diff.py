"""What a written file says about itself: the same text everywhere, and colours that only repeat it."""

from __future__ import annotations

from course_lib.workspace.diff import FileChange


def test_a_new_file_says_how_long_it_is() -> None:
    assert repr(FileChange("items.py", None, "a\nb\n")) == "items.py written, 2 lines"


def test_an_unchanged_file_says_so() -> None:
    assert repr(FileChange("items.py", "a\n", "a\n")) == "items.py unchanged"


def test_a_changed_file_shows_the_lines_with_one_line_around() -> None:
    before, after = "1\n2\n3\n4\n5\n", "1\n2\nthree\n4\n5\n"
    assert repr(FileChange("items.py", before, after)) == (
        "items.py changed, 1 line in, 1 out\n   2\n  -3\n  +three\n   4"
    )


def test_the_coloured_view_has_the_same_text_escaped() -> None:
    shown = FileChange("items.py", "a < b\n", "a > b\n")._repr_html_()
    assert "items.py changed, 1 line in, 1 out" in shown
    assert "<span style='color: var(--jp-error-color1, #a51d2d)'>-a &lt; b</span>" in shown
    assert "<span style='color: var(--jp-success-color1, #1b6e2f)'>+a &gt; b</span>" in shown


def test_a_line_around_has_no_colour() -> None:
    assert "</span>\n b\n</pre>" in FileChange("items.py", "a\nb\n", "c\nb\n")._repr_html_()


def test_the_view_of_a_new_file_is_one_line() -> None:
    assert FileChange("items.py", None, "a\n")._repr_html_() == "<div><code>items.py written, 1 line</code></div>"
