"""The page says first what to teach again, stands alone, is well formed, and no stranger's text acts in it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from small_course import STEM

from course_lib.grading.report.page import STYLE, page

from .classroom import evil_class, results, sheet, small_class, times, verdict

pytestmark = pytest.mark.usefixtures("small")
VOID = {"meta", "br"}


class Reader(HTMLParser):
    """Reads a page strictly: every tag is closed where it was opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs)
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    def values(self, attribute: str) -> list[str]:
        """Return every value of one attribute, in order."""
        return [value for _, there in self.tags if (value := there.get(attribute))]

    def of(self, tag: str) -> Iterator[dict[str, str | None]]:
        """Yield the attributes of every tag of one kind."""
        return (there for name, there in self.tags if name == tag)


@pytest.mark.parametrize("make", [small_class, evil_class, results])
def test_page_is_well_formed_and_stands_alone(make: object) -> None:
    assert callable(make)
    text = page(make())
    read = Reader(text)
    ids = read.values("id")
    assert len(ids) == len({*ids})
    assert {link for link in read.values("href") if link.removeprefix("#") not in ids and "matrix" not in link} == set()
    assert not {"script", "img", "link", "iframe", "form", "object", "svg"} & {tag for tag, _ in read.tags}
    assert not [name for _, there in read.tags for name in there if name.startswith("on") or name == "src"]
    assert {"url(", "@import", "http:", "https:"} & {*re.findall(r"url\(|@import|https?:", text)} == set()
    assert "default-src 'none'" in read.values("content")[0]
    text.encode()


def test_what_to_teach_again_comes_first() -> None:
    read = Reader(page(small_class()))
    words = [word.strip() for word in read.words if word.strip()]
    at = words.index("What to teach again")
    assert words[at + 1 : at + 6] == [
        "Lesson 00 § 1",
        "expected 8, got 6",
        "1 point lost by 1 of 3",
        "in",
        "small-double",
    ]
    assert at < words.index("Questions") < words.index("Learners and questions")
    assert "Left untouched most often: small-later, by 1 of 3" in words
    assert "2 things" in " ".join(words)


def test_section_is_named_by_its_title(small: Path) -> None:
    (small / "notebooks" / f"{STEM}.ipynb").write_text(
        '{"nbformat": 4, "cells": [{"cell_type": "markdown", "source": "# 00 Small"},'
        '{"cell_type": "markdown", "source": "## 1 Ask & await"}]}'
    )
    assert "<h3>Lesson 00 § 1 Ask &amp; await</h3>" in page(small_class())


def test_class_without_a_wrong_answer_and_without_any() -> None:
    assert "No answer was wrong." in page(results(sheet("a", verdict("q", "pass"))))
    assert "There is no verdict yet." in page(results())


def test_matrix_can_be_heard_and_reached_by_keyboard() -> None:
    text = page(small_class())
    read = Reader(text)
    assert {there.get("scope") for there in read.of("th")} == {"col", "row"}
    regions = [there for there in read.of("div") if there.get("role") == "region"]
    assert [(there["tabindex"], there["aria-label"]) for there in regions] == [("0", "Table of verdicts")]
    for words in ("pass", "fail", "error", "not attempted", "not handed in"):
        assert f'<span class="only-read">{words}</span>' in text
    assert [*read.of("html")] == [{"lang": "en"}]
    headings = [int(tag[1]) for tag, _ in read.tags if re.fullmatch(r"h\d", tag)]
    assert headings[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(headings))


def test_example_is_there_without_its_author() -> None:
    text = page(small_class())
    assert "<code>async def double(number):\n    return 6</code>" in text
    assert "own</code>" not in text


def test_isolation_notes_and_version_are_said() -> None:
    words = " ".join(Reader(page(small_class())).words)
    for said in ("no sandbox on this system", "5 verdicts with: a, b", "2 passed over (__MACOSX)", "course 0.1.0"):
        assert said in words


def test_times_are_the_last_line_only() -> None:
    fast, slow = (page(times(seconds, small_class())).splitlines() for seconds in (1.0, 2.0))
    assert [line for line, other in zip(fast, slow, strict=True) if line != other] == [
        "<p>velvet-rope-course 0.1.0. Judged in 1.0 s.</p>"
    ]
    assert page(small_class()) == page(small_class())


def luminance(colour: str) -> float:
    """Return how bright a colour is, as WCAG computes it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1])
def test_letters_can_be_read_on_every_ground(scheme: int) -> None:
    roots = re.findall(r":root \{(.*?)\}", STYLE.read_text(encoding="utf-8"), re.DOTALL)
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", roots[scheme]))
    outcomes = ["pass", "fail", "error", "timeout", "none"]
    pairs = [(name, f"{name}-fill") for name in outcomes] + [(name, "card") for name in outcomes]
    pairs += [(name, ground) for name in ("ink", "quiet", "accent") for ground in ("paper", "card")]
    pairs += [("ink", "timeout-fill"), ("accent", "timeout-fill")]
    faint = {}
    for letters, ground in pairs:
        dark, light = sorted(luminance(colours[name]) for name in (letters, ground))
        if (light + 0.05) / (dark + 0.05) < 4.5:
            faint[letters, ground] = (light + 0.05) / (dark + 0.05)
    assert faint == {}
