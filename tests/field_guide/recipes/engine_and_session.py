"""Recipes for the errors of lesson 03: each provokes one for real.

Each ignored type error here is the learner's mistake itself.
"""

from __future__ import annotations

import gc
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import Depends, FastAPI, Request
from sqlalchemy import event, func, inspect, select, text
from sqlalchemy.exc import SAWarning
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import selectinload, sessionmaker

from course_lib.databases import database

from ..club import Author, Base, Book, answer, define_twice, guest, opened, served
from ..recipe import provokes, provokes_on, shows, shows_on

EVERYWHERE = ("sqlite", "postgres", "mariadb")


async def get_session() -> AsyncIterator[int]:
    """Be a yield dependency."""
    yield 1


@provokes("driver-not-async")
async def name_no_async_driver(_: Path) -> None:
    create_async_engine("sqlite:///club.db")


@provokes("driver-not-async")
async def name_no_driver(_: Path) -> None:
    create_async_engine("mysql://a:b@127.0.0.1/club")


@provokes_on("no-such-table", *EVERYWHERE)
async def ask_for_no_table(kind: str) -> None:
    async with served(kind) as engine, engine.connect() as connection:
        await connection.execute(text("select * from nope"))


@provokes_on("no-such-table", *EVERYWHERE)
async def ask_for_no_column(kind: str) -> None:
    async with served(kind) as engine, engine.connect() as connection:
        await connection.execute(text("select nope from author"))


@provokes("no-such-table")
async def open_in_no_folder(folder: Path) -> None:
    engine = create_async_engine(f"sqlite+aiosqlite:///{folder / 'nowhere' / 'club.db'}")
    async with engine.connect():
        pass


@provokes("lifespan-not-run")
async def run_no_lifespan(_: Path) -> None:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.engine = "open"
        yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/")
    async def endpoint(request: Request) -> str:
        return str(request.app.state.engine)

    async with guest(app) as http:
        await http.get("/")


@provokes("transaction-already-begun")
async def begin_after_a_read(folder: Path) -> None:
    async with opened(folder) as engine, AsyncSession(engine) as session:
        await session.execute(text("select 1"))
        async with session.begin():
            pass


@provokes("closed-transaction-in-block")
async def commit_inside_begin(folder: Path) -> None:
    async with opened(folder) as engine, AsyncSession(engine) as session, session.begin():
        session.add(Author(name="Cy"))
        await session.commit()
        await session.execute(text("select 1"))


@provokes_on("integrity-conflict", *EVERYWHERE)
async def insert_a_name_twice(kind: str) -> None:
    async with served(kind) as engine, AsyncSession(engine) as session:
        session.add(Author(name="Ada"))
        await session.commit()


@provokes_on("integrity-conflict", *EVERYWHERE)
async def insert_no_name(kind: str) -> None:
    async with served(kind) as engine, AsyncSession(engine) as session:
        session.add(Author())
        await session.flush()


@provokes_on("integrity-conflict", *EVERYWHERE)
async def insert_an_orphan(kind: str) -> None:
    async with served(kind) as engine, AsyncSession(engine) as session:
        session.add(Book(author_id=99))
        await session.flush()


@provokes_on("no-result", *EVERYWHERE)
async def get_nobody(kind: str) -> None:
    async with served(kind) as engine, AsyncSession(engine) as session:
        await session.get_one(Author, 99)


@provokes_on("no-result", *EVERYWHERE)
async def get_one_of_two(kind: str) -> None:
    async with served(kind) as engine, AsyncSession(engine) as session:
        (await session.execute(select(Author))).scalar_one()


@provokes("async-generator-as-session")
async def use_a_dependency_by_hand(_: Path) -> None:
    get_session().execute  # type: ignore[attr-defined]  # noqa: B018 - the access is the mistake


@provokes("async-generator-as-session")
async def enter_a_dependency_by_hand(_: Path) -> None:
    async with get_session():  # type: ignore[attr-defined]
        pass


@provokes("async-generator-as-session")
async def pass_a_called_dependency(_: Path) -> None:
    app = FastAPI()

    @app.get("/")
    async def endpoint(session: Any = Depends(get_session())) -> None:  # type: ignore[arg-type]  # noqa: B008 - FastAPI reads it
        pass


@provokes("async-generator-as-session")
async def enter_the_factory(_: Path) -> None:
    async with async_sessionmaker():  # type: ignore[attr-defined]
        pass


@provokes("returned-database-object")
async def annotate_with_a_table(_: Path) -> None:
    app = FastAPI()

    async def endpoint() -> Any:  # Any: the annotation comes in the next line
        pass

    endpoint.__annotations__["return"] = Author
    app.get("/")(endpoint)


@provokes("returned-database-object")
async def return_rows(folder: Path) -> None:
    async with opened(folder) as engine, AsyncSession(engine) as session:
        await answer((await session.execute(select(Author))).all())


@provokes("returned-database-object")
async def return_rows_as_any(folder: Path) -> None:
    async with opened(folder) as engine, AsyncSession(engine) as session:
        await answer((await session.execute(select(Author))).all(), response_model=Any)


@provokes("returned-database-object")
async def return_a_circle(folder: Path) -> None:
    circle = selectinload(Author.books).selectinload(Book.author)
    async with opened(folder) as engine, AsyncSession(engine) as session:
        await answer(await session.scalar(select(Author).options(circle)))


@provokes("mass-assignment")
async def set_an_unknown_column(_: Path) -> None:
    Author(nope=1)


@provokes("half-migrated")
async def query_an_async_session(_: Path) -> None:
    AsyncSession().query(Author)  # type: ignore[attr-defined]


@provokes("half-migrated")
async def enter_an_async_session_without_async(_: Path) -> None:
    with AsyncSession():  # type: ignore[attr-defined]
        pass


@provokes("sync-api-on-async-engine")
async def listen_to_an_async_engine(folder: Path) -> None:
    async with opened(folder) as engine:
        event.listen(engine, "connect", lambda *_: None)


@provokes("sync-api-on-async-engine")
async def inspect_an_async_engine(folder: Path) -> None:
    async with opened(folder) as engine:
        inspect(engine)


@provokes("sync-api-on-async-engine")
async def create_tables_on_an_async_engine(folder: Path) -> None:
    async with opened(folder) as engine:
        Base.metadata.create_all(engine)  # type: ignore[arg-type]


@provokes("sync-api-on-async-engine")
async def bind_a_sync_session(folder: Path) -> None:
    async with opened(folder) as engine:
        session = sessionmaker(engine)()  # type: ignore[call-overload]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the session's own close is a coroutine that nobody awaits
            try:
                session.execute(text("select 1"))
            finally:
                session.close()
                gc.collect()


@shows("empty-body")
async def the_body_is_empty(folder: Path) -> tuple[object, object]:
    app = FastAPI()
    expired: list[set[str]] = []
    async with opened(folder) as engine, AsyncSession(engine) as session, guest(app) as http:

        @app.get("/", response_model=None)
        async def endpoint() -> object:
            author = await session.get_one(Author, 1)
            await session.commit()
            expired.append(inspect(author).expired_attributes)
            return author

        response = await http.get("/")
    return (response.status_code, response.json(), expired), (200, {}, [{"books", "id", "name"}])


@shows("forgotten-commit")
async def the_row_is_gone(folder: Path) -> tuple[object, object]:
    async with opened(folder) as engine:
        async with AsyncSession(engine) as session:
            session.add(Author(name="Cy"))
            await session.flush()
        async with AsyncSession(engine) as other:
            return await other.scalar(select(func.count()).select_from(Author)), 2


@shows("mass-assignment")
async def a_stranger_sets_the_id(_: Path) -> tuple[object, object]:
    body: dict[str, Any] = {"id": 4242, "name": "x"}
    return Author(**body).id, 4242


@shows_on("engine-per-request", "sqlite", "postgres")
async def connections_are_opened(kind: str) -> tuple[object, object]:
    connects: list[object] = []
    async with database(kind) as place:
        shared, *own = (create_async_engine(place.url, connect_args=place.connect_args) for _ in range(6))
        for made in (shared, *own):
            event.listen(made.sync_engine, "connect", lambda *_, made=made: connects.append(made))
        for engine in [shared] * 5 + own:
            async with engine.connect() as connection:
                await connection.execute(text("select 1"))
        for engine in (shared, *own):
            await engine.dispose()
    return (connects.count(shared), len(connects)), (1, 1 + 5)


@provokes("table-defined-twice")
async def run_a_model_cell_twice(_: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)
        define_twice()


@provokes("table-defined-twice")
async def be_warned_before_it(_: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", SAWarning)
        define_twice()
