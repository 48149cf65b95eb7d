"""A fresh database: there for one block, clean every time, gone afterwards."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from course_lib.databases import Database, database, fresh
from course_lib.errors import CourseError
from course_lib.workspace import modules


def file_of(url: Any) -> Path:
    """Return the file behind a SQLite URL."""
    name = make_url(url).database
    assert name is not None
    return Path(name)


async def names(engine: AsyncEngine) -> list[str]:
    """Return what the bar sells."""
    async with engine.connect() as connection:
        return list(await connection.scalars(text("SELECT name FROM items ORDER BY id")))


def test_a_database_is_seeded_says_what_it_can_and_is_gone_afterwards() -> None:
    async def main() -> tuple[Database, list[str], Path]:
        async with database() as place:
            engine = create_async_engine(place.url, connect_args=place.connect_args)
            sold = await names(engine)
            await engine.dispose()
            return place, sold, file_of(place.url)

    place, sold, path = asyncio.run(main())
    assert (place.kind, place.capabilities) == ("sqlite", frozenset({"foreign-keys", "wal"}))
    assert sold == ["Gin", "Rum", "Soda"]
    assert not path.parent.exists()


def test_a_database_shows_no_path() -> None:
    async def main() -> str:
        async with database() as place:
            return repr(place)

    assert asyncio.run(main()).startswith("Database(kind='sqlite', capabilities=frozenset(")


@pytest.mark.parametrize("opened", [database, fresh])
def test_a_kind_that_is_not_here_is_one_sentence(opened: Any) -> None:
    async def main() -> None:
        async with opened("postgresql"):
            pass

    with pytest.raises(CourseError) as caught:
        asyncio.run(main())
    assert str(caught.value) == (
        "expected kind 'sqlite', got 'postgresql'; other servers are not part of these lessons yet"
    )


def test_a_fresh_engine_forgets_what_the_last_one_wrote_and_its_file_is_gone() -> None:
    async def main() -> tuple[list[str], Path]:
        async with fresh() as engine, engine.begin() as connection:
            await connection.execute(text("DELETE FROM items"))
        async with fresh() as engine:
            return await names(engine), file_of(engine.url)

    sold, path = asyncio.run(main())
    assert sold == ["Gin", "Rum", "Soda"]
    assert not path.parent.exists()


def test_a_fresh_engine_is_closed_when_the_block_raises() -> None:
    seen: list[AsyncEngine] = []

    async def main() -> None:
        async with fresh() as engine:
            seen.append(engine)
            await names(engine)
            raise ValueError("last call")

    with pytest.raises(ValueError, match="last call"):
        asyncio.run(main())
    assert not file_of(seen[0].url).exists()


def test_two_fresh_databases_never_meet() -> None:
    async def main() -> tuple[list[str], list[str]]:
        async with fresh() as here, fresh() as there:
            async with here.begin() as connection:
                await connection.execute(text("DELETE FROM items WHERE name <> 'Gin'"))
            return await names(here), await names(there)

    assert asyncio.run(main()) == (["Gin"], ["Gin", "Rum", "Soda"])


def test_options_go_to_the_engine() -> None:
    async def main() -> object:
        async with fresh(pool_size=2, max_overflow=0) as engine:
            return engine.pool.size()  # type: ignore[attr-defined]  # a queue pool, as asked

    assert asyncio.run(main()) == 2


def test_engines_of_forgotten_modules_are_closed_first() -> None:
    modules._waiting.append(create_async_engine("sqlite+aiosqlite://"))

    async def main() -> int:
        async with database():
            return len(modules._waiting)

    assert asyncio.run(main()) == 0
