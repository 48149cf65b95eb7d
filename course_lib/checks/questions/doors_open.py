"""The checks of exercise 00: await, ask an app in process, do not start a second loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any  # Any: answers, and the apps they are asked with

from fastapi import FastAPI, HTTPException

from course_lib.checks import seeded
from course_lib.checks.assertions import ask, equal
from course_lib.checks.question import question
from course_lib.checks.visitor import visiting
from course_lib.client import client

LESSON = "00_doors_open"
SLOW_DOOR_S = 0.3  # long enough that a thread which waits for it stops the loop in front of the probe


def _house(word: str, seconds: float = 0, status: int = 200) -> FastAPI:
    house = FastAPI()

    @house.get("/live", status_code=status)
    async def live() -> dict[str, str]:
        await asyncio.sleep(seconds)
        return {"door": word}

    return house


@question("first-call", lesson=LESSON, section=1)
async def check_first_call_reads_the_body(first_call: Callable[..., Any]) -> str:
    """Ask two apps whose answers differ: a copied output cannot be right twice."""
    why = "another house was asked: read the answer of the client you are given"
    for word, what, because in (("open", "", ""), (*seeded.names("shut"), "second answer", why)):
        async with visiting(_house(word)) as visitor:
            came = await ask(first_call, visitor.http)
            equal(came, {"door": word}, what=what, section=2, why=because)
    return "two houses asked, two answers read"


class _Vestibule:
    """Lets nobody on until two are inside, or until it is clear that nobody else comes."""

    def __init__(self) -> None:
        self.inside = 0
        self.peak = 0
        self._both = asyncio.Event()

    async def open(self) -> asyncio.Task[Any]:
        """Bind the door to this loop by waiting at it: it refuses any other from now on, whoever comes first."""
        keeper = asyncio.create_task(self._both.wait())
        await asyncio.sleep(0)
        return keeper

    async def pass_through(self) -> None:
        """Wait for the other guest, at most 0.3 s."""
        self.inside += 1
        self.peak = max(self.peak, self.inside)
        waiting = asyncio.ensure_future(self._both.wait())
        await asyncio.sleep(0)
        if waiting.done():
            waiting.result()  # a guest of another loop is refused before the door can open
        if self.peak == 2:
            self._both.set()
        await asyncio.wait([waiting], timeout=0.3)
        self.inside -= 1
        if not waiting.done():
            waiting.cancel()
        elif not waiting.cancelled():
            waiting.result()


@question("two-at-once", lesson=LESSON, section=1)
async def check_two_requests_are_inside_together(two_at_once: Callable[..., Any]) -> str:
    """Ask two apps that keep a guest until the second one is inside; what they answer differs."""
    other = seeded.numbers(503, 410, low=400, high=499)
    for codes, what, why in (
        ([200, 404], "", ""),
        (other, "second codes", "another house was asked: read its answers"),
    ):
        vestibule = _Vestibule()
        keeper = await vestibule.open()
        try:
            async with client(_slow_house(vestibule, *codes), errors=True) as http:
                came = await ask(two_at_once, http)
                equal(list(came) if isinstance(came, tuple) else came, codes, what=what, why=why)
        finally:
            keeper.cancel()
        together = "both guests had to be inside together, so start both before you await either"
        equal(vestibule.peak, 2, what="peak", why=together)
    return "both were inside at the same time"


def _slow_house(vestibule: _Vestibule, live_code: int, menu_code: int) -> FastAPI:
    house = FastAPI()

    @house.get("/live", status_code=live_code)
    async def live() -> dict[str, str]:
        await vestibule.pass_through()
        return {"door": "open"}

    @house.get("/menu")
    async def menu() -> None:
        await vestibule.pass_through()
        raise HTTPException(menu_code)

    return house


@question("doors-fixed", lesson=LESSON, section=1)
async def check_open_doors_is_awaited(open_doors: Callable[..., Any]) -> str:
    """Await the repaired function on a door that takes its time."""
    status = seeded.number(200, low=400, high=499)
    equal(await ask(open_doors, _house("open", SLOW_DOOR_S, status)), status)
    return "opened from inside a running loop"
