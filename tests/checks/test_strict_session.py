"""Strict sessions: rows go with them, commits keep, and a second life is noted."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.orm.exc import DetachedInstanceError

from course_lib.checks.strict_session import strict_sessions
from course_lib.databases import fresh


class Base(DeclarativeBase):
    pass


class Drink(Base):
    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


def test_a_commit_keeps_what_was_read() -> None:
    async def main() -> None:
        async with fresh() as engine, strict_sessions(engine).factory() as session:
            drink = await session.get_one(Drink, 1)
            await session.commit()
            assert drink.name == "Gin"

    asyncio.run(main())


def test_a_loaded_row_is_empty_when_its_session_has_closed() -> None:
    async def main() -> None:
        async with fresh() as engine:
            async with strict_sessions(engine).factory() as session:
                drink = await session.get_one(Drink, 1)
            with pytest.raises(DetachedInstanceError):
                _ = drink.name

    asyncio.run(main())


def test_a_closed_session_that_opens_again_is_noted_once_per_transaction() -> None:
    async def main() -> None:
        async with fresh() as engine:
            strict = strict_sessions(engine)
            async with strict.factory() as session:
                await session.scalar(text("SELECT 1"))
            assert strict.reopened == []
            await session.scalar(text("SELECT 1"))
            await session.scalar(text("SELECT 1"))
            await session.close()
            assert strict.reopened == [""]  # no line of a learner asked

    asyncio.run(main())


def test_another_session_of_the_same_factory_begins_its_first_life() -> None:
    async def main() -> None:
        async with fresh() as engine:
            strict = strict_sessions(engine)
            for _ in range(2):
                async with strict.factory.begin() as session:
                    await session.scalar(text("SELECT 1"))
            assert strict.reopened == []

    asyncio.run(main())
