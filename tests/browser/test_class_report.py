"""The report on a class in a real browser: the question a teacher has is answered before anybody scrolls.

Its pictures, light and dark, are for human eyes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from grading.report.classroom import evil_class, results, sheet, verdict
from playwright.sync_api import Page, expect

from course_lib.grading.report.page import page as report
from course_lib.grading.report.results import Results

pytestmark = pytest.mark.browser
MESSAGES = ("expected 1 connection opened, counted 20", "expected status 404, got 500 for GET /items/2", "no engine")


def a_class(size: int = 30, questions: int = 8) -> Results:
    """Return a class of some size, in which each question has its own share of wrong answers."""

    def learner(number: int) -> tuple[str, ...]:
        return tuple("fail" if (number + at) % (at + 3) == 0 else "pass" for at in range(questions))

    return results(
        *[
            sheet(
                f"Learner {number:03}",
                *[
                    verdict(f"question-{at}", outcome, MESSAGES[at % 3], f"turn-{at}", 2)  # type: ignore[arg-type]
                    for at, outcome in enumerate(learner(number))
                ],
            )
            for number in range(size)
        ]
    )


def opened(page: Page, made: Results, folder: Path) -> list[str]:
    """Open the report on a class; return the list that its complaints go to."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    path = folder / "report.html"
    path.write_text(report(made), encoding="utf-8")
    page.goto(path.as_uri())
    return complaints


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_to_teach_again_is_on_the_first_screen(
    scheme: Literal["light", "dark"], page: Page, tmp_path: Path, screenshots: Path, small: Path
) -> None:
    page.emulate_media(color_scheme=scheme)
    complaints = opened(page, a_class(), tmp_path)
    page.screenshot(path=screenshots / f"class-report-{scheme}.png")
    height = page.evaluate("innerHeight")
    for card in page.locator(".teach li").all():
        box = card.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= height
    first = page.locator(".teach li").first
    expect(first).to_contain_text(MESSAGES[0])
    expect(first).to_contain_text("20 points lost by 10 of 30")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert complaints == []


def test_keyboard_reaches_the_matrix_and_opens_a_learner(page: Page, tmp_path: Path, small: Path) -> None:
    opened(page, a_class(), tmp_path)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Learners and questions")).to_be_in_viewport()
    page.keyboard.press("Tab")
    expect(page.get_by_role("region", name="Table of verdicts")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#learner-1")).to_be_visible()
    expect(page.locator("#learner-2")).to_be_hidden()


def test_reader_hears_rows_columns_and_outcomes(page: Page, tmp_path: Path, small: Path) -> None:
    opened(page, a_class(size=2, questions=2), tmp_path)
    table = page.get_by_role("region", name="Table of verdicts").get_by_role("table")
    expect(table.get_by_role("columnheader")).to_have_text(["learner", "points", "00 question-0", "00 question-1"])
    expect(table.get_by_role("rowheader")).to_have_text(["Learner 000", "Learner 001"])
    assert [cell.aria_snapshot() for cell in table.get_by_role("cell").all()][1] == '- cell "fail"'


def test_phone_needs_no_scrolling_to_the_side(page: Page, tmp_path: Path, small: Path) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    opened(page, a_class(), tmp_path)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_attack_is_shown_and_does_nothing(page: Page, tmp_path: Path, screenshots: Path, small: Path) -> None:
    complaints = opened(page, evil_class(), tmp_path)
    for closed in page.locator("details:not([open]) > summary").all():
        closed.click()
    page.screenshot(path=screenshots / "class-report-attack.png", full_page=True)
    assert complaints == []
    assert page.locator("script").count() == 0
    expect(page.locator(".teach .said").first).to_contain_text("<script>alert(1)</script>")


def test_thousand_learners_can_be_opened(page: Page, tmp_path: Path, small: Path) -> None:
    opened(page, a_class(size=1000), tmp_path)
    expect(page.locator(".matrix tbody tr")).to_have_count(1000)
