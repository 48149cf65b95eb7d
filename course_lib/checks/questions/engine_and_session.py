"""The checks of exercise 03: one engine, one session per request, one owner of the transaction.

The answers bring their routes; the house around them, its database and its error mapping are ours.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any  # Any: a declarative base, rows, and what an answer returns

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse
from sqlalchemy import select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, NoResultFound
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker

from course_lib.checks import menu, seeded
from course_lib.checks.assertions import AnswerError, at_most, equal, exactly, said, show, wrong
from course_lib.checks.question import question
from course_lib.checks.visitor import Visitor, visiting
from course_lib.databases import database, fresh
from course_lib.observe import gauge, trace

LESSON = "03_engine_and_session"
NEGRONI: dict[str, Any] = {"name": "Negroni", "price_cents": 1200}
SPRITZ: dict[str, Any] = {"name": "Spritz", "price_cents": 900}
KEYS = ["id", "name", "price_cents"]


def _two_drinks() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return two drinks to order."""
    names = seeded.names(NEGRONI["name"], SPRITZ["name"])
    prices = seeded.numbers(NEGRONI["price_cents"], SPRITZ["price_cents"], low=100, high=3000)
    one, other = ({"name": name, "price_cents": price} for name, price in zip(names, prices, strict=True))
    return one, other


@asynccontextmanager
async def _house(router: Any, base: Any, rows: Sequence[Any] = ()) -> AsyncIterator[tuple[Visitor, AsyncEngine]]:
    """Open a house with the answer's routes on a fresh database that has the tables of `base` and `rows`.

    Its first drink gets a number that nobody knows.
    """
    sold_out = seeded.number(0, 1, 900)
    if not isinstance(router, APIRouter):
        wrong(f"expected an APIRouter, got {show(router)}", section=4)
    async with fresh(pool_size=5) as engine:
        async with engine.begin() as connection:
            await connection.run_sync(base.metadata.create_all)
            if sold_out:
                drinks = base.metadata.tables["drinks"]
                await connection.execute(drinks.insert().values(id=sold_out, name="sold out", price_cents=0))
        house = FastAPI()
        house.state.sessions = async_sessionmaker(engine, expire_on_commit=False)
        async with house.state.sessions.begin() as session:
            session.add_all(rows)
        _map_errors(house)
        house.include_router(router)
        async with visiting(house) as visitor:
            yield visitor, engine


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
    """Six POSTs, six statuses, two bodies, two rows; and no more statements than a login and an insert."""
    negroni, spritz = _two_drinks()
    orders: list[tuple[dict[str, Any], int]] = [
        (negroni, 201),
        (negroni, 409),
        ({**spritz, "nope": 1}, 422),
        ({**spritz, "price_cents": "abc"}, 422),
        ({**spritz, "id": 999}, 422),
        (spritz, 201),
    ]
    told = []
    async with _house(router, base) as (visitor, engine):
        for number, (order, status) in enumerate(orders):
            async with trace() as events:
                response = await visitor.ask("POST", "/items/", json=order, status=status)
            if status == 201:
                told.append(response.json())
            if number == 0:
                equal(sorted(response.json()), KEYS, what="keys")
                at_most(len(events.statements()), 2, "statement")
                _require_guest_check(events.statements())
        await _require_stored(engine, base, told, [negroni, spritz])
    return "six orders, 201 409 422 422 422 201, at most 2 statements each"


def _require_guest_check(statements: list[str]) -> None:
    """Fail when the dependency that reads first is gone: the defect would be hidden, not repaired."""
    if not statements[0].upper().startswith("SELECT"):
        wrong("expected known_guest to read first, got an INSERT at once; keep the dependency of the endpoint")


async def _require_stored(engine: AsyncEngine, base: Any, told: list[Any], ordered: list[dict[str, Any]]) -> None:
    """Fail unless the drinks that were ordered are in the table, and the answers are their rows."""
    drinks = base.metadata.tables["drinks"]
    columns = [drinks.c[name] for name in KEYS]
    names = [drink["name"] for drink in ordered]
    async with engine.connect() as connection:
        rows = await connection.execute(select(*columns).where(drinks.c.name.in_(names)).order_by(drinks.c.id))
        stored = [dict(row) for row in rows.mappings()]
    kept = [{key: row[key] for key in KEYS[1:]} for row in stored]
    equal(kept, ordered, what="drinks in the table", why="201 says that they are stored", section=4)
    equal(told, stored, what="answers", why="they are the rows", section=3)


@question("not-on-the-list", lesson=LESSON, section=4)
async def check_read_item_says_404(router: Any, base: Any, item: Any) -> str:
    """One row that is there, one that is not, one that is no number."""
    there, missing = seeded.numbers(1, 2, low=1000, high=9999)
    negroni, _ = _two_drinks()
    async with _house(router, base, [item(id=there, **negroni)]) as (visitor, _):
        async with trace() as events:
            response = await visitor.ask("GET", f"/items/{there}", status=200)
        equal(response.json(), {"id": there, **negroni})
        at_most(len(events.statements()), 1, "statement")
        response = await visitor.ask("GET", f"/items/{missing}", status=404)
        equal(response.json(), {"detail": "not on the list"})
        await visitor.ask("GET", "/items/abc", status=422)
    return "200, 404 and 422, one statement"


@question("one-engine", lesson=LESSON, section=5)
async def check_twenty_requests_open_one_connection(build: Callable[[str], Any]) -> str:
    """Twenty requests in a row, counted at the pool; then the house closes, and nothing may stay open."""
    doorman, added = gauge(), seeded.drinks(9)
    async with database() as place:
        items, _ = menu.serve(make_url(place.url).database, added)
        try:
            house = build(place.url)
        except Exception as error:
            raise AnswerError(said(error)) from error
        if house is None:
            wrong("expected an app from build(url), got None; is its last line `return app`?", section=5)
        async with visiting(house) as visitor:
            for _ in range(20):
                response = await visitor.ask("GET", "/count", status=200)
            equal(response.json(), items, what="items")
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
    negroni, spritz = _two_drinks()
    ada, bo, eve = seeded.names("Ada", "Bo", "Eve")
    async with _house(router, base, [member(name=ada), member(name=bo)]) as (visitor, engine):
        doorman = gauge()
        async with trace() as events:
            response = await visitor.ask("POST", "/items/", json=negroni, headers={"X-Member": bo}, status=201)
        equal(sorted(response.json()), KEYS, what="keys")
        exactly_one_connection(doorman.peak)
        exactly(events.count("COMMIT"), 1, "COMMIT", section=4)
        exactly(events.count("checkout"), 1, "checkout", section=3)
        await visitor.ask("POST", "/items/", json=spritz, headers={"X-Member": eve}, status=401)
        again = await visitor.ask("POST", "/items/", json=spritz, headers={"X-Member": ada}, status=201)
        await _require_stored(engine, base, [response.json(), again.json()], [negroni, spritz])
    return "one request, one connection, one commit"


def exactly_one_connection(peak: int) -> None:
    """Fail when a request held more than one connection at a time."""
    if peak != 1:
        wrong(f"expected peak 1, got {peak}", section=3, slug="two-sessions")
