"""What a check function says with: call the answer, compare values, hold a budget, or state a cause by name.

Messages follow one pattern, `expected ..., got ...`, so that a wrong turn can be recognised by the message it gets.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any, NoReturn  # Any: an answer returns whatever the learner wrote

from course_lib.checks.outcome import OutcomeName

LONGEST = 160  # characters of a value in a message: enough for a small dict, short enough for one line


class Wrong(Exception):
    """The check says no: a message, the section that explains it, the field guide's slug."""

    def __init__(
        self, message: str, *, section: int | None = None, slug: str = "", outcome: OutcomeName = "fail"
    ) -> None:
        super().__init__(message)
        self.section = section
        self.slug = slug
        self.outcome: OutcomeName = outcome


class AnswerError(Exception):
    """The learner's own code raised; `__cause__` is its error."""


def said(error: BaseException) -> str:
    """Return the text of an answer's error, empty when its own `__str__` raises."""
    try:
        return str(error)
    except Exception:
        return ""


def wrong(message: str, *, section: int | None = None, slug: str = "") -> NoReturn:
    """End the check with `fail` and this message."""
    raise Wrong(message, section=section, slug=slug)


def show(value: Any) -> str:
    """Return a short repr of `value`; one that raises is said so."""
    try:
        text = repr(value)
    except Exception as error:
        return f"<{type(value).__name__} whose repr raises {type(error).__name__}>"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def equal(came: Any, wanted: Any, *, what: str = "", why: str = "", section: int | None = None, slug: str = "") -> None:
    """Fail with `expected [what] <wanted>, got <came>[; why]` unless type and value agree."""
    same = type(came) is type(wanted) and came == wanted
    if not same:
        name = f"{what} " if what else ""
        reason = f"; {why}" if why else ""
        wrong(f"expected {name}{show(wanted)}, got {show(came)}{reason}", section=section, slug=slug)


def at_most(counted: int, limit: int, noun: str, *, section: int | None = None, slug: str = "") -> None:
    """Fail with `expected at most 2 statements, counted 11` above the limit."""
    if counted > limit:
        plural = noun if limit == 1 else f"{noun}s"
        wrong(f"expected at most {limit} {plural}, counted {counted}", section=section, slug=slug)


def exactly(counted: int, wanted: int, noun: str, *, section: int | None = None, slug: str = "") -> None:
    """Fail with `expected 1 connection opened, counted 20` unless the numbers agree."""
    if counted != wanted:
        wrong(f"expected {wanted} {noun}, counted {counted}", section=section, slug=slug)


_watchers: tuple[Callable[[], str], ...] = ()  # given a new value, never changed in place: a seal sees only the first


def look_after(*watchers: Callable[[], str]) -> None:
    """Have these, and no others, look after each call of the learner's code; what one names ends the check."""
    global _watchers
    _watchers = watchers


def watched() -> Callable[[], None]:
    """Return a function that lets the watchers look; take it before the learner's code runs, call it afterwards."""
    looking = _watchers

    def look() -> None:
        for watcher in looking:
            if changed := watcher():
                raise Wrong(f"the answer changed the course's own code ({changed})", outcome="error")

    return look


async def ask(answer: Callable[..., Any], *arguments: Any, section: int | None = None, **named: Any) -> Any:
    """Call the learner's `answer`, await it when it can be awaited, and return its value.

    Its own error becomes `AnswerError`; a coroutine as the value is `a coroutine was never awaited`.
    """
    if not callable(answer):
        wrong(f"expected a function, got {show(answer)}", section=section)
    look = watched()
    try:
        value = answer(*arguments, **named)
        if inspect.isawaitable(value):
            value = await value
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise  # the check's own clock
        raise AnswerError("a cancelled task was awaited") from error
    except (Exception, SystemExit) as error:
        raise AnswerError(said(error)) from error
    look()
    refuse_awaitable(value, section=section)
    return value


def refuse_awaitable(value: Any, *, section: int | None = None) -> None:
    """Fail when `value` is a coroutine that nobody awaited."""
    if inspect.iscoroutine(value):
        value.close()  # so that Python does not warn about it a second time
        wrong("a coroutine was never awaited", section=section, slug="never-awaited")
