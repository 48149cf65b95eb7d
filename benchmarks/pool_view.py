"""The live pool view in a real Chromium: updates a second on the page while a cell awaits a load, and what they cost.

One JupyterLab, one sheet, turns with and without the view. The page counts what it draws, the kernel what it spends:
the seconds its loop was busy with frames, and the CPU of the whole process beside that of a turn without a view.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from browser.conftest import FLAGS
from browser.desk import Desk
from commands.served import Home, Served, end, notebook, write_small_course

FEWEST, SHARE = 20, 0.02  # updates a second, and the share of the loop they may take
HOUSE = """
import asyncio, json, pathlib, time
from contextlib import AsyncExitStack
from course_lib import fresh
from course_lib.load import open_loop
from course_lib.pool_view import pool_view

house = AsyncExitStack()
engine = await house.enter_async_context(fresh(pool_size=4, max_overflow=1, pool_timeout=0.5))

async def guest():
    async with engine.connect():
        await asyncio.sleep(0.05)

async def turn(view, seconds={seconds}, rate=110):
    frames, cost = (view.frame, view.cost) if view else (0, 0.0)
    wall, cpu = time.perf_counter(), time.process_time()
    await open_loop(guest, rate=rate, seconds=seconds, warm_up=0)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    seen = dict(sent=(view.frame - frames) / wall, cost=(view.cost - cost) / wall) if view else {{}}
    return dict(cpu=cpu / wall, **seen)
"""
BARE = "bare = [await turn(None) for _ in range({rounds})]"
TURNS = """
turns = dict(bare=bare, seen=[await turn(view) for _ in range({rounds})])
pathlib.Path("turns.json").write_text(json.dumps(turns))
"""


def measured(page: Page, home: Home, folder: Path) -> tuple[float, dict[str, list[dict[str, float]]]]:
    """Return the draws a second on the page and the turns the kernel measured."""
    process = home.start()
    try:
        desk = Desk(page, pictures=folder, progress=Path(home.env["COURSE_PROGRESS_DB"]))
        desk.open(Served(process).url)
        for text in ("house = AsyncExitStack", "bare = [", "view = pool_view(engine)", "turns = dict"):
            desk.cell(text).locator(".cm-content").click()
            desk.run_here()
        view = desk.cell("view = pool_view(engine)").locator("[data-draws]")
        view.wait_for()
        busy = "pool => /[1-9]\\d* refused/.test(pool.textContent)"
        page.wait_for_function(busy, arg=view.element_handle())
        count = "pool => [Number(pool.dataset.draws), performance.now()]"
        first, began = view.evaluate(count)
        file = home.course / "work/notebooks/turns.json"
        drawn = []
        while not file.exists():
            page.wait_for_timeout(1000)
            last, ended = view.evaluate(count)
            drawn.append(1000 * (last - first) / (ended - began))
            first, began = last, ended
        page.wait_for_timeout(200)
        return statistics.median(drawn), json.loads(file.read_text())
    finally:
        end(process)


def main() -> int:
    """Measure and print; 1 when the page shows too little or the loop pays too much."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        print("chromium not found; install it with: apt install chromium")
        return 0
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        home = Home(Path(name))
        write_small_course(home.course)
        turns = [text.format(rounds=chosen.rounds) for text in (BARE, TURNS)]
        cells = [HOUSE.format(seconds=chosen.seconds), turns[0], "view = pool_view(engine)\nview", turns[1]]
        sheet = notebook(*((f"cell-{number}", cell.strip()) for number, cell in enumerate(cells)))
        (home.course / "notebooks/00_doors_open.ipynb").write_text(sheet)
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        drawn, figures = measured(browser.new_page(), home, Path(name))
        browser.close()
    sent, cost = (statistics.median(turn[what] for turn in figures["seen"]) for what in ("sent", "cost"))
    print(f"frames sent {sent:.1f} a second, drawn on the page {drawn:.1f} a second (at least {FEWEST})")
    print(f"the loop's time spent on them {100 * cost:.2f}% (at most {100 * SHARE:.0f}%)")
    bare, seen = (statistics.median(turn["cpu"] for turn in figures[kind]) for kind in ("bare", "seen"))
    print(f"CPU of the kernel {100 * bare:.0f}% without a view, {100 * seen:.0f}% with one")
    return 0 if drawn >= FEWEST and cost <= SHARE else 1


if __name__ == "__main__":
    sys.exit(main())
