"""The velvet rope in a real browser: it moves and listens while a cell awaits, and stands still while a cell blocks.

The cells end by what the hand did to them, never by a clock, so a slow machine sees the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from commands.served import Home, Served, end, notebook, write_small_course
from playwright.sync_api import Locator, Page, expect

from .desk import Desk

ROUNDS = 30  # of some seconds: a cell that nobody's hand ends must end by itself
ENGINE = """
import asyncio, pathlib, time
from contextlib import AsyncExitStack
from course_lib import fresh
from course_lib.load import open_loop
from course_lib.pool_view import pool_view

house = AsyncExitStack()
engine = await house.enter_async_context(fresh(pool_size=3, max_overflow=1, pool_timeout=0.5))
pool_view(engine)
"""
MODEL = "model = pool_view(pool_size=2, rate=0.5, hold=2, timeout=10)\nmodel"
LOAD = f"""
async def guest():
    async with engine.connect():
        await asyncio.sleep(0.1)

turned = False
for load in range({ROUNDS}):
    await open_loop(guest, rate=70, seconds=3, warm_up=0)
    if turned := model.source.timeout > 10:
        break
print("the knob was turned while the cell awaited:", turned)
"""
BLOCK = f"""
before = model.source.rate
for block in range({ROUNDS}):
    time.sleep(1)
    if pathlib.Path("turned").exists():
        break
print("the knob was turned while the cell blocked:", model.source.rate != before)
"""

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Return a learner's home whose first sheet shows an engine and a model, loads them, and blocks."""
    home = Home(tmp_path)
    write_small_course(home.course)
    cells = [("engine", ENGINE.strip()), ("model", MODEL), ("load", LOAD.strip()), ("block", BLOCK.strip())]
    (home.course / "notebooks/00_doors_open.ipynb").write_text(notebook(*cells))
    return home


@pytest.fixture(params=["light", "dark"])
def theme(request: pytest.FixtureRequest, home: Home) -> str:
    """Return the theme of JupyterLab, chosen before it starts."""
    theme: str = request.param
    chosen = Path(home.env["JUPYTER_CONFIG_DIR"]) / "lab/user-settings/@jupyterlab/apputils-extension"
    chosen.mkdir(parents=True)
    (chosen / "themes.jupyterlab-settings").write_text(f'{{"theme": "JupyterLab {theme.title()}"}}')
    return theme


@pytest.fixture
def desk(page: Page, screenshots: Path, home: Home, theme: str) -> Iterator[Desk]:
    """Return the learner's page with the sheet open and both views on it."""
    process = home.start()
    try:
        desk = Desk(page, pictures=screenshots, progress=Path(home.env["COURSE_PROGRESS_DB"]))
        desk.open(Served(process).url)
        expect(page.locator("body")).to_have_attribute("data-jp-theme-light", str(theme == "light").lower())
        for name in ("pool_view(engine)", "model = pool_view"):
            desk.cell(name).locator(".cm-content").click()
            desk.run_here()
            desk.cell(name).locator(".pool").wait_for()
        yield desk
    finally:
        end(process)


def draws(view: Locator) -> int:
    """Return how often a view was drawn."""
    return int(view.evaluate("pool => pool.closest('[data-draws]').dataset.draws"))


def await_draws(view: Locator, more: int) -> None:
    """Wait until a view was drawn `more` times from now on."""
    enough = f"pool => Number(pool.closest('[data-draws]').dataset.draws) >= {draws(view) + more}"
    view.page.wait_for_function(enough, arg=view.element_handle())


def await_words(view: Locator, pattern: str) -> None:
    """Wait until the sentence below the seats matches, between two frames, where `expect` would come too late."""
    said = f"pool => /{pattern}/.test(pool.querySelector('.pool-told').textContent)"
    view.page.wait_for_function(said, arg=view.element_handle(), polling="raf")


def test_views_live_while_a_cell_awaits_and_wait_while_it_blocks(desk: Desk, home: Home, theme: str) -> None:
    real, model = desk.cell("pool_view(engine)").locator(".pool"), desk.cell("model = pool_view").locator(".pool")
    desk.cell("open_loop(guest").locator(".cm-content").click()
    desk.run_here()
    real.scroll_into_view_if_needed()
    await_draws(real, 20)
    await_words(real, "4 of 4 seats taken .of them 1 overflow., [1-9]\\d* at the rope, \\d+ served, [1-9]\\d* refused")
    desk.picture(f"pool-view-saturated-{theme}")

    knob = model.get_by_role("slider", name="timeout")
    knob.focus()
    knob.press("ArrowRight")  # the keys of a slider, not those of the sheet
    load = desk.cell("open_loop(guest").locator(".jp-OutputArea-output")
    expect(load).to_contain_text("the knob was turned while the cell awaited: True")

    block = desk.cell("for block in")
    block.locator(".cm-content").click()
    desk.run_here()
    expect(block.locator(".jp-InputPrompt")).to_contain_text("[*]")
    knob = desk.cell("model = pool_view").get_by_role("slider", name="rate")
    knob.focus()
    knob.press("ArrowRight")
    seen = draws(model)
    (home.course / "work/notebooks/turned").write_text("")
    expect(block.locator(".jp-OutputArea-output")).to_contain_text("the knob was turned while the cell blocked: False")
    await_draws(model, 1)
    assert draws(model) > seen


def test_a_view_needs_no_mouse_no_eyes_and_no_width(desk: Desk, theme: str) -> None:
    model = desk.cell("model = pool_view").locator(".pool")
    assert model.get_attribute("role") == "group"
    button = model.get_by_role("button", name="Send one more guest")
    for _ in range(3):
        button.press("Enter")
    await_words(model, "2 of 2 seats taken, [1-9]\\d* at the rope")
    expect(model.get_by_role("status")).to_contain_text("2 of 2 seats taken")
    for name in ("pool_size", "max_overflow", "timeout", "rate", "hold"):
        model.get_by_role("slider", name=name).focus()
        outline = model.get_by_role("slider", name=name).evaluate("knob => getComputedStyle(knob).outlineStyle")
        assert outline == "solid"
    moving = model.evaluate(
        "pool => [...pool.querySelectorAll('*')].filter(part => getComputedStyle(part).transitionDuration !== '0s'"
        " || getComputedStyle(part).animationName !== 'none').length"
    )
    assert moving == 0  # nothing to switch off for those who asked for less motion
    desk.picture(f"pool-view-model-{theme}")
    desk.page.set_viewport_size({"width": 640, "height": 900})  # what 1280 points are at 200%
    model.evaluate("pool => pool.style.width = '320px'")
    assert model.evaluate("pool => pool.scrollWidth <= pool.clientWidth")
    desk.picture(f"pool-view-narrow-{theme}")


def test_a_stored_view_is_a_sentence(desk: Desk, home: Home) -> None:
    desk.save()
    stored = (home.course / "work/notebooks/00_doors_open.ipynb").read_text()
    assert "Pool: 0 of 3 seats taken, 0 at the rope, 0 served, 0 refused" in stored
