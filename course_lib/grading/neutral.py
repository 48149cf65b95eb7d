"""An app of nobody's: it walks the ways that answers and checks walk, so that no child has to do so first.

Lazy imports, compiled statements, the first traceback: a forked child would pay for each of them again (122 ms of CPU
instead of 72, measured). It knows no exercise, for a child can read whatever its parent has read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any  # Any: IPython ships no types

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from pydantic import BaseModel, ConfigDict
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from course_lib.authoring.cells import Run
from course_lib.checks.probes import probes
from course_lib.client import client
from course_lib.databases import database
from course_lib.field_guide import explain
from course_lib.observe import gauge, trace

CELLS = ("%load_ext course_lib", "import asyncio\nawait asyncio.sleep(0)", "1 / 0", "def broken(:")
WALKS = 4  # code adapts itself from its eighth call on, by writing into its own memory; a walk has five requests
PATHS = ("/things", "/things/1", "/things/2", "/nowhere")


class Base(DeclarativeBase):
    """The tables of the neutral app."""


class Thing(Base):
    """A row like any other."""

    __tablename__ = "neutral_things"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class ThingIn(BaseModel):
    """What comes in."""

    model_config = ConfigDict(extra="forbid")
    name: str


class ThingOut(BaseModel):
    """What goes out."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    name: str


async def get_session(request: Request) -> AsyncIterator[AsyncSession]:
    """Yield the session of one request."""
    async with request.app.state.sessions() as session:
        yield session


SessionDep = Annotated[AsyncSession, Depends(get_session, scope="function")]
router = APIRouter()


@router.post("/things", status_code=201)
async def create_thing(data: ThingIn, session: SessionDep) -> ThingOut:
    """Store a thing."""
    thing = Thing(name=data.name)
    session.add(thing)
    await session.commit()
    return ThingOut.model_validate(thing)


@router.get("/things")
async def list_things(session: SessionDep) -> list[ThingOut]:
    """Return all things."""
    return [ThingOut.model_validate(thing) for thing in await session.scalars(select(Thing))]


@router.get("/things/{number}")
async def read_thing(number: int, session: SessionDep) -> ThingOut:
    """Return one thing."""
    thing = await session.get(Thing, number)
    if thing is None:
        raise HTTPException(404)
    return ThingOut.model_validate(thing)


async def visit_neutral_app(shell: Any) -> None:
    """Run a few cells in `shell`, and walk through the app until Python has adapted itself to its ways."""
    run = Run(shell)
    for text in CELLS:
        await run.cell(text, "neutral")
    for _ in range(WALKS):
        await _walk()
    explain(LookupError("nothing"))
    shell.reset(new_session=True)


async def _walk() -> None:
    """Make an app, and send a few requests through it, watched as a check watches."""
    app = FastAPI()
    app.include_router(router)
    async with database() as place:
        engine = create_async_engine(place.url)
        app.state.sessions = async_sessionmaker(engine, expire_on_commit=False)
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        async with probes(), trace(engine) as events, client(app) as http:
            gauge(engine)
            await http.post("/things", json={"name": "thing"})
            for path in PATHS:
                await http.get(path)
            str(events)
        await engine.dispose()
