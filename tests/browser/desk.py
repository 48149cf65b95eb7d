"""JupyterLab as a person uses it: open a sheet, run it, click, type, save.

Lab takes cells off the page when they are out of sight, so every look begins with scrolling to the cell.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

LIMIT_S = 60


class Desk:
    """One page of JupyterLab, its pictures, and the progress store its kernel writes to."""

    def __init__(self, page: Page, *, pictures: Path, progress: Path) -> None:
        self.page = page
        self.pictures = pictures
        self.progress = progress

    def open(self, url: str) -> None:
        """Open the address that `course start` printed, and wait for the sheet and its kernel."""
        self.page.goto(url)
        self.sheet().locator(".jp-Cell").first.wait_for()
        self.page.get_by_text("| Idle").first.wait_for()  # menus are redrawn until the kernel is there

    def sheet(self) -> Locator:
        """Return the notebook in front."""
        return self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")

    def title(self) -> str:
        """Return the heading of the sheet in front."""
        return self.sheet().locator("h1").first.inner_text()

    def menu(self, name: str, item: str) -> None:
        """Choose an entry of a menu."""
        self.page.get_by_role("menuitem", name=name, exact=True).click()
        self.page.locator(".lm-Menu-itemLabel", has_text=item).first.click()

    def run_all(self) -> None:
        """Run all cells of the sheet in front."""
        self.menu("Run", "Run All Cells")

    def cell(self, text: str) -> Locator:
        """Return the code cell whose source holds `text`, scrolled into sight."""
        found = self.sheet().locator(".jp-CodeCell", has=self.page.locator(".cm-content", has_text=text)).first
        outer = self.sheet().locator(".jp-WindowedPanel-outer").first
        if not found.count():
            outer.evaluate("panel => panel.scrollTo(0, 0)")
        for _ in range(100):
            if found.count():
                break
            outer.evaluate("panel => panel.scrollBy(0, 300)")
            self.page.wait_for_timeout(100)  # Lab draws what came into sight on its next frames
        found.scroll_into_view_if_needed()
        return found

    def type_into(self, text: str, lines: list[str]) -> None:
        """Replace the source of the cell that holds `text`, key by key; the editor indents by itself."""
        editor = self.cell(text).locator(".cm-content")
        editor.click()
        self.page.keyboard.press("Control+A")
        self.page.keyboard.press("Delete")
        for number, line in enumerate(lines):
            if number:
                self.page.keyboard.press("Enter")
                self.page.keyboard.press("Shift+Home")  # what the editor indented is typed over
            self.page.keyboard.type(line)

    def run_here(self) -> None:
        """Run the cell that has the focus."""
        self.page.keyboard.press("Shift+Enter")

    def save(self) -> None:
        """Save the sheet in front, and wait until the tab says so."""
        self.page.keyboard.press("Control+S")
        expect(self.page.locator(".lm-TabBar-tab.lm-mod-current.jp-mod-dirty")).to_have_count(0)

    def picture(self, name: str) -> None:
        """Keep a picture of the page."""
        self.page.screenshot(path=self.pictures / f"{name}.png")

    def events(self) -> list[tuple[str, str]]:
        """Return what the progress store holds, as (verb, object)."""
        store = sqlite3.connect(self.progress)
        try:
            return [(str(verb), str(what)) for verb, what in store.execute("SELECT verb, object FROM event")]
        finally:
            store.close()

    def wait_for(self, verb: str, what: str) -> None:
        """Wait until the progress store holds an event."""
        end = time.monotonic() + LIMIT_S
        while (verb, what) not in self.events():
            assert time.monotonic() < end, f"expected {verb} {what}, got {self.events()}"
            self.page.wait_for_timeout(100)
