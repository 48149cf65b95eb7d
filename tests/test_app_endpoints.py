"""The app as it stands after each lesson gives the answers of the syllabus, on SQLite and on PostgreSQL alike.

A tree is tested from the lesson on that wrote an endpoint, so a later lesson cannot take an answer away.
"""

from __future__ import annotations

import asyncio
import importlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any  # Any: an httpx response, JSON

import httpx
import pytest
from fastapi import FastAPI
from sheets import LESSONS
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from course_lib import client, database, gauge, peak, trace
from course_lib.workspace import modules
from course_lib.workspace.replay import files_after, write_tree

WRITTEN = {
    "items": 3,
    "feed": 4,
    "events": 5,
    "takings": 6,
    "pool_gauge": 7,
    "tickets": 8,
    "health": 9,
}  # file -> the lesson that gave it its endpoints
NUMBERS = [number for number in (int(path.stem[:2]) for path in LESSONS) if number >= 3]
NEGRONI = {"name": "Negroni", "price_cents": 1200}
NIGHT = {"name": "Silk", "starts_at": "2027-01-02T21:00:00+00:00", "capacity": 2}
LARGEST = 2_147_483_647


class House:
    """The app of one tree on one kind of database."""

    def __init__(self, lesson: int, kind: str, folder: Path) -> None:
        self.lesson = lesson
        self.kind = kind
        self.folder = folder

    def module(self, name: str) -> ModuleType:
        """Return one module of the tree."""
        return importlib.import_module(f"app.{name}")

    @asynccontextmanager
    async def open(self, **chosen: Any) -> AsyncIterator[tuple[httpx.AsyncClient, FastAPI]]:
        """Yield a client to the app on a fresh database, with `chosen` settings; nothing may stay open after it."""
        doorman = gauge()
        async with database(self.kind) as place:
            settings = self.module("settings").Settings(database_url=place.url, **chosen)
            app: FastAPI = self.module("main").create_app(settings)
            async with client(app) as http:
                yield http, app
        assert (doorman.inside, doorman.opened - doorman.closed) == (0, 0)

    def visit(self, guest: Callable[[httpx.AsyncClient], Awaitable[None]], **chosen: Any) -> None:
        """Let one guest in and out of the house with `chosen` settings."""

        async def main() -> None:
            async with self.open(**chosen) as (http, _):
                await guest(http)

        asyncio.run(main())


def since(file: str, kinds: Sequence[str] = ("sqlite", "postgres")) -> pytest.MarkDecorator:
    """Return the parameters `house` for every tree that has `file`, on each kind of database."""
    numbers = [number for number in NUMBERS if number >= WRITTEN[file]]
    both = [(number, kind) for number in numbers for kind in kinds]
    marks = {"sqlite": [], "postgres": [pytest.mark.postgres]}
    return pytest.mark.parametrize(
        "house",
        [pytest.param(pair, id=f"{pair[0]:02}-{pair[1]}", marks=marks[pair[1]]) for pair in both],
        indirect=True,
    )


@pytest.fixture
def house(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """Write the tree of a lesson and make it the `app` that is imported."""
    lesson, kind = request.param
    write_tree(lesson, tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("VELVET_DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/not-used.db")
    modules.forget()
    yield House(lesson, kind, tmp_path)
    modules.forget()
    assert not (tmp_path / "not-used.db").exists(), "something connected at import"


def body(response: httpx.Response, status: int) -> Any:
    """Return the JSON of a response that must have this status."""
    assert response.status_code == status, response.text
    return response.json()


def test_every_file_with_endpoints_is_known_here() -> None:
    last = files_after(max(NUMBERS))
    routers = {name.removesuffix(".py") for name, text in last.items() if "router = APIRouter(" in text}
    assert routers <= set(WRITTEN)


@since("items")
def test_the_bar_sells_and_refuses(house: House) -> None:
    async def guest(http: httpx.AsyncClient) -> None:
        made = body(await http.post("/items/", json=NEGRONI), 201)
        assert made == {"id": 4, **NEGRONI}
        assert body(await http.get("/items/4"), 200) == made
        assert body(await http.post("/items/", json=NEGRONI), 409) == {"detail": "taken"}
        for odd in ({"price_cents": "12"}, {"price_cents": -1}, {"price_cents": LARGEST + 1}, {"id": 9}, {"name": ""}):
            body(await http.post("/items/", json={**NEGRONI, "name": "Spritz", **odd}), 422)
        assert body(await http.get("/items/99"), 404) == {"detail": "not on the list"}
        for key in ("0", "abc", str(LARGEST + 1)):
            body(await http.get(f"/items/{key}"), 422)
        assert body(await http.get("/live"), 200) == {"door": "open"}

    house.visit(guest)


@since("items")
def test_the_menu_is_turned_page_by_page(house: House) -> None:
    async def guest(http: httpx.AsyncClient) -> None:
        first = body(await http.get("/items/", params={"limit": 2}), 200)
        rest = body(await http.get("/items/", params={"after": first[-1]["id"], "limit": 2}), 200)
        assert [item["name"] for item in (*first, *rest)] == ["Gin", "Rum", "Soda"]
        for odd in ({"after": -1}, {"limit": 0}, {"limit": 101}):
            body(await http.get("/items/", params=odd), 422)

    house.visit(guest)


@since("feed")
def test_an_answer_leaves_after_its_connection_is_back(house: House) -> None:
    async def main() -> list[str]:
        async with house.open() as (http, app), trace(app=app) as events:
            body(await http.post("/items/", json=NEGRONI), 201)
        return events.only("COMMIT", "checkin", "send-start")

    assert asyncio.run(main()) == ["COMMIT", "checkin", "send-start"]


@since("feed")
def test_the_blackboard_holds_nothing_between_two_looks(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house.module("feed"), "PAUSE", 0)

    async def main() -> None:
        async with house.open() as (http, app):
            async with trace(app=app) as events:
                board = await http.get("/feed", params={"times": 2})
            assert (board.status_code, board.text) == (200, "data: 3\n\ndata: 3\n\n")
            assert board.headers["content-type"].startswith("text/event-stream")
            assert events.only("checkout", "checkin", "send-body") == ["checkout", "checkin", "send-body"] * 2
            for odd in (0, 101):
                body(await http.get("/feed", params={"times": odd}), 422)

    asyncio.run(main())


@since("events")
def test_a_night_has_a_guest_list(house: House) -> None:
    async def guest(http: httpx.AsyncClient) -> None:
        night = body(await http.post("/events/", json={**NIGHT, "starts_at": "2027-01-02T23:00:00+02:00"}), 201)
        assert night == {**NIGHT, "starts_at": "2027-01-02T21:00:00Z", "id": 1, "admitted": 0}
        ada = body(await http.post("/events/1/guests", json={"name": "Ada"}), 201)
        assert ada == {"id": 1, "name": "Ada"}
        assert body(await http.post("/events/1/guests", json={"name": "Ada"}), 409) == {"detail": "taken"}
        assert body(await http.post("/events/2/guests", json={"name": "Ada"}), 404) == {"detail": "not on the list"}
        listed = body(await http.get("/events/1"), 200)
        assert listed == {**night, "guests": [ada]}
        assert body(await http.get("/events/2"), 404) == {"detail": "not on the list"}

    house.visit(guest)


@since("events")
def test_bad_input_is_refused_before_the_database_sees_it(house: House) -> None:
    async def guest(http: httpx.AsyncClient) -> None:
        async with trace() as events:
            first_hour = "0001-01-01T00:00:00+02:00"  # in UTC it is a day before all days
            for odd in (
                {"starts_at": "2027-01-02T21:00:00"},
                {"starts_at": first_hour},
                {"capacity": -1},
                {"capacity": "2"},
                {"name": "a\0b"},
            ):
                body(await http.post("/events/", json={**NIGHT, **odd}), 422)
            body(await http.post("/events/1/guests", json={"name": "a\0b"}), 422)
            body(await http.post("/items/", json={**NEGRONI, "name": "a\0b"}), 422)
        assert events.statements() == []

    house.visit(guest)


@since("events")
@pytest.mark.parametrize("nights", [1, 20])
def test_all_nights_cost_two_statements(house: House, nights: int) -> None:
    async def guest(http: httpx.AsyncClient) -> None:
        for number in range(1, nights + 1):
            body(await http.post("/events/", json=NIGHT), 201)
            for name in ("Ada", "Bo"):
                body(await http.post(f"/events/{number}/guests", json={"name": name}), 201)
        async with trace() as events:
            listed = body(await http.get("/events/"), 200)
        assert [len(night["guests"]) for night in listed] == [2] * nights
        assert len(events.statements()) == 2

    house.visit(guest)


@since("takings")
def test_the_office_adds_up(house: House) -> None:
    async def guest(http: httpx.AsyncClient) -> None:
        answer = await http.get("/takings")
        if house.kind == "sqlite":
            assert body(answer, 200) == {"items": 3, "total_cents": 2000}
        else:
            assert body(answer, 501) == {"detail": "the office stays on SQLite until lesson 14"}

    house.visit(guest)


@since("takings", kinds=("sqlite",))
def test_reports_wait_at_two_desks_while_the_bar_serves(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    office = house.module("takings")
    legacy, desks, opened = office.close_night, peak(), threading.Event()

    def slow(engine: Any) -> Any:
        with desks.block():
            opened.wait(10)
            return legacy(engine)

    monkeypatch.setattr(office, "close_night", slow)

    async def guest(http: httpx.AsyncClient) -> None:
        reports = [asyncio.create_task(http.get("/takings")) for _ in range(5)]
        async with asyncio.timeout(10):
            while desks.most < 2:  # noqa: ASYNC110 - a thread has no event that a loop could await
                await asyncio.sleep(0.01)
        body(await http.get("/live"), 200)
        opened.set()
        assert [body(await report, 200)["items"] for report in reports] == [3] * 5
        assert (desks.most, desks.entered) == (2, 5)

    house.visit(guest)


@since("pool_gauge")
def test_a_full_house_says_so(house: House) -> None:
    async def main() -> None:
        async with house.open(pool_size=1, pool_timeout=0.1) as (http, app):
            async with app.state.sessions() as session:
                await session.connection()
                refused = await http.get("/items/")
                assert body(refused, 503) == {"detail": "the house is full"}
                assert refused.headers["Retry-After"] == "1"
                assert body(await http.get("/live"), 200) == {"door": "open"}
                assert (app.state.gauge.inside, app.state.gauge.peak) == (1, 1)
            body(await http.get("/items/"), 200)
            assert (app.state.gauge.inside, app.state.gauge.peak) == (0, 1)

    asyncio.run(main())


@since("pool_gauge", kinds=("postgres",))
def test_a_checkout_that_failed_is_not_counted(house: House) -> None:
    async def main() -> None:
        async with house.open(pool_size=2) as (http, app):
            body(await http.get("/items/"), 200)
            async with app.state.sessions() as session:
                await session.execute(text("SELECT 1"))
                connection = await session.connection()
                await connection.invalidate()
            assert (app.state.gauge.inside, app.state.gauge.peak) == (0, 1)
            body(await http.get("/items/"), 200)
            assert (app.state.gauge.inside, app.state.gauge.peak) == (0, 1)

    asyncio.run(main())


@since("pool_gauge", kinds=("sqlite",))
def test_the_budget_is_what_the_server_has_left(house: House) -> None:
    budget = house.module("pool_gauge").pool_budget
    assert budget(100, 3, workers=4, pools=2) == 12
    assert budget(100, 3, workers=4) == 24
    assert budget(20, 3, workers=20, pools=2) == 0


async def sell(http: httpx.AsyncClient, key: str, event: int = 1) -> httpx.Response:
    """Ask for one ticket."""
    return await http.post(f"/events/{event}/tickets", headers={"Idempotency-Key": key})


@since("tickets")
def test_the_door_never_admits_one_guest_too_many(house: House) -> None:
    async def guest(http: httpx.AsyncClient) -> None:
        body(await http.post("/events/", json={**NIGHT, "capacity": 10}), 201)
        answers = await asyncio.gather(*(sell(http, f"guest {number}") for number in range(40)))
        assert sorted(answer.status_code for answer in answers) == [201] * 10 + [409] * 30
        assert {answer.json()["detail"] for answer in answers if answer.status_code == 409} == {"sold out"}
        assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 10
        assert body(await http.get("/events/1"), 200)["admitted"] == 10

    house.visit(guest, pool_timeout=30)


@since("tickets")
@pytest.mark.parametrize("capacity", [1, 2])
def test_the_same_click_gets_the_same_ticket(house: House, capacity: int) -> None:
    async def guest(http: httpx.AsyncClient) -> None:
        body(await http.post("/events/", json={**NIGHT, "capacity": capacity}), 201)
        answers = await asyncio.gather(*(sell(http, "one click") for _ in range(5)))
        assert [body(answer, 201) for answer in answers] == [{"id": answers[0].json()["id"], "event_id": 1}] * 5
        assert body(await http.get("/events/1"), 200)["admitted"] == 1
        assert (await sell(http, "another click")).status_code == (201 if capacity == 2 else 409)
        body(await http.post("/events/", json=NIGHT), 201)
        assert body(await sell(http, "one click", event=2), 201)["event_id"] == 2

    house.visit(guest)


@since("tickets")
def test_a_click_without_a_good_key_is_refused(house: House) -> None:
    async def guest(http: httpx.AsyncClient) -> None:
        body(await http.post("/events/1/tickets"), 422)
        body(await sell(http, ""), 422)
        body(await sell(http, "k" * 65), 422)
        assert body(await sell(http, "k" * 64), 404) == {"detail": "not on the list"}
        body(await sell(http, "k", event=LARGEST + 1), 422)

    house.visit(guest)


@since("tickets")
def test_the_belt_holds_when_the_door_does_not(house: House) -> None:
    async def main() -> None:
        async with house.open() as (_, app), app.state.sessions() as session:
            event = house.module("models").Event
            session.add(event(name="Silk", starts_at=datetime.now(UTC), capacity=1, admitted=2))
            with pytest.raises(IntegrityError, match="not_oversold"):
                await session.commit()

    asyncio.run(main())


@since("tickets")
def test_reading_is_a_promise_the_database_keeps(house: House) -> None:
    async def main() -> None:
        async with house.open() as (http, app):
            async with app.state.read_sessions() as session:
                session.add(house.module("models").Item(name="Spritz", price_cents=1))
                with pytest.raises(DBAPIError, match=r"readonly database|read-only transaction"):
                    await session.commit()
            body(await http.post("/items/", json=NEGRONI), 201)  # the same connection, and it may write again

    asyncio.run(main())


@since("tickets", kinds=("sqlite",))
def test_a_writer_takes_the_pen_before_it_reads(house: House) -> None:
    async def main() -> None:
        async with house.open(pool_size=3) as (_, app):
            async with AsyncExitStack() as all_three:  # nobody waits the five seconds of the default
                for _ in range(3):
                    session = await all_three.enter_async_context(app.state.read_sessions())
                    await session.execute(text("PRAGMA busy_timeout = 1"))
            count = select(func.count()).select_from(house.module("models").Item)
            async with app.state.sessions() as first, app.state.read_sessions() as reader:
                await first.scalar(count)
                assert await reader.scalar(count) == 3
                async with app.state.sessions() as second:
                    await second.connection()

    with pytest.raises(DBAPIError, match="database is locked") as caught:
        asyncio.run(main())
    assert house.module("errors").sqlstate(caught.value) == "SQLITE_BUSY"


@since("tickets", kinds=("postgres",))
def test_a_busy_database_is_a_full_house_and_a_fault_is_a_fault(house: House) -> None:
    async def main() -> None:
        async with house.open() as (_, app):

            @app.get("/busy")
            async def busy() -> None:
                async with app.state.sessions() as session:
                    await session.execute(text("SET LOCAL statement_timeout = 50"))
                    await session.execute(text("SELECT pg_sleep(10)"))

            @app.get("/fault")
            async def fault() -> None:
                async with app.state.sessions() as session:
                    await session.execute(text("SELECT 1/0"))

            async with client(app, errors=False) as http:
                refused = await http.get("/busy")
                assert body(refused, 503) == {"detail": "the house is full"}
                assert refused.headers["Retry-After"] == "1"
                assert (await http.get("/fault")).status_code == 500

    asyncio.run(main())


class Refused(Exception):
    """A driver's error with a code."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


@since("tickets", kinds=("sqlite",))
@pytest.mark.parametrize(
    ("states", "calls", "gave_up"),
    [(["40001", "40P01"], 3, False), (["23505"], 1, True), (["40001"] * 9, 5, True)],
    ids=["twice", "never", "for-ever"],
)
def test_a_transaction_is_repeated_whole_and_not_for_ever(
    house: House, states: list[str], calls: int, gave_up: bool
) -> None:
    async def main() -> tuple[int, list[str]]:
        async with house.open() as (_, app), trace() as events:
            item, left, called = house.module("models").Item, list(states), 0

            async def work(session: AsyncSession) -> str:
                nonlocal called
                called += 1
                session.add(item(name="Spritz", price_cents=called))
                await session.flush()
                if left:
                    raise DBAPIError("UPDATE", {}, Refused(left.pop(0)))
                return "done"

            async with app.state.sessions() as session:
                try:
                    assert await house.module("retry").retry_transaction(session, work) == "done"
                except DBAPIError:
                    assert gave_up
                assert not session.in_transaction()
                count = await session.scalar(select(func.count()).select_from(item))
                assert count == (3 if gave_up else 4)
        return called, events.only("INSERT", "COMMIT", "ROLLBACK")

    called, kinds = asyncio.run(main())
    assert called == calls
    tail = ["ROLLBACK"] if gave_up else ["COMMIT"]
    assert kinds == ["INSERT", "ROLLBACK"] * (calls - 1) + ["INSERT", *tail, "ROLLBACK"]


@since("health")
def test_alive_is_not_ready(house: House) -> None:
    async def main() -> None:
        async with house.open(pool_size=1, pool_timeout=30) as (http, app):
            assert body(await http.get("/ready"), 200) == {"inside": 0, "peak": 1}
            async with app.state.sessions() as session:
                await session.connection()
                answers = await asyncio.gather(*(http.get("/ready") for _ in range(20)))
                assert [body(answer, 503) for answer in answers] == [{"detail": "not ready: TimeoutError"}] * 20
                assert {answer.headers["Retry-After"] for answer in answers} == {"1"}
                assert app.state.gauge.inside == 1
                assert body(await http.get("/live"), 200) == {"door": "open"}
            assert body(await http.get("/ready"), 200) == {"inside": 0, "peak": 1}

    asyncio.run(main())


@since("health", kinds=("postgres",))
def test_the_server_ends_what_takes_too_long(house: House) -> None:
    async def main() -> None:
        async with house.open(statement_timeout=0.1) as (_, app), app.state.sessions() as session:
            with pytest.raises(DBAPIError) as caught:
                await session.execute(text("SELECT pg_sleep(10)"))
        assert house.module("errors").sqlstate(caught.value) == "57014"

    asyncio.run(main())


@since("health", kinds=("postgres",))
def test_a_connection_that_died_idle_is_not_noticed(house: House) -> None:
    async def main() -> None:
        async with house.open(pool_size=2) as (http, app), app.state.sessions() as killer:
            await killer.connection()
            body(await http.get("/items/"), 200)
            others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            where = " WHERE pid <> pg_backend_pid() AND usename = current_user AND datname = current_database()"
            await killer.execute(text(others + where))
            body(await http.get("/items/"), 200)

    asyncio.run(main())
