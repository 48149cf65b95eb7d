"""A guest with a notebook: asks an app, and keeps the error that hides behind a 500.

A status is what a stranger sees; an error in the learner's own lines is worth more than the number 500.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any  # Any: apps, and what httpx accepts

from course_lib.checks import learner_code
from course_lib.checks.assertions import AnswerError, said, show, watched, wrong
from course_lib.client import client
from course_lib.expect import describe
from course_lib.observe.events import Raw, listen, unlisten

if TYPE_CHECKING:
    import httpx

# mistakes in the code itself: their own text says more than a status; all others are the app's behaviour
SLIPS = (AttributeError, ImportError, LookupError, NameError, SyntaxError, TypeError)


class Visitor:
    """An open client, and the last error that left the app."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.error: Exception | None = None

    def take(self, raw: Raw) -> None:
        """Keep the error of a request that crashed."""
        if raw.kind == "crash":
            self.error = raw.subject

    async def ask(
        self, method: str, path: str, *, status: int | None = None, section: int | None = None, **options: Any
    ) -> httpx.Response:
        """Send one request and return the response; with `status`, fail when it is another one.

        A slip in the learner's own lines (a wrong name, a wrong call) is an `AnswerError` instead of a 500.
        """
        self.error, look = None, watched()
        response = await self.http.request(method, path, **options)
        look()
        if response.status_code == 500 and self._slipped():
            raise AnswerError(said(self.error) if self.error else "") from self.error
        if status is not None and response.status_code != status:
            came = f"expected status {status}, got {response.status_code}"
            wrong(f"{came} for {self._told(method, path, response, options)}", section=section, slug=self._slug())
        return response

    def _told(self, method: str, path: str, response: httpx.Response, options: dict[str, Any]) -> str:
        """Return the request in words, and what stands behind a bad answer: the app's error, or the body's detail."""
        asked = f"{method} {path}" + (f" {show(options['json'])}" if "json" in options else "")
        if self.error is not None:
            return f"{asked}; behind it: {describe(self.error)}"
        return f"{asked}; the answer says {show(response.text)}" if response.status_code >= 400 else asked

    def _slipped(self) -> bool:
        error = self.error
        return isinstance(error, SLIPS) and learner_code.of_traceback(error.__traceback__) is not None

    def _slug(self) -> str:
        if self.error is None:
            return ""
        from course_lib.field_guide import explain

        return explain(self.error).slug or ""


@asynccontextmanager
async def visiting(app: Any) -> AsyncIterator[Visitor]:
    """Open `app` in process, lifespan entered, and yield a visitor to it."""
    async with client(app) as http:
        visitor = Visitor(http)
        listen(visitor)
        try:
            yield visitor
        finally:
            unlisten(visitor)
