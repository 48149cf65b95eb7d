"""The whole way of a learner through lesson 00, in a real browser, with the network out of reach."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands.served import Home, Served, end
from playwright.sync_api import Page, expect

from .desk import Desk

ROOT = Path(__file__).resolve().parents[2]
STEM = "00_doors_open"
ANSWER = [
    "# question: first-call",
    "async def first_call(http):",
    '    response = await http.get("/live")',
    "    return response.json()",
]

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Return the real course, copied to a learner's empty home."""
    home = Home(tmp_path)
    for kind in ("notebooks", "exercises", "solutions"):
        shutil.copytree(ROOT / kind, home.course / kind, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    shutil.copy(ROOT / "README.md", home.course)
    return home


@pytest.fixture
def desk(page: Page, screenshots: Path, home: Home) -> Desk:
    """Return the learner's page."""
    return Desk(page, pictures=screenshots, progress=Path(home.env["COURSE_PROGRESS_DB"]))


@pytest.fixture
def lab(home: Home) -> Iterator[Served]:
    """Return JupyterLab as `course start` serves it for the first time."""
    process = home.start()
    try:
        yield Served(process)
    finally:
        end(process)


def test_first_lesson_opens_and_nothing_else(lab: Served, desk: Desk) -> None:
    desk.open(lab.url)
    assert desk.title() == "00 Doors open"
    desk.picture("lesson-00-light")
    assert desk.page.locator(".jp-Dialog").count() == 0
    assert desk.page.locator(".Toastify__toast").count() == 0
    assert desk.page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab").count() == 1


def test_readme_opens_as_a_page(lab: Served, desk: Desk) -> None:
    desk.page.goto(lab.url.replace(lab.page, "/lab/tree/README.md?reset"))
    heading = desk.page.locator(".jp-MarkdownViewer h1")
    heading.wait_for()
    assert heading.inner_text() == "Velvet Rope: asynchronous databases in FastAPI"
    desk.picture("readme-light")


def test_learner_takes_the_first_lesson(lab: Served, desk: Desk, home: Home) -> None:
    desk.open(lab.url)
    desk.run_all()
    desk.wait_for("ran", f"lesson:{STEM}")

    prompt = desk.cell('predict("00-asyncio-run")').locator(".predict")
    prompt.get_by_role("radio", name="raises").click()
    expect(prompt.locator("[aria-live=polite]")).to_contain_text("Right: raises")
    desk.wait_for("predicted", "00-asyncio-run")
    desk.picture("lesson-00-predicted-light")
    desk.save()

    desk.open(lab.url.replace("/notebooks/", "/exercises/"))
    desk.type_into("# question: first-call", ANSWER)
    desk.run_all()
    check = desk.cell('await check("first-call"')
    expect(check.locator(".jp-OutputArea-output").first).to_contain_text("pass")
    desk.wait_for("passed", "first-call")
    desk.picture("exercise-00-passed-light")
    desk.save()

    copy = home.course / "work" / "exercises" / f"{STEM}.ipynb"
    texts = ["".join(cell["source"]) for cell in json.loads(copy.read_text())["cells"]]
    assert "\n".join(ANSWER) in texts
    assert lab.stop() == "JupyterLab has stopped, your work is saved\n"


def test_progress_survives_a_restart(desk: Desk, home: Home) -> None:
    process = home.start()
    try:
        first = Served(process)
        desk.open(first.url)
        desk.run_all()
        desk.wait_for("ran", f"lesson:{STEM}")
        first.stop()
    finally:
        end(process)
    process = home.start()
    try:
        second = Served(process)
        assert second.said[0] == f"opening exercise {STEM}\n"
        desk.open(second.url)
        assert desk.title() == "00 Doors open: exercises"
        second.stop()
    finally:
        end(process)


def test_dark_theme_is_readable(desk: Desk, home: Home) -> None:
    chosen = Path(home.env["JUPYTER_CONFIG_DIR"]) / "lab/user-settings/@jupyterlab/apputils-extension"
    chosen.mkdir(parents=True)
    (chosen / "themes.jupyterlab-settings").write_text('{"theme": "JupyterLab Dark"}')
    process = home.start()
    try:
        lab = Served(process)
        desk.open(lab.url)
        expect(desk.page.locator("body")).to_have_attribute("data-jp-theme-light", "false")
        desk.run_all()
        desk.wait_for("ran", f"lesson:{STEM}")
        prompt = desk.cell('predict("00-asyncio-run")').locator(".predict")
        radios = prompt.get_by_role("radio")
        radios.first.focus()
        radios.first.press("ArrowDown")  # a key of the group, not of the sheet
        expect(radios.nth(1)).to_be_focused()
        radios.nth(1).press("ArrowUp")
        expect(radios.first).to_be_focused()
        prompt.get_by_role("radio", name="raises").press("Enter")
        desk.wait_for("predicted", "00-asyncio-run")
        desk.picture("lesson-00-predicted-dark")
        lab.stop()
    finally:
        end(process)
