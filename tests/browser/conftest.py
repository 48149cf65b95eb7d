"""A headless Chromium that may talk to this machine only, and keeps pictures of what it saw.

The course promises to work with the network cable pulled, so a request to any other host fails the test.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Request, expect, sync_playwright
from small_fixtures import small, small_root

__all__ = ["chromium", "page", "screenshots", "small", "small_root"]
FLAGS = [
    "--headless",
    "--no-sandbox",  # Chromium refuses to run as root with it
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # the cable is pulled
]
PATIENCE_MS = 60_000  # a loaded machine of two cores needs 15 s for a lesson


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of the browser; without one the test is skipped, or fails where it is required."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        if os.environ.get("COURSE_REQUIRE_BROWSER"):
            pytest.fail("chromium not found, and COURSE_REQUIRE_BROWSER is set; type: apt install chromium")
        pytest.skip("chromium not found; type: apt install chromium")
    return path


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder for pictures: `COURSE_SCREENSHOTS`, or a temporary one; never the repository."""
    named = os.environ.get("COURSE_SCREENSHOTS")
    folder = Path(named) if named else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def page(chromium: str) -> Iterator[Page]:
    """Return an empty page; at the end no request may have left this machine."""
    outside: list[str] = []

    def look(request: Request) -> None:
        there = urlsplit(request.url)
        if there.scheme in {"http", "https", "ws", "wss"} and there.hostname != "127.0.0.1":
            outside.append(request.url)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        try:
            context = browser.new_context(viewport={"width": 1280, "height": 900})
            context.set_default_timeout(PATIENCE_MS)
            expect.set_options(timeout=PATIENCE_MS)
            context.on("request", look)
            yield context.new_page()
        finally:
            browser.close()
    assert outside == [], "the page asked another machine"
