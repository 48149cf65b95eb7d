"""The mind map in a real browser: JupyterLab draws it, and the outline stands below it."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from commands.served import Home, Served, end, notebook, write_small_course
from playwright.sync_api import Page, expect

from .desk import Desk

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MAP = """
from course_lib import study
from course_lib.study.progress import record
record("reviewed", "01-card-loop-lag", {"grade": "good", "lesson": "01_event_loop"})
study.mindmap()
"""


def test_the_map_is_drawn_and_said_as_text(tmp_path: Path, page: Page, screenshots: Path) -> None:
    home = Home(tmp_path)
    write_small_course(home.course)
    (home.course / "notebooks/00_doors_open.ipynb").write_text(notebook(("map", MAP.strip())))
    process = home.start()
    try:
        desk = Desk(page, pictures=screenshots, progress=Path(home.env["COURSE_PROGRESS_DB"]))
        desk.open(Served(process).url)
        desk.run_all()
        output = desk.cell("study.mindmap()").locator(".jp-OutputArea")
        expect(output.locator(".jp-RenderedMermaid figure img")).to_be_visible()
        expect(output.locator(".jp-RenderedMermaid.jp-mod-warning")).to_have_count(0)
        expect(output.get_by_text("hold time (07): not yet")).to_be_attached()
        expect(output.get_by_text("Mind map of Velvet Rope: 42 words")).to_be_attached()
        desk.picture("mindmap")
        drawn = unquote(output.locator("figure img").get_attribute("src") or "")
        assert ">hold time 07<" in drawn
        leaf = drawn.partition(">loop lag 01: known<")[0].rpartition('class="node mindmap-node')[2]
        assert re.match(r" section-\d+ known\"", leaf), "its class carries its colour, border and ink"
    finally:
        end(process)
