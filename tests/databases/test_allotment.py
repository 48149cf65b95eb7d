"""The databases of one process: used again after a cleaning, replaced where cleaning is not enough."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from server_clients import wait_all_gone, wait_gone

from course_lib.databases import lease
from course_lib.databases.allotment import borrowed

pytestmark = pytest.mark.postgres


@pytest.fixture
def own_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have servers that this test may kill."""
    lease.release()
    monkeypatch.setenv("COURSE_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("COURSE_SERVER_LINGER", "0")
    yield
    lease.release()
    wait_all_gone(tmp_path / "state")


async def name_of_next() -> str:
    """Take a database, give it back, and return its name."""
    async with borrowed("postgres") as place:
        return place.name


async def run_sql(statement: str) -> str:
    """Take a database, run a statement as its owner, and return its name."""
    import asyncpg

    async with borrowed("postgres") as place:
        login = place.logins["app"]
        connection = await asyncpg.connect(
            host=place.socket, port=place.port, user=login.user, password=login.password, database=place.name
        )
        await connection.execute(statement)
        await connection.close()
        return place.name


def test_a_database_is_used_again_after_rows_were_changed() -> None:
    async def main() -> tuple[str, str]:
        return await run_sql("DELETE FROM items"), await name_of_next()

    first, second = asyncio.run(main())
    assert first == second


def test_a_database_is_replaced_after_ddl() -> None:
    async def main() -> tuple[str, str]:
        return await run_sql("CREATE TABLE guests (id integer)"), await name_of_next()

    first, second = asyncio.run(main())
    assert first != second


def test_tasks_at_once_get_a_database_each() -> None:
    async def one(everybody: asyncio.Barrier) -> str:
        async with borrowed("postgres") as place:
            await everybody.wait()
            return place.name

    async def main() -> list[str]:
        everybody = asyncio.Barrier(5)
        return await asyncio.gather(*(one(everybody) for _ in range(5)))

    assert len(set(asyncio.run(main()))) == 5


def test_a_database_of_a_server_that_was_lost_is_not_given_back(
    own_servers: None, capsys: pytest.CaptureFixture[str]
) -> None:
    async def main() -> tuple[str, str]:
        async with borrowed("postgres") as place:
            (server,) = lease.acquire().status()
            os.kill(int(server["pid"]), signal.SIGKILL)
            wait_gone(int(server["pid"]))
            while lease.acquire().status():
                pass
        return place.name, await name_of_next()

    first, second = asyncio.run(main())
    assert first != second
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("PostgreSQL ended (signal SIGKILL); its log says: ")


def test_a_supervisor_that_was_lost_is_replaced(own_servers: None) -> None:
    async def main() -> tuple[str, str]:
        async with borrowed("postgres") as place:
            supervisor = lease.acquire().pid
            os.kill(supervisor, signal.SIGKILL)
            wait_gone(supervisor)
        return place.name, await name_of_next()

    first, second = asyncio.run(main())
    assert first != second
