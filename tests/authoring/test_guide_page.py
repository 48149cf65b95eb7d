"""The page is fresh, complete and the same every time; every link in it leads somewhere."""

from __future__ import annotations

import re

import pytest

from course_lib.authoring.guide_page import NAME, page, write
from course_lib.field_guide import entries
from course_lib.field_guide.entry import written
from course_lib.locations import course_root

PAGE = page(written())


def test_page_and_stored_entries_are_fresh() -> None:
    assert write(check=True) == [], "the field guide was changed: run course guide"


def test_page_is_the_same_every_time() -> None:
    assert page(written()) == PAGE


def test_every_entry_has_its_heading_once() -> None:
    assert re.findall(r"^### (.+)$", PAGE, re.MULTILINE) == [one.slug for one in written()]


def test_every_link_leads_to_a_heading() -> None:
    anchors = {heading.lower().replace(" ", "-") for heading in re.findall(r"^##+ (.+)$", PAGE, re.MULTILINE)}
    links = set(re.findall(r"\]\(#([^)]+)\)", PAGE))
    assert links - anchors == set()
    assert {one.slug for one in written()} <= links


def test_silent_failures_have_their_own_index_with_a_probe() -> None:
    index = PAGE.partition("## What nobody raises\n")[2].partition("\n## ")[0]
    silent = [one for one in written() if one.is_silent]
    assert re.findall(r"^- \[([\w-]+)\]", index, re.MULTILINE) == [one.slug for one in silent]
    assert all(one.symptom and one.probe for one in silent)


def test_index_shows_the_words_that_stay_the_same() -> None:
    index = PAGE.partition("## By the words of the message\n")[2].partition("\n## ")[0]
    assert "`...attached to a different loop`: [different-loop](#different-loop)\n" in index
    assert "`Event loop is closed`: [loop-closed](#loop-closed)\n" in index


def test_look_alikes_lead_to_each_other() -> None:
    for slug, other in (("zombie-query", "disconnect-does-not-cancel"), ("disconnect-does-not-cancel", "zombie-query")):
        block = PAGE.partition(f"\n### {slug}\n")[2].partition("\n### ")[0]
        assert "Deciding test: the endpoint's `finally` r" in block
        assert f"[{other}](#{other})" in block
        assert "still active in `pg_stat_activity`" in block


@pytest.mark.parametrize("words", [" simply ", " just ", " obviously ", " easy ", " easily "])
def test_no_word_that_makes_a_reader_feel_slow(words: str) -> None:
    assert words not in PAGE


def test_committed_page_names_no_place_of_this_machine() -> None:
    text = (course_root() / NAME).read_text(encoding="utf-8")
    assert re.findall(r"/(?:root|work|tmp)/\S+", text) == []
    assert len(entries()) == text.count("\n### ")
