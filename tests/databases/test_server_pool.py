"""The queue before a pooler's server connections: who is served, who waits, and who gives up."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest
from pooled import closed, housed, opened, query, run, seen

from course_lib.databases import pg_wire
from course_lib.databases.state import Home

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with housed(tmp_path_factory.mktemp("servers")) as folders:
        yield folders


def test_who_waits_too_long_is_told(home: Home) -> None:
    async def main() -> None:
        async with opened(home, size=1, query_wait_timeout=0.1) as bar:
            first, second = await bar.connect(), await bar.connect()
            await first.execute("BEGIN")
            with pytest.raises(asyncpg.ConnectionDoesNotExistError) as caught:
                await second.execute("SELECT 1")
            assert str(caught.value) == "connection was closed in the middle of operation: query_wait_timeout"
            assert await first.fetchval("SELECT 1") == 1

    run(main())


def test_who_stops_waiting_leaves_the_queue_and_nothing_is_run(home: Home) -> None:
    async def main() -> None:
        async with opened(home, size=1) as bar:
            watcher, first, third = await bar.beside(), await bar.connect(), await bar.connect()
            pool = bar.pooler.pool(bar.user, bar.place.name)
            await first.execute("BEGIN")
            _, writer = await bar.raw()
            writer.write(query("DELETE FROM items"))
            await seen(watcher, lambda: pool.waiting == 1)
            waiting = asyncio.create_task(third.fetchval("SELECT count(*) FROM items"))
            await seen(watcher, lambda: pool.waiting == 2)
            await pg_wire.hang_up(writer)
            await seen(watcher, lambda: pool.waiting == 1)
            await first.execute("COMMIT")
            assert await waiting == 3

    run(main())


def test_the_longest_waiting_client_is_served_first(home: Home) -> None:
    async def main() -> None:
        async with opened(home, size=1) as bar:
            watcher, clients = await bar.beside(), [await bar.connect() for _ in range(4)]
            await watcher.execute("CREATE TABLE served (place INTEGER GENERATED ALWAYS AS IDENTITY, client INTEGER)")
            pool = bar.pooler.pool(bar.user, bar.place.name)
            await clients[0].execute("BEGIN")
            tasks = []
            for number in (2, 1, 3):
                insert = "INSERT INTO served (client) VALUES ($1)"
                tasks.append(asyncio.create_task(clients[number].execute(insert, number)))
                await seen(watcher, lambda: pool.waiting == len(tasks))
            await clients[0].execute("COMMIT")
            await asyncio.gather(*tasks)
            rows = await watcher.fetch("SELECT client FROM served ORDER BY place")
            assert [row["client"] for row in rows] == [2, 1, 3]
            assert bar.pooler.servers() == 1

    run(main())


def test_servers_counts_the_connections_behind(home: Home) -> None:
    async def main() -> None:
        async with opened(home, size=3) as bar:
            assert bar.pooler.servers() == 0
            clients = [await bar.connect() for _ in range(5)]
            assert bar.pooler.servers() == 1
            for client in clients[:3]:
                await client.execute("BEGIN")
            assert bar.pooler.servers() == 3
            await bar.pooler.close()
            assert bar.pooler.servers() == 0
            for client in clients:
                await closed(client)

    run(main())
