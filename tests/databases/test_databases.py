"""A fresh database: there for one block, clean every time, gone afterwards."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ProgrammingError
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
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            {"kind": "postgresql"},
            "expected kind to be one of 'sqlite', 'postgres', 'pgbouncer', 'mariadb'; got 'postgresql'",
        ),
        ({"kind": "postgres", "role": "admin"}, "expected role to be one of 'app', 'readonly'; got 'admin'"),
        (
            {"kind": "postgres", "tls": True},
            "expected tls to be one of None, 'disable', 'require', 'verify-full'; got True",
        ),
        (
            {"kind": "sqlite", "role": "readonly"},
            "a SQLite file has no roles and no TLS; leave role and tls out, or ask for 'postgres'",
        ),
    ],
)
def test_a_word_that_is_none_of_ours_is_one_sentence(opened: Any, words: dict[str, Any], sentence: str) -> None:
    async def main() -> None:
        async with opened(**words):
            pass

    with pytest.raises(CourseError) as caught:
        asyncio.run(main())
    assert str(caught.value) == sentence


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


async def value(engine: AsyncEngine, query: str) -> Any:
    """Return the one value of a query."""
    async with engine.connect() as connection:
        return await connection.scalar(text(query))


@pytest.mark.postgres
def test_a_postgres_database_is_seeded_and_says_what_it_can() -> None:
    async def main() -> tuple[Database, list[str]]:
        async with database("postgres") as place:
            engine = create_async_engine(place.url, connect_args=place.connect_args)
            sold = await names(engine)
            await engine.dispose()
            return place, sold

    place, sold = asyncio.run(main())
    assert sold == ["Gin", "Rum", "Soda"]
    assert {"tls", "pg_stat_statements"} <= place.capabilities
    assert "course_" not in repr(place)


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("tls", "spoken"), [(None, None), ("disable", None), ("require", "TLSv1.3"), ("verify-full", "TLSv1.3")]
)
def test_tls_is_what_was_asked_for(tls: str | None, spoken: str | None) -> None:
    async def main() -> Any:
        async with fresh("postgres", tls=tls) as engine:
            return await value(engine, "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")

    assert asyncio.run(main()) == spoken


@pytest.mark.postgres
def test_a_driver_by_itself_takes_the_dsn() -> None:
    async def main() -> Any:
        import asyncpg

        async with database("postgres") as place:
            connection = await asyncpg.connect(place.dsn, **place.connect_args)
            found = await connection.fetchval("SELECT count(*) FROM items")
            await connection.close()
            return found

    assert asyncio.run(main()) == 3


@pytest.mark.postgres
def test_the_readonly_role_reads_and_does_not_write() -> None:
    async def main() -> str:
        async with fresh("postgres", role="readonly") as engine:
            assert await names(engine) == ["Gin", "Rum", "Soda"]
            async with engine.connect() as connection:
                await connection.execute(text("SET TRANSACTION READ WRITE"))
                with pytest.raises(ProgrammingError) as caught:
                    await connection.execute(text("DELETE FROM items"))
            return str(caught.value.orig)

    assert asyncio.run(main()).endswith("permission denied for table items")


@pytest.mark.postgres
@pytest.mark.parametrize("ruin", ["DELETE FROM items", "DROP TABLE items", "ALTER TABLE items ADD extra integer"])
def test_the_next_database_is_clean_whatever_was_done_to_the_last(ruin: str) -> None:
    async def main() -> tuple[list[str], Any]:
        async with fresh("postgres") as engine, engine.begin() as connection:
            await connection.execute(text(ruin))
        async with fresh("postgres") as engine:
            columns = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'items'"
            return await names(engine), await value(engine, columns)

    assert asyncio.run(main()) == (["Gin", "Rum", "Soda"], 3)


@pytest.mark.postgres
def test_two_postgres_databases_open_at_once_never_meet() -> None:
    async def main() -> tuple[list[str], list[str]]:
        async with fresh("postgres") as here, fresh("postgres") as there:
            async with here.begin() as connection:
                await connection.execute(text("DELETE FROM items WHERE name <> 'Gin'"))
            return await names(here), await names(there)

    assert asyncio.run(main()) == (["Gin"], ["Gin", "Rum", "Soda"])


@pytest.mark.postgres
def test_a_block_that_raises_gives_its_database_back() -> None:
    async def main() -> list[str]:
        async def one_that_raises() -> None:
            async with fresh("postgres") as engine:
                await names(engine)
                raise ValueError("last call")

        for _ in range(2):
            with pytest.raises(ValueError, match="last call"):
                await one_that_raises()
        async with fresh("postgres") as engine:
            return await names(engine)

    assert asyncio.run(main()) == ["Gin", "Rum", "Soda"]


@pytest.mark.postgres
def test_a_transaction_that_a_learner_left_open_does_not_block_the_next() -> None:
    async def main() -> list[str]:
        async with database("postgres") as place:
            forgotten = create_async_engine(place.url)
            connection = await forgotten.connect()
            await connection.execute(text("LOCK TABLE items IN ACCESS EXCLUSIVE MODE"))
        async with fresh("postgres") as engine:
            sold = await names(engine)
        await connection.invalidate()  # the server has closed it already
        await connection.close()
        await forgotten.dispose()
        return sold

    assert asyncio.run(main()) == ["Gin", "Rum", "Soda"]


@pytest.mark.postgres
def test_options_and_connect_args_reach_the_postgres_engine() -> None:
    async def main() -> Any:
        settings = {"server_settings": {"application_name": "sushi"}}
        async with fresh("postgres", pool_size=2, max_overflow=0, connect_args=settings) as engine:
            return engine.pool.size(), await value(engine, "SHOW application_name")  # type: ignore[attr-defined]

    assert asyncio.run(main()) == (2, "sushi")
