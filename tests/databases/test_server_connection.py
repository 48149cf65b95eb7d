"""When a transaction is over, in all the ways PostgreSQL's protocol knows; and what a lent session carries along."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest
from pooled import SESSIONS, housed, letters, opened, query, run, until

from course_lib.databases import pg_wire
from course_lib.databases.pg_wire import message, read_message
from course_lib.databases.state import Home

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with housed(tmp_path_factory.mktemp("servers")) as folders:
        yield folders


def test_a_client_that_reads_nothing_holds_the_server_back(home: Home) -> None:
    async def main() -> None:
        async with opened(home) as bar:
            watcher = await bar.beside()
            reader, writer = await bar.raw()
            writer.write(query("SELECT repeat('x', 1000) FROM generate_series(1, 200000)"))
            await until(watcher, f"{SESSIONS} AND state = 'active' AND wait_event = 'ClientWrite'", 1)
            assert await (await bar.connect()).fetchval("SELECT 1") == 1  # nobody else is held back
            seen = await letters(reader)
            assert (seen[0], seen.count("D"), seen[-2:]) == ("T", 200_000, "CZ")

    run(main())


def test_a_server_that_reads_nothing_holds_the_client_back(home: Home) -> None:
    async def main() -> None:
        async with opened(home) as bar:
            watcher = await bar.beside()
            reader, writer = await bar.raw()
            writer.write(query("SELECT pg_sleep(600)"))
            await until(watcher, f"{SESSIONS} AND wait_event = 'PgSleep'", 1)
            flood = query("SELECT 1 -- " + "x" * 1_000_000)
            for _ in range(64):
                writer.write(flood)
            left = 0  # in our own buffer; it stops to shrink when the pooler takes no more
            while left != (left := writer.transport.get_write_buffer_size()):
                await until(watcher, f"{SESSIONS} AND wait_event = 'PgSleep'", 1)
            assert left > 32_000_000
            await watcher.execute(f"SELECT pg_cancel_backend(pid) FROM ({SESSIONS.replace('count(*)', 'pid')}) AS s")
            assert (await letters(reader))[-2:] == "EZ"
            for _ in range(64):
                assert await letters(reader) == "TDCZ"

    run(main())


def test_a_cancel_request_for_an_idle_client_hits_nobody(home: Home) -> None:
    async def main() -> None:
        async with opened(home, size=1) as bar:
            watcher, busy, idle = await bar.beside(), await bar.connect(), await bar.connect()
            await watcher.execute("SELECT pg_advisory_lock(1)")
            task = asyncio.create_task(busy.execute("SELECT pg_advisory_lock(1)"))
            await until(watcher, f"{SESSIONS} AND wait_event = 'advisory'", 1)
            keys = [key for key, client in bar.pooler.clients.items() if client.lent is None]
            assert len(keys) == 1
            for key in (*keys, b"somebody"):
                reader, writer = await bar.open()
                writer.write(pg_wire.first_message(pg_wire.CANCEL_REQUEST, key))
                assert await reader.read() == b""
            await watcher.execute("SELECT pg_advisory_unlock(1)")
            assert await task == "SELECT 1"
            assert await idle.fetchval("SELECT 1") == 1

    run(main())


def test_an_unfinished_unit_keeps_its_server_connection(home: Home) -> None:
    async def main() -> None:
        async with opened(home) as bar:
            reader, writer = await bar.raw()
            parse = message(b"P", b"mine\0SELECT 41\0\0\0")
            writer.write(query("SELECT 1") + parse + message(b"H"))
            assert await letters(reader) == "TDCZ"
            assert (await read_message(reader))[:1] == b"1"
            other = await bar.connect()
            assert await other.fetchval("SELECT count(*) FROM pg_prepared_statements") == 0
            assert bar.pooler.servers() == 2
            writer.write(message(b"B", b"\0mine\0" + b"\0" * 6) + message(b"E", b"\0" * 5) + message(b"S"))
            assert await letters(reader) == "2DCZ"

    run(main())


def test_copy_in_the_extended_form_gives_its_server_connection_back(home: Home) -> None:
    async def main() -> None:
        async with opened(home, size=1) as bar:
            reader, writer = await bar.raw()
            copy = message(b"P", b"\0COPY items (name, price_cents) FROM STDIN\0\0\0")
            writer.write(copy + message(b"B", b"\0\0" + b"\0" * 6) + message(b"E", b"\0" * 5) + message(b"S"))
            assert [(await read_message(reader))[:1] for _ in range(3)] == [b"1", b"2", b"G"]
            writer.write(message(b"d", b"Ale\t500\n") + message(b"c") + message(b"S"))
            assert await letters(reader) == "CZ"
            other = await bar.connect()
            assert await other.fetchval("SELECT price_cents FROM items WHERE name = 'Ale'") == 500

    run(main())


def test_the_rest_of_a_copy_that_failed_is_dropped(home: Home) -> None:
    async def main() -> None:
        async with opened(home, size=1) as bar:
            reader, writer = await bar.raw()
            writer.write(query("COPY items (name, price_cents) FROM STDIN"))
            assert (await read_message(reader))[:1] == b"G"
            writer.write(message(b"d", b"Ale\tnot a price\n") + message(b"c"))
            assert await letters(reader) == "EZ"
            writer.write(message(b"d", b"Stout\t600\n") + message(b"c") + query("SELECT 1"))
            assert await letters(reader) == "TDCZ"
            assert await (await bar.connect()).fetchval("SELECT count(*) FROM items") == 3

    run(main())


def test_a_setting_the_server_does_not_take_ends_the_client(home: Home) -> None:
    async def main() -> None:
        async with opened(home, size=1) as bar:
            client = await bar.connect(server_settings={"timezone": "Nowhere/Land"})
            with pytest.raises(asyncpg.ConnectionDoesNotExistError) as caught:
                await client.execute("SELECT 1")
            assert str(caught.value).endswith('invalid value for parameter "TimeZone": "Nowhere/Land"')
            assert await (await bar.connect()).fetchval("SELECT 1") == 1

    run(main())


def test_a_setting_is_quoted_on_its_way(home: Home) -> None:
    name = "O'Hara \\'; DROP TABLE items; --"

    async def main() -> None:
        async with opened(home) as bar:
            client = await bar.connect(server_settings={"application_name": name})
            assert await client.fetchval("SHOW application_name") == name
            assert await client.fetchval("SELECT count(*) FROM items") == 3

    run(main())
