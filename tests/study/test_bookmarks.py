"""A bookmark is set at the sheet one is in, listed with a link, and taken off again."""

from __future__ import annotations

import pytest

from course_lib.errors import CourseError
from course_lib.study.bookmarks import Bookmark, bookmark, bookmarks_in, here
from course_lib.study.progress import events


@pytest.fixture(autouse=True)
def sheet(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Be in the learner's copy of lesson 07, as JupyterLab tells the kernel."""
    monkeypatch.setenv("JPY_SESSION_NAME", "/home/ada/course/work/notebooks/07_pools.ipynb")
    return monkeypatch


def test_without_any_it_says_how() -> None:
    assert repr(bookmark()) == 'Bookmarks: none yet; add one with study.bookmark("why pre-ping")'
    assert list(bookmark()._repr_mimebundle_()) == ["text/plain"]
    assert events() == []


def test_a_bookmark_knows_its_sheet_and_its_note() -> None:
    bookmark("why  pre-ping\n")
    listed = bookmark("little's law", note="inside = rate x time")
    assert listed.listed == [
        Bookmark("why pre-ping", "", "notebooks/07_pools.ipynb"),
        Bookmark("little's law", "inside = rate x time", "notebooks/07_pools.ipynb"),
    ]
    assert repr(listed).splitlines() == [
        "Bookmarks: 2",
        "- why pre-ping (notebooks/07_pools.ipynb)",
        "- little's law - inside = rate x time (notebooks/07_pools.ipynb)",
    ]
    assert events()[0].result == {"note": "", "sheet": "notebooks/07_pools.ipynb", "lesson": "07_pools"}


@pytest.mark.parametrize(
    ("session", "link"),
    [
        ("/c/work/notebooks/03_engine_and_session.ipynb", "07_pools.ipynb"),
        ("/c/work/exercises/07_pools.ipynb", "../notebooks/07_pools.ipynb"),
        ("", "notebooks/07_pools.ipynb"),
    ],
)
def test_the_list_links_to_the_sheet_from_where_one_is(session: str, link: str, sheet: pytest.MonkeyPatch) -> None:
    bookmark("why *pre-ping* [x](y)")
    sheet.setenv("JPY_SESSION_NAME", session)
    shown = bookmark()._repr_mimebundle_()
    assert shown["text/markdown"] == "Bookmarks: 1\n\n" + rf"- why \*pre-ping\* \[x\](y) ([07_pools]({link}))"
    assert shown["text/plain"] == repr(bookmark())


def test_the_same_text_again_takes_its_place() -> None:
    bookmark("why pre-ping")
    assert bookmark("why pre-ping", note="section 4").listed == [
        Bookmark("why pre-ping", "section 4", "notebooks/07_pools.ipynb")
    ]


def test_a_bookmark_can_point_at_another_lesson() -> None:
    assert bookmark("who commits", lesson=3).listed[0].sheet == "notebooks/03_engine_and_session.ipynb"
    with pytest.raises(CourseError, match=r"^expected a lesson that has questions"):
        bookmark("who commits", lesson=77)


def test_a_bookmark_is_taken_off() -> None:
    bookmark("why pre-ping")
    bookmark("budget")
    assert [one.text for one in bookmark("why pre-ping", remove=True).listed] == ["budget"]
    with pytest.raises(CourseError) as caught:
        bookmark("why pre-ping", remove=True)
    assert str(caught.value) == "no bookmark is named 'why pre-ping'; there are: 'budget'"
    assert len(bookmarks_in(events())) == 1


def test_a_page_is_no_bookmark() -> None:
    with pytest.raises(CourseError) as caught:
        bookmark("x" * 201)
    assert str(caught.value) == "expected a bookmark of at most 200 characters, got 201; use note= for the rest"


@pytest.mark.parametrize(
    ("session", "found"),
    [
        ("", ""),
        ("7c9e6679-7425-40de-944b-e07fc1f90ae7", ""),
        ("/home/ada/own.ipynb", ""),
        ("/home/ada/notebooks/own.ipynb", ""),
        ("C:\\course\\work\\exercises\\07_pools.ipynb", "exercises/07_pools.ipynb"),
        ("work/notebooks/07_pools.ipynb", "notebooks/07_pools.ipynb"),
    ],
)
def test_only_a_sheet_of_the_course_is_a_place(session: str, found: str, sheet: pytest.MonkeyPatch) -> None:
    sheet.setenv("JPY_SESSION_NAME", session)
    assert here() == found
