"""A small database of authors and books, on a SQLite file or on a server.

The recipes of this folder provoke the errors of the guide with real parts; this is what they share.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import ForeignKey, String
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from course_lib.databases import fresh


class Base(DeclarativeBase):
    """The tables of the recipes."""


class Author(Base):
    """A parent with a unique name."""

    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    books: Mapped[list[Book]] = relationship(back_populates="author")


class Book(Base):
    """A child that points back."""

    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))
    author: Mapped[Author] = relationship(back_populates="books")


def define_twice() -> None:
    """Run a cell with a model class twice on one base."""

    class Bar(DeclarativeBase):
        """What an earlier cell made."""

    def cell() -> type[Bar]:
        class Drink(Bar):
            __tablename__ = "drinks"
            id: Mapped[int] = mapped_column(primary_key=True)

        return Drink

    assert cell() is not cell()  # both are kept: a class that nobody holds may be collected and forgotten


@asynccontextmanager
async def opened(folder: Path, **options: Any) -> AsyncIterator[AsyncEngine]:  # Any: SQLAlchemy's own options
    """Give an engine on a new file with two authors of two books each, and dispose it at the end."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{folder / 'club.db'}", **options)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        async with AsyncSession(engine) as session:
            session.add_all([Author(name=name, books=[Book(), Book()]) for name in ("Ada", "Bo")])
            await session.commit()
        yield engine
    finally:
        await engine.dispose()


@asynccontextmanager
async def served(kind: str, **options: Any) -> AsyncIterator[AsyncEngine]:  # Any: SQLAlchemy's own options
    """Give the engine of `opened` on any kind of database of the course."""
    async with fresh(kind, **options) as engine:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        async with AsyncSession(engine) as session:
            session.add_all([Author(name=name, books=[Book(), Book()]) for name in ("Ada", "Bo")])
            await session.commit()
        yield engine


def guest(app: FastAPI) -> httpx.AsyncClient:
    """Return a client that calls the app in process; it runs no lifespan."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://club")


async def chef() -> str:
    """Be a coroutine that somebody has to await."""
    return "sushi"


async def answer(body: object, response_model: Any = None) -> httpx.Response:  # Any: FastAPI's own type
    """Let an endpoint return `body`; without a response model FastAPI encodes it as well as it can."""
    app = FastAPI()

    @app.get("/", response_model=response_model)
    async def endpoint() -> object:
        return body

    async with guest(app) as http:
        return await http.get("/")
