"""The servers of one supervisor: one of each kind, and none left when it ends, whatever they were doing."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from course_lib.databases import state, unroot
from course_lib.databases.fleet import Fleet
from course_lib.errors import ServerError

pytestmark = pytest.mark.postgres


class Told:
    """What a fleet said about servers that ended."""

    def __init__(self) -> None:
        self.losses: list[tuple[list[str], str]] = []
        self.event = asyncio.Event()

    def __call__(self, kinds: list[str], text: str) -> None:
        self.losses.append((kinds, text))
        self.event.set()


@asynccontextmanager
async def fleet_in(folder: Path, told: Told | None = None) -> AsyncIterator[Fleet]:
    """Yield a fleet; afterwards none of its processes may be left."""
    os.mkdir(folder)
    fleet = Fleet(state.open_home(folder, unroot.choose()), told or Told())
    try:
        yield fleet
    finally:
        await fleet.stop()
    assert [child for child in psutil.Process().children() if str(folder) in " ".join(child.cmdline())] == []


def test_who_asks_at_once_gets_the_same_server(tmp_path: Path) -> None:
    async def main() -> tuple[int, int]:
        async with fleet_in(tmp_path / "home") as fleet:
            found = await asyncio.gather(*(fleet.running("postgres") for _ in range(3)))
            return len({id(server) for server, _ in found}), len(fleet.describe())

    assert asyncio.run(main()) == (1, 1)


def test_a_server_that_ends_takes_its_pooler_along_and_is_told_once(tmp_path: Path) -> None:
    async def main() -> tuple[list[tuple[list[str], str]], list[str], list[str]]:
        told = Told()
        async with fleet_in(tmp_path / "home", told) as fleet:
            postgres, _ = await fleet.running("postgres")
            await fleet.running("pgbouncer")
            assert postgres.process is not None
            os.kill(postgres.process.pid, signal.SIGKILL)
            await asyncio.wait_for(told.event.wait(), 30)
            left = [server["kind"] for server in fleet.describe()]
            _, notices = await fleet.allot("pgbouncer")
            return told.losses, left, [*notices, fleet.lost.get("postgres", "")]

    losses, left, said = asyncio.run(main())
    ((kinds, text),) = losses
    assert kinds == ["postgres", "pgbouncer", "pgbouncer-prepared"]
    assert text.startswith("PostgreSQL ended (signal SIGKILL); its log says: ")
    assert (left, said[-1]) == ([], "")


def test_a_database_is_had_although_the_server_has_just_ended(tmp_path: Path) -> None:
    async def main() -> str:
        async with fleet_in(tmp_path / "home") as fleet:
            first, _ = await fleet.allot("postgres")
            server, _ = await fleet.running("postgres")
            assert server.process is not None
            os.kill(server.process.pid, signal.SIGKILL)  # nobody has told the fleet yet
            second = first
            for _ in range(4):  # the ones made ahead are of the old server
                second, _ = await fleet.allot("postgres")
            return second.version

    assert asyncio.run(main())


def test_an_end_while_a_server_starts_leaves_none(tmp_path: Path) -> None:
    async def main() -> str:
        async with fleet_in(tmp_path / "home") as fleet:
            starting = asyncio.create_task(fleet.running("postgres"))
            await asyncio.sleep(0)  # one turn: it holds its lock now
            await fleet.stop()
            with pytest.raises(ServerError) as caught:
                await starting
            return str(caught.value)

    assert asyncio.run(main()) == "the servers' supervisor is gone; run the cell again"


def test_a_kind_that_is_none_of_ours_is_one_sentence(tmp_path: Path) -> None:
    async def main() -> None:
        async with fleet_in(tmp_path / "home") as fleet:
            with pytest.raises(ServerError, match="expected postgres, pgbouncer or mariadb, got 'oracle'"):
                await fleet.running("oracle")

    asyncio.run(main())
