"""The checks of exercise 03: one engine, one session per request, one owner of the transaction.

The answers bring their routes; the house around them, its database and its error mapping are ours.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any  # Any: a declarative base, rows, and what an answer returns

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse
from sqlalchemy.exc import IntegrityError, NoResultFound
from sqlalchemy.ext.asyncio import async_sessionmaker

from course_lib.checks.assertions import AnswerError, at_most, equal, exactly, show, wrong
from course_lib.checks.question import question
from course_lib.checks.visitor import Visitor, visiting
from course_lib.databases import database, fresh
from course_lib.observe import gauge, trace

LESSON = "03_engine_and_session"
NEGRONI = {"name": "Negroni", "price_cents": 1200}
SPRITZ = {"name": "Spritz", "price_cents": 900}


@asynccontextmanager
async def _house(router: Any, base: Any, rows: Sequence[Any] = ()) -> AsyncIterator[Visitor]:
    """Open a house with the answer's routes on a fresh database that has the tables of `base` and `rows`."""
    if not isinstance(router, APIRouter):
        wrong(f"expected an APIRouter, got {show(router)}", section=4)
    async with fresh(pool_size=5) as engine:
        async with engine.begin() as connection:
            await connection.run_sync(base.metadata.create_all)
        house = FastAPI()
        house.state.sessions = async_sessionmaker(engine, expire_on_commit=False)
        async with house.state.sessions.begin() as session:
            session.add_all(rows)
        _map_errors(house)
        house.include_router(router)
        async with visiting(house) as visitor:
            yield visitor


def _map_errors(house: FastAPI) -> None:
    """Answer like `app/errors.py`, without trusting the learner's copy of it."""

    async def taken(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": "taken"}, 409)

    async def not_on_the_list(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": "not on the list"}, 404)

    house.add_exception_handler(IntegrityError, taken)
    house.add_exception_handler(NoResultFound, not_on_the_list)


@question("six-defects", lesson=LESSON, section=3)
async def check_post_items_is_repaired(router: Any, base: Any) -> str:
    """Six POSTs, six statuses, one body; and no more statements than a login and an insert."""
    orders: list[tuple[dict[str, Any], int]] = [
        (NEGRONI, 201),
        (NEGRONI, 409),
        ({**SPRITZ, "nope": 1}, 422),
        ({**SPRITZ, "price_cents": "abc"}, 422),
        ({**SPRITZ, "id": 999}, 422),
        (SPRITZ, 201),
    ]
    async with _house(router, base) as visitor:
        for number, (order, status) in enumerate(orders):
            async with trace() as events:
                response = await visitor.ask("POST", "/items/", json=order, status=status)
            if number == 0:
                equal(sorted(response.json()), ["id", "name", "price_cents"], what="keys")
                at_most(len(events.statements()), 2, "statement")
                _require_guest_check(events.statements())
    return "six orders, 201 409 422 422 422 201, at most 2 statements each"


def _require_guest_check(statements: list[str]) -> None:
    """Fail when the dependency that reads first is gone: the defect would be hidden, not repaired."""
    if not statements[0].upper().startswith("SELECT"):
        wrong("expected known_guest to read first, got an INSERT at once; keep the dependency of the endpoint")


@question("not-on-the-list", lesson=LESSON, section=4)
async def check_read_item_says_404(router: Any, base: Any, item: Any) -> str:
    """One row that is there, one that is not, one that is no number."""
    async with _house(router, base, [item(id=1, **NEGRONI)]) as visitor:
        async with trace() as events:
            response = await visitor.ask("GET", "/items/1", status=200)
        equal(response.json(), {"id": 1, **NEGRONI})
        at_most(len(events.statements()), 1, "statement")
        response = await visitor.ask("GET", "/items/2", status=404)
        equal(response.json(), {"detail": "not on the list"})
        await visitor.ask("GET", "/items/abc", status=422)
    return "200, 404 and 422, one statement"


@question("one-engine", lesson=LESSON, section=5)
async def check_twenty_requests_open_one_connection(build: Callable[[str], Any]) -> str:
    """Twenty requests in a row, counted at the pool; then the house closes, and nothing may stay open."""
    doorman = gauge()
    async with database() as place:
        try:
            house = build(place.url)
        except Exception as error:
            raise AnswerError(str(error)) from error
        if house is None:
            wrong("expected an app from build(url), got None; is its last line `return app`?", section=5)
        async with visiting(house) as visitor:
            for _ in range(20):
                response = await visitor.ask("GET", "/count", status=200)
            equal(response.json(), 3, what="items")
            opened = doorman.opened
    if opened != 1:
        wrong(f"expected 1 connection opened, counted {opened}", section=2, slug="engine-per-request")
    if not doorman.inside:  # a connection that is still lent out has a cause of its own, and a probe that names it
        open_now = doorman.opened - doorman.closed
        if open_now:
            wrong("the engine was not disposed; 1 connection stayed open after the house closed", section=5)
    return "twenty guests, one connection, nothing left open"


@question("who-is-it", lesson=LESSON, section=3)
async def check_login_and_write_share_one_session(router: Any, base: Any, member: Any) -> str:
    """A member may order, a stranger may not; a request borrows one connection and commits once."""
    async with _house(router, base, [member(name="Ada"), member(name="Bo")]) as visitor:
        doorman = gauge()
        async with trace() as events:
            response = await visitor.ask("POST", "/items/", json=NEGRONI, headers={"X-Member": "Bo"}, status=201)
        equal(sorted(response.json()), ["id", "name", "price_cents"], what="keys")
        exactly_one_connection(doorman.peak)
        exactly(events.count("COMMIT"), 1, "COMMIT", section=4)
        exactly(events.count("checkout"), 1, "checkout", section=3)
        await visitor.ask("POST", "/items/", json=SPRITZ, headers={"X-Member": "Eve"}, status=401)
        again = await visitor.ask("POST", "/items/", json=SPRITZ, headers={"X-Member": "Ada"}, status=201)
        equal(again.json()["id"], 2, what="id", section=4)
    return "one request, one connection, one commit"


def exactly_one_connection(peak: int) -> None:
    """Fail when a request held more than one connection at a time."""
    if peak != 1:
        wrong(f"expected peak 1, got {peak}", section=3, slug="two-sessions")
